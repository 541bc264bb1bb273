"""Prepare: what can be wrong is found before a host is touched; the plan is the same however often it is asked for."""

import io
import json
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.causes import Cause
from functions.core.new_deployment import new_deployment
from functions.core.records import (
    Alarms,
    Counts,
    Deployment,
    GroupSettings,
    OnPremisesInstance,
    TagFilter,
    TagGroup,
    Target,
)
from functions.core.rollout import stop_mark
from functions.core.rollout.command_result import failed_without_report
from functions.core.rollout.health import (
    PREDEFINED_CONFIGS,
)
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.engine.ending.end import engine_failure
from functions.handlers import prepare
from functions.store.keys import host_key, preparing_key, target_key
from functions.store.records import deployments, lock, on_premises, targets
from host.lifecycle import IN_PLACE
from tests.conftest import BUCKET, WEB, LambdaContext, pending, put_group, put_item, revision, stand_in
from tests.fakes.run_command import FakeRunCommand
from tests.fakes.service import refusal
from tests.rollout import begin_target, end_target
from tests.store import Store

NOW = "2026-11-23T10:00:00.000Z"
APPSPEC = "version: 0.0\nos: linux\n"


def archive(appspec: str | None = APPSPEC, **files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("readme", "hello")
        for name, content in files.items():
            made.writestr(name, content)
        if appspec is not None:
            made.writestr("appspec.yml", appspec)
    return packed.getvalue()


@dataclass
class World:
    """A group with running instances, of which SSM reaches some."""

    store: Store
    ssm: FakeRunCommand
    context: LambdaContext
    instances: list[str] = field(default_factory=list)

    def launch(self, count: int, *, managed: bool = True, role: str = "web", scaling_group: str = "") -> None:
        tags = [{"Key": "role", "Value": role}, {"Key": "Name", "Value": "a-host"}]
        tags += [{"Key": "aws:autoscaling:groupName", "Value": scaling_group}] if scaling_group else []
        made = client("ec2").run_instances(
            ImageId="ami-12c6146b",
            MinCount=count,
            MaxCount=count,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        ids = [each["InstanceId"] for each in made["Instances"]]
        self.instances += ids
        self.ssm.ping.update(dict.fromkeys(ids, "Online" if managed else ""))

    def create(self, body: bytes | None = None, **settings: Any) -> Deployment:
        """A deployment of an uploaded archive, on record."""
        put = client("s3").put_object(Bucket=BUCKET, Key="shop/web/v1.zip", Body=body or archive())
        group = put_group(settings=GroupSettings(tag_groups=(WEB,), **settings))
        pinned = revision(version=put["VersionId"])
        one = new_deployment(group, pinned, deployment_id="d-000000001", now=NOW, requested_by="me")
        lock.create(one, None, queue=True)
        return one

    def prepare(self) -> dict[str, Any]:
        return prepare.handler({"deployment_id": "d-000000001"}, self.context)

    def manifest(self, stage: dict[str, Any]) -> list[str]:
        body = client("s3").get_object(Bucket=stage["bucket"], Key=stage["key"])["Body"].read()
        return [item["target_id"] for item in json.loads(body)]

    @property
    def deployment(self) -> Deployment:
        found = deployments.get("d-000000001")
        assert found
        return found

    @property
    def targets(self) -> list[Target]:
        return list(targets.of("d-000000001"))

    def assert_refused(self, code: DeploymentErrorCode, *words: str) -> None:
        assert self.prepare() == {"deployment_id": "d-000000001", "proceed": False, "stages": []}
        assert self.deployment.status is DeploymentStatus.CREATED and self.deployment.failure
        assert self.deployment.failure.code is code
        assert all(word in self.deployment.failure.message for word in words), self.deployment.failure.message
        assert self.targets == []


@pytest.fixture
def world(store: Store, services: None, context: LambdaContext) -> World:
    return World(store, client("ssm"), context)


def test_a_good_revision_is_pinned_and_its_targets_are_planned(world: World) -> None:
    world.launch(3)
    world.create()
    answer = world.prepare()
    (stage,) = answer["stages"]
    assert answer["proceed"] is True
    assert world.manifest(stage) == sorted(world.instances) and stage["concurrency"] == 1
    one = world.deployment
    assert one.status is DeploymentStatus.IN_PROGRESS and one.start_time
    assert one.counts == Counts(total=3, max_out_of_service=1)
    assert one.revision.sha256 and len(one.revision.sha256) == 64 and one.revision.etag
    assert {(target.status, target.name) for target in world.targets} == {(TargetStatus.PENDING, "a-host")}


def test_a_target_that_an_older_engine_wrote_before_it_began_goes(world: World) -> None:
    """It made no plans; it crashed behind the targets, and then an instance left the group."""
    world.launch(2)
    one = world.create()
    (gone,) = pending(one, "i-0123456789abcdef0")
    put_item({**preparing_key(one.deployment_id).item, "attempt": "its-own"})
    put_item({**target_key(one.deployment_id, gone.target_id).item, "segments": {}, **to_plain(gone)})
    world.prepare()
    assert sorted(each.target_id for each in targets.of(one.deployment_id)) == sorted(world.instances)


def test_a_second_call_plans_the_same(world: World) -> None:
    world.launch(3)
    world.create()
    assert world.prepare() == world.prepare()
    assert world.deployment.counts == Counts(total=3, max_out_of_service=1)


def test_a_call_that_comes_when_targets_have_ended_plans_the_same(world: World) -> None:
    """The Distributed Map may not have read its manifest yet."""
    world.launch(4)
    world.launch(1, managed=False)
    world.create(config=PREDEFINED_CONFIGS["CodeDeployDefault.AllAtOnce"])
    first = world.prepare()
    (stage,) = first["stages"]
    manifest = world.manifest(stage)
    one, two, three, *_ = [each for each in world.targets if each.status is TargetStatus.PENDING]
    for each in (one, two):
        begin_target(each, NOW)
        result = failed_without_report(Cause.UNREACHABLE, "gone", IN_PLACE)
        targets.record_segment(each, 0, result, NOW)
    started = {each.target_id: each for each in world.targets}
    end_target(started[one.target_id], TargetStatus.FAILED, NOW)
    end_target(three, TargetStatus.FAILED, NOW, engine_failure("Boom"))
    assert world.prepare() == first and world.manifest(stage) == manifest and len(manifest) == 4


def test_one_that_was_refused_stays_refused(world: World) -> None:
    world.create()
    world.assert_refused(DeploymentErrorCode.NO_INSTANCES)
    world.launch(1)
    world.assert_refused(DeploymentErrorCode.NO_INSTANCES)


def test_hosts_that_ssm_does_not_reach_fail_at_once_and_count(world: World) -> None:
    world.launch(2)
    world.launch(1, managed=False)
    world.create()
    assert world.prepare()["proceed"] is False, "no more host may be out of service"
    (failed,) = targets.failed("d-000000001")
    assert failed.target_id == world.instances[2] and failed.failure and failed.failure.cause == "UNREACHABLE"
    assert world.deployment.counts.failed == 1


def test_a_windows_host_fails_before_anything_is_sent_and_stands_on_record(world: World) -> None:
    world.launch(2)
    world.ssm.platforms[world.instances[0]] = "Windows"
    world.create(config=PREDEFINED_CONFIGS["CodeDeployDefault.AllAtOnce"])
    (stage,) = world.prepare()["stages"]
    assert world.manifest(stage) == [world.instances[1]]
    (failed,) = targets.failed("d-000000001")
    assert failed.target_id == world.instances[0] and failed.failure and failed.failure.cause == "UNSUPPORTED"
    assert world.ssm.sent == []


def test_hosts_that_are_out_of_service_are_deployed_to_first(world: World) -> None:
    """Until they serve again no other host may be out, or too few would serve."""
    world.launch(4)
    one = world.create()
    broken = sorted(world.instances)[2]
    put_item(
        {
            **host_key(one.group_id, broken).item,
            "target_id": broken,
            "status": "Failed",
            "deployment_id": "d-0",
            "since": NOW,
        }
    )
    first, second = world.prepare()["stages"]
    assert world.manifest(first) == [broken] and world.manifest(second) == sorted({*world.instances} - {broken})
    assert first["bake_seconds"] == 0 and world.prepare()["stages"] == [first, second]
    assert world.deployment.counts == Counts(total=4, max_out_of_service=1, still_out=1)


def hooks(location: str) -> str:
    return f"{APPSPEC}hooks:\n  AfterInstall:\n  - location: {location}\n"


@pytest.mark.parametrize(
    ("appspec", "files", "said"),
    [
        (hooks("s"), {"s": "#!/bin/bash\r\ntrue\r\n"}, "hooks.AfterInstall[0].location: 's': its first line"),
        (hooks("/s"), {"s": "#!/usr/bin/env bash -e\n"}, "asks env for one program that is called 'bash -e'"),
        (hooks("s prod"), {"s": "#!/bin/sh\n"}, "arguments are not possible"),
        (hooks("bin\\s"), {"bin/s": "#!/bin/sh\n"}, "write bin/s"),
        (f"{APPSPEC}files: [{{source: 'a\\b', destination: /srv}}]", {"a/b/c": ""}, "files[0].source: the revision"),
        (f"{APPSPEC}files: [{{source: a, destination: ~/app}}]", {"a": ""}, "~ is not expanded"),
    ],
)  # fmt: skip
def test_what_is_sure_to_fail_on_a_host_is_refused(
    world: World, appspec: str, files: dict[str, str], said: str
) -> None:
    world.launch(1)
    world.create(archive(appspec, **files))
    world.assert_refused(DeploymentErrorCode.INVALID_REVISION, said)


@pytest.mark.parametrize(
    ("appspec", "files"),
    [
        (hooks("made-by-another-hook.sh"), {}),
        (hooks("s"), {"s": "#!/bin/sh\n", "windows.sh": "#!/bin/sh\r\n"}),
        (hooks("'a b'"), {"a b": "", "a": ""}),
        (f"{APPSPEC}files: [{{source: 'Foo$Bar.class', destination: /srv}}]", {"Foo$Bar.class": ""}),
        (f"{APPSPEC}files: [{{source: a, destination: /srv}}]", {"a/": ""}),
    ],
)
def test_what_may_work_on_a_host_is_not_refused(world: World, appspec: str, files: dict[str, str]) -> None:
    world.launch(1)
    world.create(archive(appspec, **files))
    assert world.prepare()["proceed"] is True


def test_only_instances_that_the_tags_select_are_targets(world: World) -> None:
    world.launch(1)
    world.launch(2, role="db")
    world.create()
    world.prepare()
    assert [target.target_id for target in world.targets] == world.instances[:1]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no archive", ["v1.zip", "zip"]),
        (archive(None), ["v1.zip", "appspec.yml"]),
        (archive("version: 0.0\nos: linux\nhooks: 5\n"), ["appspec.yml:3:8", "hooks"]),
    ],
)
def test_a_bad_revision_is_refused_with_its_place(world: World, body: bytes, words: list[str]) -> None:
    world.launch(1)
    world.create(body)
    world.assert_refused(DeploymentErrorCode.INVALID_REVISION, *words)


def test_what_an_appspec_may_not_mean_is_kept_as_a_warning(world: World) -> None:
    world.launch(1)
    world.create(archive("version: 0.0\nos: linux\nfile: []\n"))
    world.prepare()
    (warning,) = world.deployment.revision.warnings
    assert warning.startswith("3:1: file") and "files" in warning


def test_an_object_that_is_gone_is_missed_by_name(world: World) -> None:
    world.launch(1)
    one = world.create()
    client("s3").delete_object(Bucket=BUCKET, Key=one.revision.key, VersionId=str(one.revision.version))
    world.assert_refused(DeploymentErrorCode.REVISION_MISSING, "v1.zip", "does not exist (any more)")


def test_tags_that_select_nobody_are_refused(world: World) -> None:
    world.create()
    world.assert_refused(DeploymentErrorCode.NO_INSTANCES, "no running or stopped EC2 instance has role=web.")


def test_a_stopped_deployment_is_left_to_finish(world: World) -> None:
    world.launch(1)
    world.create()
    deployments.mark_stop("d-000000001", stop_mark.by_person("ann", NOW))
    assert world.prepare()["proceed"] is False and world.targets == []


def alarm(name: str, state: str) -> None:
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="n",
        MetricName="m",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Period=60,
        Threshold=1,
        Statistic="Sum",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_an_alarm_that_is_not_in_alarm_stops_nothing(world: World, state: str) -> None:
    alarm("errors", state)
    world.launch(1)
    world.create(alarms=Alarms(names=("errors",)))
    assert world.prepare()["proceed"] is True


def test_an_alarm_in_alarm_stops_it_before_any_target_is_on_record(world: World) -> None:
    alarm("errors", "ALARM")
    world.launch(1)
    world.create(alarms=Alarms(names=("errors", "unknown")))
    assert world.prepare()["proceed"] is False and world.targets == []
    assert world.deployment.stop and world.deployment.stop.message.endswith("Activated alarms: errors")


def test_an_alarm_that_does_not_exist_stops_it_unless_that_is_ignored(world: World) -> None:
    world.launch(1)
    world.create(alarms=Alarms(names=("unknown",)))
    assert world.prepare()["proceed"] is False
    mark = world.deployment.stop
    assert mark and "The alarms unknown do not exist" in mark.message and "ignorePollAlarmFailure" in mark.message


def test_alarms_that_aws_does_not_show_stop_it_and_its_text_is_for_the_log(
    world: World, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Denying:
        def describe_alarms(self, **request: Any) -> None:
            raise refusal("AccessDenied", "DescribeAlarms: arn:aws:sts::123456789012:assumed-role/SECRET")

    stand_in("cloudwatch", Denying())
    world.launch(1)
    world.create(alarms=Alarms(names=("errors",)))
    assert world.prepare()["proceed"] is False
    mark = world.deployment.stop
    assert mark and "cannot read the state of the alarms errors (AWS denied one of its calls)" in mark.message
    assert "SECRET" not in mark.message and "SECRET" in logged.getvalue()


def test_an_alarm_that_does_not_exist_may_be_ignored(world: World) -> None:
    world.launch(1)
    world.create(alarms=Alarms(names=("unknown",), ignore_poll_alarm_failure=True))
    assert world.prepare()["proceed"] is True and world.deployment.stop is None


def test_registered_on_premises_instances_are_targets_beside_those_of_ec2(world: World) -> None:
    for name, rack in (("rack-7", "a"), ("rack-8", "b"), ("rack-9", "a")):
        user = f"arn:aws:iam::123456789012:user/{name}"
        host = OnPremisesInstance(
            name=name, instance_arn=name, register_time=NOW, iam_user_arn=user, tags={"rack": rack}
        )
        assert on_premises.register(host)
        if name == "rack-9":
            assert on_premises.deregister(host, NOW)
    last = {"PingStatus": "Online", "LastPingDateTime": datetime(2026, 11, 23, tzinfo=UTC)}
    world.ssm.nodes = [
        {"InstanceId": "mi-7", "Name": "rack-7", **last},
        {"InstanceId": "mi-9", "Name": "rack-9", **last},
    ]
    world.launch(1)
    world.create(on_premises_tag_groups=(TagGroup(filters=(TagFilter(key="rack", value="a"),)),))
    (stage,) = world.prepare()["stages"]
    assert world.manifest(stage) == [*world.instances, "mi-7"]
    assert {target.target_id: target.name for target in targets.of("d-000000001")}["mi-7"] == "rack-7"

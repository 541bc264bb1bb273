"""Every member of CreateDeployment's request, through the API to two hosts, or refused as docs/api.md says.

The cases share the hosts and follow each other: what one has installed the next ones find.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import StructureShape

from cli.account.connection import Engine as CommandLineEngine
from functions.api import model
from functions.core.causes import Cause
from functions.core.records import Deployment
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from local.cloud import ROOT, LocalCloud
from local.counters import CREDENTIALS
from local.driver import Engine
from local.server import REGION
from tests.e2e import test_github, test_pipelines
from tests.e2e.conftest import Fleet, application, failing

GROUP = "options"
WHERE = {"applicationName": "shop", "deploymentGroupName": GROUP}
ALL_AT_ONCE = {"deploymentConfigName": "CodeDeployDefault.AllAtOnce"}
STOP_FAILS = {"scripts/note.sh": failing('[ "$LIFECYCLE_EVENT" != ApplicationStop ]')}


@dataclass
class Options:
    """The group with its hosts blue and green, the client, and where each revision lies."""

    fleet: Fleet
    client: Any
    bucket: str = "bucket"
    blue: str = "i-blue"
    versions: dict[str, dict[str, str]] = field(default_factory=dict)  # by revision: object version and eTag

    def revision(self, name: str, **more: str) -> dict[str, Any]:
        return {"revisionType": "S3", "s3Location": {"bucket": self.bucket, "key": f"pushed/{name}.zip", **more}}

    def pinned(self, name: str) -> dict[str, Any]:
        """By version and eTag, with the archive's type: as exactly as a request can say."""
        return self.revision("first", bundleType="zip", **self.versions.get(name, {"version": "", "eTag": ""}))

    def deploy(self, given: Mapping[str, Any]) -> Deployment:
        return self.fleet.engine.wait(self.client.create_deployment(**WHERE, **given)["deploymentId"])

    def told(self, one: Deployment) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get_deployment(deploymentId=one.deployment_id)["deploymentInfo"]
        return found

    def targets(self, one: Deployment) -> list[str]:
        return [target.target_id for target in self.fleet.targets(one)]


@pytest.fixture(scope="module")
def options(cloud: LocalCloud, engine: Engine) -> Iterator[Options]:
    hosts = [
        cloud.add_instance(name, {"group": GROUP, "colour": name, "stepdeploy": "enabled"})
        for name in ("blue", "green")
    ]
    how = {"aws_access_key_id": CREDENTIALS["AWS_ACCESS_KEY_ID"], "region_name": REGION}
    how["aws_secret_access_key"] = CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
    client = CommandLineEngine().client("stepdeploy", endpoint_url=engine.outputs["ApiEndpoint"], **how)
    made = Options(Fleet(cloud, engine, GROUP, hosts), client, engine.bucket, hosts[0].id)
    s3 = cloud.client("s3")
    revisions: list[tuple[str, str, dict[str, str | None]]] = [
        ("first", "v1", {}),
        ("first", "overwritten", {}),  # another version of the same object
        ("second", "v2", {}),
        ("ill", "ill", {"scripts/validate.sh": failing("exit 1")}),
        ("stops-badly", "stops-badly", dict(STOP_FAILS)),
        ("brings-more", "brings-more", {"app/config.txt": "ours\n"}),
    ]
    for key, version, changes in revisions:
        put = s3.put_object(Bucket=engine.bucket, Key=f"pushed/{key}.zip", Body=application(version, changes))
        made.versions[version] = {"version": put["VersionId"], "eTag": put["ETag"]}
    for alarm, state in (("override-errors", "ALARM"), ("override-fine", "OK")):
        cloud.create_alarm(alarm)
        cloud.set_alarm(alarm, state)
    yield made
    for host in hosts:
        cloud.remove_instance(host)


Given = Callable[[Options], dict[str, Any]]


def exactly_one_revision(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert options.fleet.installed() == ["v1", "v1"]
    told = options.told(one)
    assert (told["description"], told["metadata"]) == ("the first", {"ticket": "OPS-1"})
    assert told["deploymentConfigName"] == "CodeDeployDefault.AllAtOnce"
    assert told["revision"]["s3Location"]["version"] == options.versions["v1"]["version"]


def by_tag_filters(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert options.targets(one) == [options.blue] and options.fleet.installed() == ["v2", "v1"]


def only_the_outdated(options: Options, one: Deployment) -> None:
    """After a success: blue has the revision, green the one before."""
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert options.targets(one) == [options.fleet.hosts[1].id] and options.fleet.installed() == ["v2", "v2"]
    assert options.told(one)["updateOutdatedInstancesOnly"] is True


def by_tag_set(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert options.fleet.installed() == ["v2", "v1"]


def by_ids(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert options.targets(one) == [options.blue] and options.fleet.installed() == ["v1", "v1"]


def stopped_by_the_requests_alarm(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.STOPPED and one.counts.started == 0
    assert one.failure and one.failure.code is DeploymentErrorCode.ALARM_ACTIVE


def a_missing_alarm_is_ignored(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert options.fleet.installed() == ["v2", "v2"]


def rolled_back(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.FAILED and one.rollback and one.rollback.rollback_deployment_id, one.rollback
    assert options.fleet.engine.wait(one.rollback.rollback_deployment_id).status is DeploymentStatus.SUCCEEDED
    assert options.fleet.installed() == ["v2", "v2"]


def installed_one_that_stops_badly(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    for host in options.fleet.hosts:
        host.path("srv/app/config.txt").write_text("theirs\n")


def stopped_by_its_old_revision(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.FAILED
    assert {each.failure.event for each in options.fleet.targets(one) if each.failure} == {"ApplicationStop"}


def stopped_by_a_file(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.FAILED
    assert {each.failure.cause for each in options.fleet.targets(one) if each.failure} == {Cause.CONFLICT}


def overwritten(options: Options, one: Deployment) -> None:
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert [options.fleet.read(host, "srv/app/config.txt") for host in options.fleet.hosts] == ["ours", "ours"]


def restarted(options: Options, one: Deployment) -> None:
    """What is installed runs again, on the host that has it; the group's last successful revision alone."""
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert options.told(one)["deploymentMode"] == "RESTART"
    for target in options.fleet.targets(one):
        assert [event.name for event in target.events] == ["ApplicationStop", "ApplicationStart", "ValidateService"]
    assert len(options.targets(one)) == 2 and options.fleet.installed() == ["v2", "v2"]


CASES: list[tuple[Given, Callable[[Options, Deployment], None]]] = [
    (
        lambda the: {
            "revision": the.pinned("v1"),
            "description": "the first",
            "metadata": {"ticket": "OPS-1"},
            "onBusy": "QUEUE",  # nothing runs, so it begins at once
            **ALL_AT_ONCE,
        },
        exactly_one_revision,
    ),
    (
        lambda the: {
            "revision": the.revision("second"),  # no bundleType, version, eTag
            "targetInstances": {"tagFilters": [{"Key": "colour", "Value": "blue", "Type": "KEY_AND_VALUE"}]},
        },
        by_tag_filters,
    ),
    (lambda the: {"revision": the.revision("second"), "updateOutdatedInstancesOnly": True}, only_the_outdated),
    (lambda the: {"deploymentMode": "RESTART", **ALL_AT_ONCE}, restarted),
    (
        lambda the: {
            "revision": the.pinned("v1"),
            "targetInstances": {
                "ec2TagSet": {
                    "ec2TagSetList": [[{"Key": "group", "Value": GROUP}], [{"Key": "colour", "Value": "green"}]]
                }
            },
        },
        by_tag_set,
    ),
    (lambda the: {"revision": the.pinned("v1"), "targetInstances": {"instanceIds": [the.blue]}}, by_ids),
    (
        lambda the: {
            "revision": the.revision("second"),
            "overrideAlarmConfiguration": {
                "enabled": True,
                "ignorePollAlarmFailure": False,
                "alarms": [{"name": "override-errors"}],
            },
        },
        stopped_by_the_requests_alarm,
    ),
    (
        lambda the: {
            "revision": the.revision("second"),
            "overrideAlarmConfiguration": {
                "enabled": True,
                "ignorePollAlarmFailure": True,
                "alarms": [{"name": "override-fine"}, {"name": "nobody-made-this"}],
            },
            **ALL_AT_ONCE,
        },
        a_missing_alarm_is_ignored,
    ),
    (
        lambda the: {
            "revision": the.revision("ill"),
            "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
            **ALL_AT_ONCE,
        },
        rolled_back,
    ),
    (lambda the: {"revision": the.revision("stops-badly"), **ALL_AT_ONCE}, installed_one_that_stops_badly),
    (lambda the: {"revision": the.revision("brings-more"), **ALL_AT_ONCE}, stopped_by_its_old_revision),
    (
        lambda the: {
            "revision": the.revision("brings-more"),
            "ignoreApplicationStopFailures": True,
            "fileExistsBehavior": "DISALLOW",
            **ALL_AT_ONCE,
        },
        stopped_by_a_file,
    ),
    (
        lambda the: {
            "revision": the.revision("brings-more"),
            "ignoreApplicationStopFailures": True,
            "fileExistsBehavior": "OVERWRITE",
            **ALL_AT_ONCE,
        },
        overwritten,
    ),
]

# Requests with members that are refused, the exception, and the word for it in docs/api.md.
REFUSED: list[tuple[Given, str, str]] = [
    (lambda the: {"revision": the.revision("first"), "deploymentMode": "RESTART"}, "InvalidInputException", "RESTART"),
    (
        lambda the: {"revision": the.revision("first"), "targetInstances": {"autoScalingGroups": ["web"]}},
        "InvalidTargetInstancesException",
        "autoScalingGroups",
    ),
    (
        lambda the: {"revision": {"revisionType": "String", "string": {"content": "{}", "sha256": "0"}}},
        "InvalidRevisionException",
        "String",
    ),
    (
        lambda the: {"revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": "", "sha256": "0"}}},
        "InvalidRevisionException",
        "AppSpecContent",
    ),
]

# Shown by a file of its own, in every request that this function makes.
ELSEWHERE = {f"revision.gitHubLocation.{name}": test_github.deploy for name in ("repository", "commitId")} | {
    f"revision.codeCommitLocation.{name}": test_pipelines for name in ("repository", "commitId")
}


def test_what_a_request_says_is_done(options: Options, subtests: pytest.Subtests) -> None:
    """One test of all cases: what runs on several workers is not run in the order of the file."""
    for given, holds in CASES:
        with subtests.test(holds.__name__):
            holds(options, options.deploy(given(options)))


@pytest.mark.parametrize(("given", "code", "word"), REFUSED, ids=lambda each: each if isinstance(each, str) else "")
def test_what_is_not_done_is_refused_and_the_documents_say_so(
    options: Options, given: Given, code: str, word: str
) -> None:
    (documented,) = [line for line in (ROOT / "docs/api.md").read_text().splitlines() if "| CreateDeployment |" in line]
    assert word in documented.partition("refuses")[2]
    before = options.client.list_deployments(**WHERE)
    with pytest.raises(ClientError) as error:
        options.client.create_deployment(**WHERE, **given(options))
    assert error.value.response["Error"]["Code"] == code
    assert options.client.list_deployments(**WHERE)["deployments"] == before["deployments"]


def test_every_member_of_the_request_is_shown_here_or_refused() -> None:
    nowhere: Any = None
    unreal = Options(nowhere, nowhere)
    every = [given for given, *_ in CASES] + [given for given, *_ in REFUSED]
    requests: list[Mapping[str, Any]] = [WHERE, *(given(unreal) for given in every)]
    shown = {path for request in requests for path in paths_of(request)} | set(ELSEWHERE)
    shape = model.service().operation_model("CreateDeployment").input_shape
    assert isinstance(shape, StructureShape)
    assert shown == set(members_of(shape))


def paths_of(request: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Each member that a request gives, down to what is no structure, e.g. "revision.s3Location.key"."""
    for name, value in request.items():
        if isinstance(value, dict) and name not in ("metadata", "ec2TagSet"):
            yield from paths_of(value, f"{place}{name}.")
        else:
            yield f"{place}{name}"


def members_of(shape: StructureShape, place: str = "") -> Iterator[str]:
    for name, member in shape.members.items():
        if isinstance(member, StructureShape) and name != "ec2TagSet":
            yield from members_of(member, f"{place}{name}.")
        else:
            yield f"{place}{name}"

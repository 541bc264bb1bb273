"""`stepdeploy doctor`: every problem is told with its remedy, by moto's AWS (SSM's hosts by a fake)."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from cli.__main__ import main
from cli.account.connection import Engine
from functions.core.records import (
    Alarms,
    Budget,
    GroupSettings,
    Host,
    MaximumOutOfService,
    Registration,
    TagFilter,
    TagGroup,
    Trigger,
)
from functions.core.rollout.health import DeploymentConfig, MinimumHealthyHosts, MinimumHealthyHostsType
from functions.core.statuses import DeploymentStatus, TargetStatus, TriggerEvent
from functions.core.text.shapes import to_plain
from functions.store.keys import host_key
from functions.store.records import budgets
from tests.clients import client
from tests.conftest import BUCKET, WEB, put_group, put_item, stand_in
from tests.fakes.run_command import FakeRunCommand
from tests.served import Served
from tests.unit.api.test_deployments import put

Captured = pytest.CaptureFixture[str]
AlarmState = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
TOPIC = "arn:aws:sns:us-east-1:123456789012:outcomes"
DOCUMENT, CONTENT = "stepdeploy-segment", '{"schemaVersion": "2.2", "description": "%d", "mainSteps": []}'
READY = GroupSettings(
    tag_groups=(WEB,),
    alarms=Alarms(names=("errors",)),
    triggers=(Trigger(name="t", topic_arn=TOPIC, events=(TriggerEvent.DEPLOYMENT_FAILURE,)),),
)


@dataclass
class Account:
    """An account that is ready; each test spoils something."""

    ssm: FakeRunCommand
    captured: Captured
    instances: list[str] = field(default_factory=list)
    forbidden: set[str] = field(default_factory=set)  # operations
    silent_buckets: set[str] = field(default_factory=set)  # that send nothing to EventBridge

    def launch(self, count: int = 1, *, profile: bool = False, **tags: str) -> list[str]:
        name = f"host-{len(self.instances)}"
        if profile:
            client("iam").create_instance_profile(InstanceProfileName=name)
        given = {"role": "web", "stepdeploy": "enabled", **tags}
        found = client("ec2").run_instances(
            ImageId="ami-12c6146b",
            MinCount=count,
            MaxCount=count,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in given.items()]}
            ],
            **({"IamInstanceProfile": {"Name": name}} if profile else {}),
        )
        ids = [each["InstanceId"] for each in found["Instances"]]
        self.instances += ids
        return ids

    def alarm(self, state: AlarmState) -> None:
        cloudwatch = client("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName="errors",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Namespace="shop",
            MetricName="errors",
            Period=60,
            Statistic="Sum",
            Threshold=1,
        )
        cloudwatch.set_alarm_state(AlarmName="errors", StateValue=state, StateReason="a test")

    def doctor(self, *arguments: str) -> tuple[int, list[dict[str, str]]]:
        """Its exit status, and what it found that is not as it should be."""
        status = main(["doctor", *arguments, "--json"])
        found = json.loads(self.captured.readouterr().out)["findings"]
        return status, [each for each in found if each["level"] != "ok"]

    def only(self, level: str) -> dict[str, str]:
        """The one finding; exit status 1 if it is a problem."""
        status, (found,) = self.doctor()
        assert (found["level"], status) == (level, 1 if level == "problem" else 0)
        return found


@pytest.fixture
def account(engine: Served, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> Account:
    account = Account(FakeRunCommand(), capsys)
    make = Engine.client

    def watched(made: Any) -> Any:
        def refuse(model: Any, **_: Any) -> Any:
            if model.name in account.forbidden:
                return SimpleNamespace(status_code=403), {"Error": {"Code": "AccessDenied", "Message": "no"}}
            return None

        def complete(parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
            if context["input_params"]["Bucket"] not in account.silent_buckets:
                parsed["EventBridgeConfiguration"] = {}  # moto keeps it, but does not tell

        made.meta.events.register("before-call", refuse, "refuse")
        made.meta.events.register("after-call.s3.GetBucketNotificationConfiguration", complete, "complete")
        return made

    stand_in("ssm", account.ssm)
    monkeypatch.setattr(Engine, "client", lambda self, name, **how: watched(make(self, name, **how)))
    monkeypatch.setattr(
        Engine,
        "outputs",
        {
            "BucketName": BUCKET,
            "ApiEndpoint": engine.endpoint,
            "HostTag": "stepdeploy=enabled",
            "DocumentName": DOCUMENT,
            "DocumentVersion": "1",
        },
    )
    client("ssm").create_document(Name=DOCUMENT, Content=CONTENT % 1, DocumentType="Command")
    put_group(settings=READY)
    account.launch(2)
    account.alarm("OK")
    client("sns").create_topic(Name="outcomes")
    return account


def test_an_account_that_is_ready_has_no_problem(account: Account) -> None:
    assert account.doctor() == (0, [])


def test_people_read_a_line_for_each_finding_and_the_counts(account: Account, engine: Served, capsys: Captured) -> None:
    assert main(["doctor", "shop/web"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ok       stack: is there, in us-east-1",
        f"ok       API: answers at {engine.endpoint}",
        f"ok       bucket: {BUCKET} has versioning and EventBridge notifications",
        f"ok       document: version 1 of the SSM document {DOCUMENT} is the newest and the default",
        "ok       shop/web: SSM reaches all 2 hosts",
        "ok       shop/web: CodeDeployDefault.OneAtATime lets 1 of 2 hosts be out of service at one time",
        "ok       shop/web: alarm errors is OK",
        "ok       shop/web: topic outcomes is there",
        "8 ok",
    ]


def test_a_bucket_without_versions_is_a_problem(account: Account) -> None:
    client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    assert "has versioning off" in account.only("problem")["message"]


def test_a_bucket_that_is_gone_is_a_problem(account: Account) -> None:
    client("s3").delete_bucket(Bucket=BUCKET)
    assert account.only("problem")["message"] == f"{BUCKET} is gone"


def test_a_stack_of_an_older_version_is_a_problem(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "outputs", {"BucketName": BUCKET})
    assert account.only("problem")["message"] == "has no output ApiEndpoint, DocumentName, DocumentVersion"


def test_an_api_that_does_not_answer_is_a_problem(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPDEPLOY_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    found = account.only("problem")
    assert (found["about"], "Could not connect" in found["message"]) == ("API", True)


def test_an_api_that_may_not_be_called_is_a_problem(account: Account) -> None:
    account.forbidden = {"ListApplications"}
    assert "execute-api:Invoke" in account.only("problem")["remedy"]


def test_tags_that_match_nothing_are_a_problem(account: Account) -> None:
    client("ec2").terminate_instances(InstanceIds=account.instances)
    assert account.only("problem")["message"] == "its tags match no running or stopped instance"


def test_hosts_that_the_engine_may_not_command_are_a_problem_with_the_command_that_mends_it(account: Account) -> None:
    (host,) = account.launch(stepdeploy="no")
    found = account.only("problem")
    assert found["message"] == f"{host}: missing tag stepdeploy=enabled: the engine cannot send commands"
    assert found["remedy"] == f"aws ec2 create-tags --tags Key=stepdeploy,Value=enabled --resources {host}"


def test_hosts_that_ssm_does_not_hear_are_a_problem_and_three_are_named(account: Account) -> None:
    lost = account.launch(5)
    account.ssm.ping = dict.fromkeys(lost, "ConnectionLost")
    found = account.only("problem")["message"]
    assert found.endswith(" and 2 more: SSM has lost contact")
    assert sum(each in found for each in lost) == 3


def test_a_host_that_is_no_linux_is_a_problem(account: Account) -> None:
    (host,) = account.launch()
    account.ssm.platforms = {host: "Windows"}
    found = account.only("problem")
    assert found["message"] == f"{host}: no Linux, which is not supported: each deployment fails there"
    assert found["remedy"] == "take it out of the group: change its tags"


def test_hosts_that_ssm_does_not_know_are_told_by_whether_they_have_an_instance_profile(account: Account) -> None:
    (with_profile,), (without,) = account.launch(profile=True), account.launch()
    account.ssm.ping = {with_profile: "", without: ""}
    status, found = account.doctor()
    assert status == 1
    assert [each["message"] for each in found] == [
        f"{without}: no instance profile, so SSM does not know it",
        f"{with_profile}: SSM does not know it",
    ]


def test_hosts_outside_of_ec2_are_looked_at_by_their_registration(account: Account) -> None:
    client("ec2").terminate_instances(InstanceIds=account.instances)
    put_group(settings=replace(READY, tag_groups=(), on_premises_tag_groups=(WEB,)))
    for name in ("rack-1", "rack-2"):
        Engine().api.register_on_premises_instance(
            instanceName=name, iamUserArn=f"arn:aws:iam::123456789012:user/{name}"
        )
        tags = [{"Key": "role", "Value": "web"}]
        Engine().api.add_tags_to_on_premises_instances(instanceNames=[name], tags=tags)
    heard = {"PingStatus": "Online", "LastPingDateTime": datetime(2026, 11, 23, tzinfo=UTC)}
    account.ssm.nodes = [{"InstanceId": "mi-1", "Name": "rack-1", **heard}]
    assert account.only("problem")["message"] == "rack-2: registered, but SSM does not know it"
    account.ssm.nodes.append({"InstanceId": "mi-2", "Name": "rack-2", **heard})
    assert account.doctor() == (0, [])


def budget(name: str = "fleet", value: int = 1, **selects: Any) -> Budget:
    maximum = MaximumOutOfService(MinimumHealthyHostsType.FLEET_PERCENT, value)
    found = Budget(name=name, maximum=maximum, **(selects or {"tag_groups": (WEB,)}))
    budgets.put(found)
    return found


def test_a_budget_of_a_groups_hosts_that_only_another_group_names_is_a_warning(account: Account) -> None:
    budget(value=50)
    assert account.doctor() == (0, []), "no group names it"
    put_group("tools", settings=replace(READY, budgets=("fleet",)))
    found = account.only("warning")
    assert found["about"] == "shop/web" and found["remedy"] == "add fleet to the group's budgets"
    assert "in budget fleet of shop/tools, which deployments of this group do not keep to" in found["message"]
    put_group(settings=replace(READY, budgets=("fleet",)))
    assert account.doctor() == (0, [])


def test_a_budget_that_has_no_place_or_none_of_the_hosts_is_told(account: Account) -> None:
    other = (TagGroup(filters=(TagFilter(key="role", value="db"),)),)
    account.launch(role="db")
    budget(), budget("other", 100, tag_groups=other)
    put_group(settings=replace(READY, budgets=("fleet", "other")))
    status, found = account.doctor("shop/web")
    assert (status, [(each["level"], each["message"]) for each in found]) == (
        1,
        [
            (
                "problem",
                f"CodeDeployDefault.OneAtATime: Budget fleet: 1 % of {len(account.instances) - 1} hosts is less than"
                " one host, so none could be deployed to: raise it.",
            ),
            ("warning", "names budget other, to which none of its hosts belongs"),
        ],
    )


def test_a_minimum_that_lets_no_host_out_is_a_problem(account: Account) -> None:
    minimum = MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 2)
    Engine().api.create_deployment_config(
        deploymentConfigName="Both", minimumHealthyHosts={"type": "HOST_COUNT", "value": 2}
    )
    put_group(settings=replace(READY, config=DeploymentConfig("Both", minimum)))
    assert (
        "Both: minimum healthy hosts 2 (HOST_COUNT) keeps all 2 targets in service"
        in account.only("problem")["message"]
    )


def test_a_configuration_that_is_gone_is_a_problem(account: Account) -> None:
    put_group(settings=replace(READY, config=DeploymentConfig("Gone")))
    assert account.only("problem")["message"].startswith("DeploymentConfigDoesNotExistException: ")


@pytest.mark.parametrize(("state", "level"), [("ALARM", "problem"), ("INSUFFICIENT_DATA", "warning")])
def test_an_alarm_that_is_not_ok_is_told(state: AlarmState, level: str, account: Account) -> None:
    account.alarm(state)
    assert account.only(level)["message"] == f"alarm errors is in {state}"


@pytest.mark.parametrize(("ignored", "level"), [(False, "problem"), (True, "warning")])
def test_an_alarm_that_is_not_there_is_told(ignored: bool, level: str, account: Account) -> None:
    alarms = Alarms(names=("gone",), ignore_poll_alarm_failure=ignored)
    put_group(settings=replace(READY, alarms=alarms))
    assert account.only(level)["message"] == "there is no alarm gone, which stops its deployments"


def test_a_topic_that_is_gone_is_a_problem(account: Account) -> None:
    client("sns").delete_topic(TopicArn=TOPIC)
    assert account.only("problem")["message"] == f"there is no topic {TOPIC}, to which it sends"


def test_hosts_that_are_left_out_of_a_load_balancer_are_a_problem_with_the_way_back(account: Account) -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
    first, second = account.instances
    put_host(first, out_of=(Registration(balancer=arn, instance_id=first, port=8080),))
    put_host(second)
    found = account.only("problem")
    why = "since d-000000001 or an earlier deployment failed there"
    assert found["message"] == f"{first}: out of target group web {why}"
    way = "stepdeploy retry d-000000001, or stepdeploy rollback shop/web"
    assert found["remedy"] == f"the next deployment that succeeds there brings it back as it was: {way}"


def put_host(host_id: str, out_of: tuple[Registration, ...] = ()) -> None:
    """On which the group's deployment has failed."""
    deployment = put(1, status=DeploymentStatus.FAILED)
    host = Host(
        target_id=host_id,
        deployment_id=deployment.deployment_id,
        status=TargetStatus.FAILED,
        since=deployment.create_time,
        out_of=out_of,
    )
    put_item({**host_key("uuid-of-web", host_id).item, **to_plain(host)})


@pytest.mark.parametrize(
    ("operation", "needs"),
    [
        ("HeadBucket", "s3:ListBucket"),
        ("ListGroupInstances", "execute-api:Invoke on ListGroupInstances"),
        ("ListHosts", "execute-api:Invoke on ListHosts"),
        ("DescribeAlarms", "cloudwatch:DescribeAlarms"),
        ("GetTopicAttributes", "sns:GetTopicAttributes"),
    ],
)
def test_what_may_not_be_looked_at_is_told_and_is_no_problem(operation: str, needs: str, account: Account) -> None:
    account.forbidden = {operation}
    found = account.only("unknown")
    assert found["message"] == "no permission to check"
    assert needs in found["remedy"]


def test_a_group_that_is_not_there_is_refused(account: Account, capsys: Captured) -> None:
    assert main(["doctor", "shop/w3b"]) == 3
    assert "DeploymentGroupDoesNotExistException" in capsys.readouterr().err


def test_only_the_group_that_is_asked_for_is_looked_at(account: Account, engine: Served) -> None:
    put_group("other", settings=GroupSettings())
    assert account.doctor("shop/web") == (0, [])
    assert account.doctor()[0] == 1


def test_a_document_that_is_gone_is_a_problem(account: Account) -> None:
    client("ssm").delete_document(Name=DOCUMENT)
    found = account.only("problem")
    assert found["message"] == f"version 1 of the SSM document {DOCUMENT}, which the engine sends, is gone"


def test_a_version_that_somebody_else_made_is_named(account: Account) -> None:
    client("ssm").update_document(Name=DOCUMENT, Content=CONTENT % 2, DocumentVersion="$LATEST")
    assert "version 2 is newer, and not from this stack" in account.only("warning")["message"]


def test_a_default_that_stayed_behind_is_named(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    client("ssm").update_document(Name=DOCUMENT, Content=CONTENT % 2, DocumentVersion="$LATEST")
    monkeypatch.setattr(Engine, "outputs", {**Engine.outputs, "DocumentVersion": "2"})  # type: ignore[dict-item]
    found = account.only("warning")
    assert "the default is 1" in found["message"]
    assert found["remedy"].endswith(f"--name {DOCUMENT} --document-version 2")


def test_groups_that_these_credentials_may_not_list_are_unknown(account: Account) -> None:
    account.forbidden.add("BatchGetDeploymentGroups")
    found = account.only("unknown")
    assert (found["about"], found["message"]) == ("groups", "no permission to check")
    assert "BatchGetDeploymentGroups" in found["remedy"]


def test_a_group_is_asked_for_once(account: Account, engine: Served) -> None:
    assert account.doctor("shop/web") == (0, [])
    assert len(engine.asked) == len(set(engine.asked)), engine.asked

"""The stand-ins of what moto does not have or does otherwise than AWS, held to the same answers as the local cloud."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.aws import cloudformation, cloudwatch, kms, tokens
from functions.aws.clients import client
from functions.aws.cloudwatch import AlarmMetric, MetricQuery
from functions.aws.fleet import ssm
from functions.core.rollout.analysis import Series
from functions.core.rollout.command_result import read_invocation
from functions.core.statuses import TargetStatus
from functions.settings import settings
from host import bootstrap
from host.lifecycle import START, LifecycleEvent
from tests.conftest import stand_in
from tests.fakes.cloudformation import FakeCloudFormation
from tests.fakes.cloudwatch import FakeAlarms
from tests.fakes.kms import FakeKms
from tests.fakes.run_command import FakeRunCommand
from tests.fakes.service import Service
from tests.fakes.step_functions import FakeStepFunctions
from tests.local.conftest import Ssm
from tests.local.emulator import Account
from tests.local.test_alarms import alarm, set_alarm
from tests.local.test_state_machines import CALLBACK, calls
from tests.local.test_state_machines import tokens as given_tokens

BOTH = ["stand-in", "local cloud"]
EVENTS = (LifecycleEvent.BEFORE_INSTALL, LifecycleEvent.AFTER_INSTALL)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


# -- KMS, of which moto's takes a digest for a message


@pytest.fixture(params=BOTH)
def key(request: pytest.FixtureRequest, environment: None, monkeypatch: pytest.MonkeyPatch) -> str:
    arn = "arn:aws:kms:us-east-1:123456789012:key/signing"
    if request.param == "stand-in":
        stand_in("kms", FakeKms())
    else:
        made = stand_in("kms", request.getfixturevalue("cloud").client("kms"))
        arn = made.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    monkeypatch.setenv("SIGNING_KEY_ARN", arn)
    settings.cache_clear()
    return arn


def test_what_is_signed_is_verified_by_the_public_key(key: str) -> None:
    public = kms.public_key(key)
    payload, _, signature = kms.signed("what hosts are told").rpartition(".")
    assert payload == "what hosts are told"
    assert bootstrap.is_signed(payload.encode(), signature.encode(), int(public.modulus, 16), int(public.exponent))


# -- alarms, of which moto has no history


@pytest.fixture(params=BOTH)
def alarmed(request: pytest.FixtureRequest, environment: None) -> Callable[..., str]:
    """Makes an alarm that takes these states; its name."""
    if request.param == "stand-in":
        fake = stand_in("cloudwatch", FakeAlarms())

        def with_states(*states: str) -> str:
            fake.put_metric_alarm(
                AlarmName="errors",
                Namespace="tests",
                MetricName="Errors",
                Statistic="Sum",
                Period=60,
                ComparisonOperator="GreaterThanThreshold",
                EvaluationPeriods=1,
            )
            for state in states:
                fake.set_alarm_state(AlarmName="errors", StateValue=state, StateReason="by hand")
            return "errors"

        return with_states
    cloud: Account = request.getfixturevalue("cloud")
    stand_in("cloudwatch", cloud.client("cloudwatch"))

    def on_the_cloud(*states: str) -> str:
        name = alarm(cloud)
        for state in states:
            set_alarm(cloud, name, state)
        return name

    return on_the_cloud


def test_a_new_alarm_has_no_data_yet(alarmed: Callable[..., str]) -> None:
    (found,) = client("cloudwatch").describe_alarms(AlarmNames=[alarmed()])["MetricAlarms"]
    assert found["StateValue"] == "INSUFFICIENT_DATA"


def test_an_alarm_is_known_to_have_been_in_alarm(alarmed: Callable[..., str]) -> None:
    name = alarmed("OK", "ALARM", "OK")
    was = cloudwatch.last_in_alarm(name, LONG_AGO)
    assert was and datetime.now(UTC) - was < timedelta(minutes=1)
    assert cloudwatch.last_in_alarm(name, datetime.now(UTC) + timedelta(minutes=1)) is None


def test_one_that_never_rang_never_did(alarmed: Callable[..., str]) -> None:
    assert cloudwatch.last_in_alarm(alarmed("OK"), LONG_AGO) is None


def test_a_composite_alarm_has_no_metric_that_could_be_counted(alarmed: Callable[..., str]) -> None:
    name = alarmed()
    client("cloudwatch").put_composite_alarm(AlarmName=f"{name}-all", AlarmRule=f'ALARM("{name}")')
    found = cloudwatch.alarm_metrics([name, f"{name}-all"], datetime.now(UTC))
    client("cloudwatch").delete_alarms(AlarmNames=[f"{name}-all"])
    assert isinstance(found[name], AlarmMetric) and "composite alarm" in str(found[f"{name}-all"])


def test_the_data_of_a_metric_are_read(alarmed: Callable[..., str]) -> None:
    """Also those of less than a minute."""
    name, now = alarmed(), datetime.now(UTC).replace(microsecond=0)
    for second in range(3):
        point: dict[str, Any] = {"MetricName": name, "Timestamp": now + timedelta(seconds=second), "Value": 2.0}
        point["Dimensions"] = [{"Name": "InstanceId", "Value": "i-1"}]
        client("cloudwatch").put_metric_data(Namespace="tests", MetricData=[point])
    asked = MetricQuery(
        namespace="tests", name=name, dimensions={"InstanceId": "i-1"}, statistic="Average", period_seconds=1
    )
    found = cloudwatch.series([asked], now, now + timedelta(seconds=2), now)
    assert found == [Series(2, 4.0)], "the end is not among them"


# -- task tokens


@pytest.fixture(params=BOTH)
def token(request: pytest.FixtureRequest, environment: None) -> str:
    """Of a state that waits."""
    if request.param == "stand-in":
        stand_in("stepfunctions", FakeStepFunctions())
        return "t-1"
    cloud: Account = request.getfixturevalue("cloud")
    stand_in("stepfunctions", cloud.client("stepfunctions"))
    function = cloud.function()
    cloud.start(cloud.machine(Waits=calls(function, CALLBACK)))
    (given,) = given_tokens(function)
    return given


def test_a_token_is_completed_once(token: str) -> None:
    assert tokens.succeed(token, {"status": "Succeeded"}) is True
    assert tokens.succeed(token, {"status": "Succeeded"}) is False


# -- Run Command


@dataclass
class Hosts:
    """One host, and how it comes to the end of a command: `ends(command_id)`."""

    instance_id: str
    ends: Callable[[str], object]


class OfTheLocalCloud(Service):
    """The local cloud's Run Command as a client."""

    name = "ssm"

    def __init__(self, ssm: Ssm) -> None:
        super().__init__()
        self._ssm = ssm

    def _call(self, method: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        return self._ssm.call(operation, **request)


def document(fails: bool) -> dict[str, Any]:
    """Steps that report as the runner does; of a failing one, the last event."""
    well = {"status": "Succeeded", "error_code": "Success", "cause": None, "message": ""}
    badly = {"status": "Failed", "error_code": "ScriptFailed", "cause": "SCRIPT", "message": "exit code 1"}
    steps: list[dict[str, Any]] = [{"runCommand": ["true"]}]
    for event in EVENTS:
        is_bad = fails and event is EVENTS[-1]
        said = {"stepdeploy": 1, "event": event.value, "script_name": "", "log_tail": "", **(badly if is_bad else well)}
        steps.append({"runCommand": [f"echo '{json.dumps(said)}'", f"exit {int(is_bad)}"]})
    names = (START, *(each.value for each in EVENTS))
    return {
        "schemaVersion": "2.2",
        "parameters": {"Instructions": {"type": "String"}},
        "mainSteps": [
            {"action": "aws:runShellScript", "name": name, "inputs": inputs}
            for name, inputs in zip(names, steps, strict=True)
        ],
    }


@pytest.fixture(params=BOTH)
def hosts(
    request: pytest.FixtureRequest, environment: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[bool], Hosts]:
    """A host of which commands succeed, or fail."""

    def of_the_stand_in(fails: bool) -> Hosts:
        fake = stand_in("ssm", FakeRunCommand())
        status = "Failed" if fails else "Success"
        return Hosts("i-0123456789abcdef0", lambda command: fake.answer(command, tuple(EVENTS), status))

    def of_the_local_cloud(fails: bool) -> Hosts:
        found: Ssm = request.getfixturevalue("ssm")
        stand_in("ssm", OfTheLocalCloud(found))
        found.documents.create("segment", document(fails))
        monkeypatch.setenv("DOCUMENT_NAME", "segment")
        monkeypatch.setenv("DOCUMENT_VERSION", "1")
        monkeypatch.setenv("DOCUMENT_HASH", found.documents.get("segment").version("1").digest)
        settings.cache_clear()
        host = found.host()
        return Hosts(host.instance_id, lambda command: found.ended(command, host))

    return of_the_stand_in if request.param == "stand-in" else of_the_local_cloud


@pytest.mark.root
@pytest.mark.parametrize("fails", [False, True])
def test_a_command_reports_every_step(hosts: Callable[[bool], Hosts], fails: bool) -> None:
    host = hosts(fails)
    command = ssm.send(host.instance_id, "told", comment="d-1 segment 0")
    assert ssm.find(host.instance_id, "d-1 segment 0", LONG_AGO) == command
    assert ssm.find(host.instance_id, "d-1 segment 1", LONG_AGO) is None
    host.ends(command)
    found = ssm.invocation(command, host.instance_id)
    assert (found["CommandId"], found["InstanceId"], found["Comment"]) == (command, host.instance_id, "d-1 segment 0")
    assert found["Status"] == found["StatusDetails"] == ("Failed" if fails else "Success")
    plugins = [(each["Name"], each["StatusDetails"]) for each in found["CommandPlugins"]]
    assert plugins == [(START, "Success"), (EVENTS[0], "Success"), (EVENTS[1], found["Status"])]
    result = read_invocation(found, EVENTS)
    assert result and result.status is (TargetStatus.FAILED if fails else TargetStatus.SUCCEEDED)
    assert (result.failure is None) is not fails


@pytest.mark.root
def test_what_is_not_known_is_empty_and_cancelled_in_vain(hosts: Callable[[bool], Hosts]) -> None:
    host = hosts(False)
    command = ssm.send(host.instance_id, "told", comment="c")
    host.ends(command)
    ssm.cancel(command, host.instance_id)
    assert ssm.invocation(command, host.instance_id)["Status"] == "Success"
    found = ssm.contacts([host.instance_id])[host.instance_id]
    assert (found.ping, found.platform) == ("Online", "Linux")
    assert ssm.invocation("00000000-0000-0000-0000-000000000000", host.instance_id) == {}


# -- CloudFormation, of which moto's needs packages that are not here


@pytest.fixture(params=BOTH)
def stacks(request: pytest.FixtureRequest, environment: None) -> Service:
    if request.param == "stand-in":
        return stand_in("cloudformation", FakeCloudFormation())
    found: Service = stand_in("cloudformation", request.getfixturevalue("cloud").client("cloudformation"))
    return found


def test_what_a_stack_has_is_told_from_what_it_does_not_have(stacks: Service) -> None:
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    stack = stacks.create_stack(StackName="left-or-not", TemplateBody=template)["StackId"]
    assert not cloudformation.has_left(stack, "Queue")
    assert cloudformation.has_left(stack, "Other")
    assert cloudformation.has_left(f"{stack}0", "Queue")

"""`stepdeploy doctor --smoke`: each check finds what is wrong, by the answers that AWS would give then.

The check that deploys is whole in tests/e2e/test_command_line.py; here its deployment ends as a test says.
"""
# ruff: noqa: F811 - a test asks for a fixture by its name

import gzip
import json
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from cli.__main__ import main
from cli.account.connection import Engine
from cli.account.smoke import deployment, rates
from cli.account.smoke.plan import READS, SENDS
from cli.account.smoke.revision import archive
from host.bundle.archive import check
from tests.cli.verbs.setting_up.test_doctor import Account, account  # noqa: F401 - a fixture
from tests.clients import client
from tests.conftest import BUCKET

Answer = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
COMMITS = 100  # of 1,000, at most
THROTTLED = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
FACTS = "2026-11-28 21:00:00 [stdout]facts tmp={tmp} free_kb={free} epoch={epoch} python=3.9\n"


@dataclass
class Aws:
    """What AWS answers to operations; of others it is the account's own answer."""

    account: Account
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def watch(self, client: Any) -> Any:
        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            self.asked.setdefault(model.name, []).append(dict(params))

        def answer(model: Any, **_: Any) -> Any:
            if (given := self.answers.get(model.name)) is None:
                return None
            told = given() if callable(given) else given
            return SimpleNamespace(status_code=400 if "Error" in told else 200), told

        client.meta.events.register("before-parameter-build", note, "note")
        client.meta.events.register("before-call", answer, "answer")
        return client

    def smoke(self, about: str, level: str) -> list[dict[str, str]]:
        """The findings of one kind that are not as they should be; all of one level."""
        main(["doctor", "shop/web", "--smoke", "--json"])
        said = self.account.captured.readouterr()
        assert "costs at most $0.01" in said.err
        found = [each for each in json.loads(said.out)["findings"] if each["about"] == about and each["level"] != "ok"]
        assert {each["level"] for each in found} == {level}, said.out
        return found

    def all(self) -> list[dict[str, str]]:
        main(["doctor", "shop/web", "--smoke", "--json"])
        return list(json.loads(self.account.captured.readouterr().out)["findings"])


@pytest.fixture
def seen(account: Account, monkeypatch: pytest.MonkeyPatch) -> Aws:
    host, other = account.instances
    found = Aws(account)
    logs = f".stepdeploy/logs/d-SMOKE0001/{host}/ValidateService.log.gz"
    for key in (logs, logs.replace(host, other)):
        put_log(key)
    url = client("s3").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": logs})
    told = b64encode(json.dumps({"bundle": {"url": url}}).encode()).decode() + ".00"
    found.answers = {
        "DescribeStateMachine": {"definition": "{}"},
        "ValidateStateMachineDefinition": {"result": "OK", "diagnostics": []},
        "DescribeStackEvents": {"StackEvents": []},
        "GetAccountSettings": limit(1000),
        "CreateApplication": {},
        "CreateDeploymentGroup": {},
        "CreateDeployment": {"deploymentId": "d-SMOKE0001"},
        "GetDeployment": ended("Succeeded"),
        "StopDeployment": {"status": "Pending"},
        "DeleteApplication": {},
        "ListCommands": {
            "Commands": [{"Comment": "stepdeploy d-SMOKE0001 segment 0", "Parameters": {"Instructions": [told]}}]
        },
        "DescribeInstanceInformation": {"InstanceInformationList": []},
        "ListCommandInvocations": {"CommandInvocations": []},
        "SendCommand": {"Command": {"CommandId": "c"}},
        "TransactWriteItems": {},
        "DeleteItem": {},
    }
    outputs = {**Engine.outputs, "StateMachineArn": "arn:aws:states:us-east-1:1:stateMachine:s", "TableName": "t"}  # type: ignore[dict-item]
    monkeypatch.setattr(Engine, "outputs", outputs)
    make = Engine.client
    monkeypatch.setattr(Engine, "client", lambda self, name, **how: found.watch(make(self, name, **how)))
    monkeypatch.setattr(rates, "COMMIT_SECONDS", 0.2)
    monkeypatch.setattr(rates, "COMMITS", COMMITS)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: gzip_answer())
    return found


def gzip_answer() -> Any:
    import io

    return io.BytesIO(b"P")


def put_log(key: str, tmp: str = "yes", free: int = 9_000_000, epoch: int | None = None) -> None:
    text = FACTS.format(tmp=tmp, free=free, epoch=int(time.time()) if epoch is None else epoch)
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(text.encode()))


def limit(free: int) -> dict[str, Any]:
    return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": free}}


def ended(status: str, *causes: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"deploymentInfo": {"deploymentId": "d-SMOKE0001", "status": status, "causes": list(causes), **more}}


def throttling_after(taken: int, answer: Mapping[str, Any]) -> Callable[[], Mapping[str, Any]]:
    left = iter(range(taken))
    return lambda: answer if next(left, None) is not None else THROTTLED


def test_an_account_where_all_is_well_has_no_problem(seen: Aws) -> None:
    assert {each["level"] for each in seen.all()} == {"ok"}
    (group,) = seen.asked["CreateDeploymentGroup"]
    assert group["ec2TagFilters"] == [{"Key": "stepdeploy", "Value": "enabled", "Type": "KEY_AND_VALUE"}]
    (asked,) = seen.asked["CreateDeployment"]
    assert asked["targetInstances"] == {"instanceIds": sorted(seen.account.instances)}
    (deleted,) = seen.asked["DeleteApplication"]
    assert deleted["applicationName"] == group["applicationName"] == asked["applicationName"]


def test_what_it_does_is_bounded(seen: Aws) -> None:
    seen.all()
    assert len(seen.asked["SendCommand"]) == SENDS
    assert len(seen.asked["ListCommandInvocations"]) == READS
    assert len(seen.asked["TransactWriteItems"]) <= COMMITS


def test_a_flow_that_step_functions_refuses_is_a_problem(seen: Aws) -> None:
    wrong = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": "no Map there", "location": "/"}
    seen.answers["ValidateStateMachineDefinition"] = {"result": "FAIL", "diagnostics": [wrong]}
    (found,) = seen.smoke("flow", "problem")
    assert found["message"].endswith("SCHEMA_VALIDATION_FAILED: no Map there")


def test_changes_that_aws_refused_for_their_rate_are_named(seen: Aws) -> None:
    event = {"LogicalResourceId": "RouteX", "ResourceStatusReason": "Too Many Requests (Status Code: 429)"}
    seen.answers["DescribeStackEvents"] = {"StackEvents": [event]}
    (found,) = seen.smoke("stack", "warning")
    assert found["message"] == "CloudFormation was refused for its rate at RouteX"


def test_little_concurrency_is_told_with_what_to_ask_for(seen: Aws) -> None:
    seen.answers["GetAccountSettings"] = limit(3)
    (found,) = seen.smoke("Lambda", "warning")
    assert found["message"].startswith("3 of 1000 calls at one time are not reserved; 2 hosts at once need about 2")
    assert found["remedy"] == "ask AWS to raise the quota Concurrent executions"


def test_a_share_is_suggested_only_where_lambda_lets_it_be_reserved(seen: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps a hundred calls unreserved; four functions take the share."""
    monkeypatch.setattr("cli.account.smoke.limits._AT_ONCE", 300)
    monkeypatch.setattr("cli.account.smoke.plan.fleet", lambda engine, group: members(seen, 400))
    seen.answers["GetAccountSettings"] = limit(500)
    (found,) = seen.smoke("Lambda", "warning")
    assert found["remedy"].endswith("or cap the engine's share: cdk deploy -c reservedConcurrency=50")


def members(seen: Aws, count: int) -> list[Any]:
    first, second = seen.account.instances
    hosts = [SimpleNamespace(instance_id=each, ping="Online") for each in (first, second)]
    return [*hosts, *(SimpleNamespace(instance_id=f"i-{n}", ping=None) for n in range(count - 2))]


def test_a_send_rate_is_suggested_when_ssm_throttles(seen: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    seen.answers["SendCommand"] = throttling_after(10, {"Command": {"CommandId": "c"}})
    monkeypatch.setattr(rates, "measured", at_rate(rates.measured, seconds=2.0))
    (found,) = seen.smoke("SSM", "warning")
    assert found["message"] == "SendCommand: took 10 of 30 requests, about 5.0 a second; the rest was throttled"
    assert found["remedy"] == "the engine finds the rate by itself; to begin with it: cdk deploy -c ssmSendRate=5"


def test_a_rate_that_makes_a_fleet_wait_says_for_how_long(seen: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.account.smoke.plan.fleet", lambda engine, group: members(seen, 1200))
    seen.answers["SendCommand"] = throttling_after(10, {"Command": {"CommandId": "c"}})
    seen.answers["ListCommandInvocations"] = throttling_after(10, {"CommandInvocations": []})
    monkeypatch.setattr(rates, "measured", at_rate(rates.measured, seconds=2.0))
    read, sent = seen.smoke("SSM", "warning")
    assert read["message"].startswith("ListCommandInvocations: took 10 of 60 requests, about 5.0 a second")
    assert sent["message"].endswith("1200 hosts take 4 minutes to send to")
    assert "support case" in sent["remedy"] and "support case" in read["remedy"]


def at_rate(measured: Any, seconds: float) -> Any:
    return lambda calls, call: measured(calls, call)._replace(seconds=seconds)


def test_a_table_that_throttles_is_told(seen: Aws) -> None:
    seen.answers["TransactWriteItems"] = THROTTLED
    (found,) = seen.smoke("table", "warning")
    assert "0 a second committed" in found["message"] and found["message"].endswith("were throttled")


def test_transactions_that_meet_are_counted(seen: Aws) -> None:
    conflict = {"Error": {"Code": "TransactionCanceledException", "Message": "[TransactionConflict]"}}
    calls = iter(range(10_000))
    seen.answers["TransactWriteItems"] = lambda: conflict if next(calls) % 2 else {}
    (table,) = [each for each in seen.all() if each["about"] == "table"]
    assert table["level"] == "ok" and " 0 met another one" not in table["message"]


def test_a_deployment_that_fails_is_told_by_its_causes_with_the_remedy(seen: Aws) -> None:
    host = seen.account.instances[0]
    failed = {
        "cause": "DOWNLOAD",
        "message": "timed out",
        "event": "DownloadBundle",
        "targetCount": 1,
        "targetIds": [host],
    }
    engine = {"cause": "ENGINE", "message": "AWS denied a call", "targetCount": 1, "targetIds": [host]}
    seen.answers["GetDeployment"] = ended("Failed", failed, engine)
    download, denied = seen.smoke("deployment", "problem")
    assert download["message"] == f"DownloadBundle, DOWNLOAD: timed out (on {host})"
    assert "endpoints" in download["remedy"] and "states:SendTaskSuccess" in denied["remedy"]


def test_a_deployment_that_did_not_begin_is_told_with_its_message(seen: Aws) -> None:
    seen.answers["GetDeployment"] = ended("Failed", errorInformation={"code": "NO_INSTANCES", "message": "no host"})
    (found,) = seen.smoke("deployment", "problem")
    assert found["message"].endswith(": no host")


def test_a_deployment_that_does_not_end_is_stopped_and_its_application_deleted(
    seen: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "_AT_MOST", 0.0)
    seen.answers["GetDeployment"] = ended("InProgress")
    (found,) = seen.smoke("deployment", "problem")
    assert found["message"] == "d-SMOKE0001 did not end in 0 s"
    assert seen.asked["StopDeployment"] and seen.asked["DeleteApplication"]


def test_a_slow_deployment_is_told(seen: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "_SLOW", 0.0)
    (found,) = seen.smoke("deployment", "warning")
    assert found["message"].endswith("a minute should be enough")


def test_a_signed_url_that_s3_refuses_is_a_problem(seen: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import urllib.error

    def refuse(*_: Any, **__: Any) -> Any:
        raise urllib.error.HTTPError("u", 403, "Forbidden", {}, io.BytesIO(b"<Code>AccessDenied</Code>"))  # type: ignore[arg-type]

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    (found,) = seen.smoke("presigned URLs", "problem")
    assert found["message"].endswith("403 to the URL that the engine signed: <Code>AccessDenied</Code>")


def test_a_command_that_ssm_does_not_show_is_unknown(seen: Aws) -> None:
    seen.answers["ListCommands"] = {"Commands": []}
    seen.smoke("presigned URLs", "unknown")


def test_a_host_without_a_log_and_one_that_is_not_well_are_told(seen: Aws) -> None:
    host, other = sorted(seen.account.instances)
    key = ".stepdeploy/logs/d-SMOKE0001/{}/ValidateService.log.gz"
    client("s3").delete_object(Bucket=BUCKET, Key=key.format(other))
    put_log(key.format(host), tmp="no", free=1024, epoch=0)
    found = [each["message"] for each in seen.smoke("hosts", "warning")]
    assert found == [
        f"{host}: /tmp takes no file",
        f"{host}: 1 MB are free below /opt",
        f"{host}: its clock is off",
        f"{other} has uploaded no log",
    ]


def test_what_these_credentials_may_not_do_is_unknown_and_the_rest_goes_on(seen: Aws) -> None:
    denied = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
    seen.answers |= dict.fromkeys(("SendCommand", "ValidateStateMachineDefinition", "CreateApplication"), denied)
    unknown = {each["about"]: each["remedy"] for each in seen.all() if each["level"] == "unknown"}
    assert set(unknown) == {"flow", "SSM", "deployment"}
    assert "ssm:SendCommand" in unknown["SSM"] and "CreateDeployment" in unknown["deployment"]


def test_a_group_without_hosts_that_ssm_reaches_is_refused(account: Account) -> None:
    account.ssm.ping = dict.fromkeys(account.instances, "ConnectionLost")
    assert main(["doctor", "shop/web", "--smoke"]) == 3
    assert "--smoke needs a host that SSM reaches" in account.captured.readouterr().err


def test_its_revision_is_one_that_can_be_deployed() -> None:
    import io

    assert "facts.sh" in check(io.BytesIO(archive()), "zip").appspec
    assert archive() == archive()

"""Why hosts failed: every view tells the same causes, those of the engine's record."""

import json
from dataclasses import replace
from typing import Any

import pytest

from cli.__main__ import main
from functions.aws.sqs import Received
from functions.core import limits
from functions.core.causes import Cause
from functions.core.chat import slack
from functions.core.failures import shared
from functions.core.messages import announcements
from functions.core.messages.announcements import State
from functions.core.place import Place
from functions.core.records import Counts, Deployment, DeploymentSummary, GroupSettings, Target, TargetFailure, Trigger
from functions.core.rollout.command_result import pending_events, read_invocation
from functions.core.statuses import DeploymentStatus, LifecycleEventStatus, TargetStatus, TriggerEvent
from functions.core.text.shapes import to_plain
from functions.engine.chat.outcomes import outcome_of
from functions.engine.ending import end
from functions.store.keys import target_key
from functions.store.records import deployments
from host.lifecycle import IN_PLACE
from tests.cli.deploying import ID, Captured, at, passes, put_deployment
from tests.conftest import put_group, put_item
from tests.served import Served
from tests.store import Store
from tests.unit.api.conftest import Api, requests  # noqa: F401 - a fixture
from tests.unit.api.test_deployments import record

__all__ = ["passes"]  # a fixture
CODES = {"i-1": 1, "i-2": 1, "i-3": 2, "i-4": 3}
TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"
PLACE = Place(partition="aws", region="us-east-1", account="123456789012")
RECEIVED = Received(message_id="m-1", receipt_handle="r", receives=1, body="")
UNREACHABLE = "not managed by SSM: run the SSM Agent there"


def put_target(target: Target) -> None:
    put_item({**target_key(ID, target.target_id).item, "segments": {}, **to_plain(target)})


def reported(name: str, code: int) -> Target:
    """As the host's report says it."""
    said = {"stepdeploy": 1, "event": "ApplicationStop", "status": "Failed", "error_code": "ScriptFailed"}
    said |= {"cause": "SCRIPT", "script_name": "stop.sh", "message": f"failed with exit code {code}", "exit_code": code}
    plugin = {"Name": "ApplicationStop", "Status": "Failed", "Output": json.dumps({**said, "log_tail": "no"})}
    result = read_invocation({"Status": "Failed", "CommandPlugins": [plugin]}, IN_PLACE)
    assert result
    return Target(
        deployment_id=ID,
        target_id=name,
        status=TargetStatus.FAILED,
        last_updated_at=at(int(name[2:])),
        events=result.events,
        failure=result.failure,
    )


def unreachable(name: str) -> Target:
    """As Prepare writes it: no event has begun."""
    events = tuple(replace(each, status=LifecycleEventStatus.SKIPPED, end_time=at(1)) for each in pending_events())
    return Target(
        deployment_id=ID,
        target_id=name,
        status=TargetStatus.FAILED,
        last_updated_at=at(1),
        events=events,
        failure=TargetFailure(cause=Cause.UNREACHABLE, message=UNREACHABLE),
    )


def ended(*targets: Target) -> Deployment:
    trigger = Trigger(name="ops", topic_arn=TOPIC, events=(TriggerEvent.DEPLOYMENT_FAILURE,))
    count = len(targets)
    put_deployment(
        DeploymentStatus.IN_PROGRESS,
        Counts(total=count, max_out_of_service=count, failed=count, started=count),
        settings=GroupSettings(triggers=(trigger,)),
    )
    for each in targets:
        put_target(each)
    end.end(ID)
    found = deployments.get(ID)
    assert found and found.status is DeploymentStatus.FAILED
    return found


def test_four_hosts_with_three_exit_codes_are_the_same_causes_everywhere(served: Served, capsys: Captured) -> None:
    one = ended(*(reported(name, code) for name, code in CODES.items()))
    wanted = [(2, 1, ("i-1", "i-2")), (1, 2, ("i-3",)), (1, 3, ("i-4",))]
    assert [(each.count, each.failure.exit_code, each.target_ids) for each in one.causes] == wanted
    assert one.failure and one.failure.message.startswith(
        "ApplicationStop: failed with exit code 1 on 2 targets: i-1, i-2."
        " Other causes: SCRIPT exit code 2 on 1, SCRIPT exit code 3 on 1."
    )

    assert main(["show", ID, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["causes"]
    assert [(each["count"], each["exitCode"], tuple(each["hosts"])) for each in found] == wanted
    assert [each["log"] for each in found] == [["no"]] * 3
    assert main(["show", ID]) == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if "stop.sh" in line and "host" in line]
    assert heads == [
        f"{count}: ApplicationStop: stop.sh ended with exit code {code}"
        for count, code in (("2 hosts", 1), ("1 host", 2), ("1 host", 3))
    ]

    said = announcements.of_deployment(one, PLACE)
    assert said
    (message,) = said.messages
    told = json.loads(json.loads(message.message)["causes"])
    assert [(each["TargetCount"], each["ExitCode"], tuple(each["TargetIds"])) for each in told] == wanted

    detail = {"deploymentId": ID, "state": State.FAILURE}
    arn = "arn:aws:codedeploy:us-east-1:123456789012:application:shop"
    event = {"detail": detail, "time": at(60), "resources": [arn]}
    outcome = outcome_of(replace(RECEIVED, body=json.dumps(event)))
    text = json.dumps(slack.message(outcome))
    assert "*2 targets: i-1, i-2* ApplicationStop stop.sh" in text
    assert "*i-3* ApplicationStop stop.sh" in text and "*i-4* ApplicationStop stop.sh" in text
    assert text.count("```no```") == 3

    for name, code in CODES.items():
        assert main(["logs", ID, name, "--json"]) == 0
        (target,) = json.loads(capsys.readouterr().out)["targets"]
        assert (target["failure"]["cause"], target["failure"]["exitCode"]) == ("SCRIPT", code)


def test_a_host_that_failed_before_any_event_says_why_in_every_verb(
    served: Served, capsys: Captured, passes: Any
) -> None:
    one = ended(unreachable("i-9"))
    last = DeploymentSummary(deployment_id=ID, status=one.status, create_time=one.create_time, revision=one.revision)
    put_group(last_attempted=last)

    def out(*verb: str) -> str:
        main(list(verb))
        return capsys.readouterr().out

    assert f"1 host: UNREACHABLE\n  {UNREACHABLE}\n  on i-9\n" in out("show", ID)
    assert out("logs", ID, "i-9") == f"== i-9  Failed\nUNREACHABLE: {UNREACHABLE}\n"
    assert out("logs", ID).startswith("== i-9")
    assert f"{ID}  UNREACHABLE: {UNREACHABLE} (on i-9)" in out("hosts", "shop/web")
    (told,) = json.loads(out("hosts", "shop/web", "--json"))["causes"]
    assert (told["deploymentId"], told["cause"], told["hosts"]) == (ID, "UNREACHABLE", ["i-9"])
    passes()
    assert f"i-9  Failed  -  UNREACHABLE: {UNREACHABLE}" in out("watch", ID)


@pytest.mark.parametrize("status", [DeploymentStatus.IN_PROGRESS, DeploymentStatus.FAILED])
def test_of_one_that_goes_on_or_that_an_older_engine_ended_the_targets_are_grouped_alike(
    served: Served, capsys: Captured, status: DeploymentStatus
) -> None:
    one = ended(*(reported(name, code) for name, code in CODES.items()))
    record(replace(one, status=status, causes=()))
    assert main(["show", ID, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["causes"]
    assert [(each["count"], each["exitCode"]) for each in found] == [(2, 1), (1, 2), (1, 3)]


def test_records_of_an_older_engine_have_no_exit_codes_and_are_read(store: Store) -> None:
    old = replace(reported("i-1", 1), failure=TargetFailure(cause=Cause.SCRIPT, message="failed with exit code 7"))
    one = ended(old)
    (cause,) = one.causes
    assert (cause.failure.exit_code, cause.failure.message) == (None, "failed with exit code 7")


def test_ten_thousand_failed_targets_are_a_few_causes_of_a_limited_size() -> None:
    kinds = [reported("i-1", code) for code in range(50)]
    failed = [
        replace(kinds[number % 50], target_id=f"i-{number:05}", last_updated_at=f"{number:05}")
        for number in range(10_000)
    ]
    causes = shared([unreachable("i-0"), *failed])
    assert len(causes) == limits.CAUSES and {each.count for each in causes[:-1]} == {200}
    assert max(len(each.target_ids) for each in causes) == limits.CAUSE_TARGETS
    assert len(json.dumps(to_plain(causes))) < 10_000


def test_the_first_cause_is_kept_although_others_have_more_targets() -> None:
    failed = [replace(reported(f"i-{number + 10}", number // 2)) for number in range(2 * limits.CAUSES)]
    causes = shared([unreachable("i-0"), *failed])
    assert len(causes) == limits.CAUSES and causes[-1].failure.cause is Cause.UNREACHABLE


def test_a_deployment_with_its_causes_is_one_request(
    store: Store,
    context: Any,
    requests: Any,  # noqa: F811
) -> None:
    ended(*(reported(name, code) for name, code in CODES.items()))
    made = requests()
    before = len(made)
    info = Api(context)("GetDeployment", deploymentId=ID)["deploymentInfo"]
    assert made[before:] == ["GetItem"]
    assert [each["targetCount"] for each in info["causes"]] == [2, 1, 1]

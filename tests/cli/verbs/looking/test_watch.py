"""`stepdeploy watch`: a deployment that moves on between two looks, by the served API."""

import json
import re
import socket
from collections.abc import Callable
from typing import Literal

import boto3
import pytest

from cli.__main__ import main
from functions.core.records import Alarms, Counts, Deployment, Failure, GroupSettings, RollbackInfo
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, OverriddenSetting, TargetStatus
from functions.store.records import deployments
from tests.cli.deploying import ID, Captured, Time, passes, put_deployment, put_target, script_failed
from tests.served import Served
from tests.store import Store

__all__ = ["passes"]  # a fixture
Passes = Callable[..., Time]
BOTH = Counts(total=2, max_out_of_service=1)


def created() -> Deployment:
    return put_deployment(DeploymentStatus.CREATED)


def first_begins() -> None:
    put_deployment(DeploymentStatus.IN_PROGRESS, Counts(total=2, max_out_of_service=1, in_progress=1))
    put_target("i-1", TargetStatus.IN_PROGRESS, done=2)
    put_target("i-2", TargetStatus.PENDING)


def first_is_done() -> None:
    put_deployment(DeploymentStatus.IN_PROGRESS, Counts(total=2, max_out_of_service=1, in_progress=1, succeeded=1))
    put_target("i-1", TargetStatus.SUCCEEDED, done=7)
    put_target("i-2", TargetStatus.IN_PROGRESS, done=5)


def both_are_done() -> None:
    put_deployment(DeploymentStatus.SUCCEEDED, Counts(total=2, max_out_of_service=1, succeeded=2))
    put_target("i-2", TargetStatus.SUCCEEDED, done=7)


def second_fails() -> None:
    put_deployment(
        DeploymentStatus.FAILED,
        Counts(total=2, max_out_of_service=1, succeeded=1, failed=1),
        failure=Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="too\nfew"),
        rollback=RollbackInfo(rollback_deployment_id="d-ROLLBACK1"),
    )
    put_target("i-2", TargetStatus.FAILED, done=5, left=script_failed("exit\x1b[2J é"))


def rolled_back(status: DeploymentStatus) -> None:
    """The deployment that undoes the other one."""
    done = Counts(total=2, max_out_of_service=1, succeeded=2 if status.is_final else 1)
    put_deployment(status, done, deployment_id="d-ROLLBACK1")


def nothing() -> None:
    """Time passes."""


def lines(captured: Captured) -> list[list[str]]:
    return [re.split(r" {2,}", each) for each in captured.readouterr().out.splitlines()]


def test_each_change_is_a_line_in_the_order_of_time(served: Served, passes: Passes, capsys: Captured) -> None:
    created()
    passes(first_begins, first_is_done, both_are_done)
    assert main(["watch", ID, "-v"]) == 0
    assert lines(capsys) == [
        ["2026-11-23 10:00:00", ID, "-", "Created"],
        ["2026-11-23 10:00:01", ID, "-", "InProgress"],
        ["2026-11-23 10:00:02", "i-1", "-", "InProgress"],
        ["2026-11-23 10:00:03", "i-1", "ApplicationStop", "Succeeded"],
        ["2026-11-23 10:00:04", "i-1", "DownloadBundle", "Succeeded"],
        ["2026-11-23 10:00:04", "i-1", "BeforeInstall", "InProgress"],
        *[
            [f"2026-11-23 10:00:{second:02}", name, *what]
            for second, name, *what in (
                (2, "i-2", "-", "InProgress"),
                (3, "i-2", "ApplicationStop", "Succeeded"),
                (4, "i-2", "DownloadBundle", "Succeeded"),
                (5, "i-1", "BeforeInstall", "Succeeded"),
                (5, "i-2", "BeforeInstall", "Succeeded"),
                (6, "i-1", "Install", "Succeeded"),
                (6, "i-2", "Install", "Succeeded"),
                (7, "i-1", "AfterInstall", "Succeeded"),
                (7, "i-2", "AfterInstall", "Succeeded"),
                (7, "i-2", "ApplicationStart", "InProgress"),
                (8, "i-1", "ApplicationStart", "Succeeded"),
                (9, "i-1", "ValidateService", "Succeeded"),
                (10, "i-1", "-", "Succeeded"),
                (8, "i-2", "ApplicationStart", "Succeeded"),
                (9, "i-2", "ValidateService", "Succeeded"),
                (10, "i-2", "-", "Succeeded"),
            )
        ],
        ["2026-11-23 10:01:00", ID, "-", "Succeeded"],
    ]


def test_in_a_pipe_each_host_that_has_ended_is_a_line_with_a_count(
    served: Served, passes: Passes, capsys: Captured
) -> None:
    created()
    passes(first_begins, first_is_done, both_are_done)
    assert main(["watch", ID]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"2026-11-23 10:00:00  {ID}  Created",
        f"2026-11-23 10:00:01  {ID}  InProgress",
        "2026-11-23 10:00:10  [1/2] i-1  Succeeded  7s",
        "2026-11-23 10:00:10  [2/2] i-2  Succeeded  7s",
        f"2026-11-23 10:01:00  {ID}  Succeeded  59s  2: 2 succeeded",
    ]


def test_a_failure_is_status_1_and_says_why_with_the_end_of_the_log(
    served: Served, passes: Passes, capsys: Captured
) -> None:
    created()
    passes(first_begins, first_is_done, second_fails)
    rolled_back(DeploymentStatus.SUCCEEDED)
    assert main(["watch", ID]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[2:] == [
        "2026-11-23 10:00:10  [1/2] i-1  Succeeded  7s",
        "2026-11-23 10:00:08  [2/2] i-2  Failed  6s"
        "  ApplicationStart: start.sh ended with exit code 3: exit\\x1b[2J \\xe9",
        f"2026-11-23 10:01:00  {ID}  Failed  59s  2: 1 succeeded, 1 failed  HEALTH_CONSTRAINTS: too\\nfew",
        "",
        "1 host: ApplicationStart: start.sh ended with exit code 3",
        "  exit\\x1b[2J é",
        "  on i-2",
        "  the end of the log on i-2:",
        "  | no",
        "",
        "rolled back by d-ROLLBACK1: Succeeded, 2 of 2 hosts",
        "",
        "next:",
        f"  read the whole log: stepdeploy logs {ID} i-2 --full",
        "  see how the rollback went: stepdeploy show d-ROLLBACK1",
    ]
    assert err == ""


def test_the_rollback_is_followed_to_its_end_and_changes_nothing_of_the_outcome(
    served: Served, passes: Passes, capsys: Captured
) -> None:
    created()
    rolled_back(DeploymentStatus.IN_PROGRESS)
    time = passes(first_begins, second_fails, nothing, nothing, lambda: rolled_back(DeploymentStatus.SUCCEEDED))
    assert main(["watch", ID, "--timeout", "1h"]) == 1
    out = capsys.readouterr().out
    followed = out[out.index("\nrolled back by d-ROLLBACK1, which goes on:\n") :]
    assert "d-ROLLBACK1  InProgress" in followed and "d-ROLLBACK1  Succeeded  59s  2: 2 succeeded" in followed
    assert "\nrolled back by d-ROLLBACK1: Succeeded, 2 of 2 hosts\n" in followed
    assert time.now < 1020


def test_json_has_the_rollback_as_an_object_before_the_result(served: Served, passes: Passes, capsys: Captured) -> None:
    second_fails()
    rolled_back(DeploymentStatus.IN_PROGRESS)
    passes(nothing, lambda: rolled_back(DeploymentStatus.FAILED))
    assert main(["watch", ID, "--json"]) == 1
    *_, back, result = map(json.loads, capsys.readouterr().out.splitlines())
    assert (back["type"], back["exit"], back["deploymentId"]) == ("rollback", 1, "d-ROLLBACK1")
    assert (result["type"], result["exit"], result["deploymentId"]) == ("result", 1, ID)


def test_whoever_stops_watching_the_rollback_is_told_that_it_goes_on(
    served: Served, passes: Passes, capsys: Captured
) -> None:
    second_fails()
    rolled_back(DeploymentStatus.IN_PROGRESS)

    def interrupted() -> None:
        raise KeyboardInterrupt

    passes(interrupted)
    assert main(["watch", ID]) == 130
    assert "d-ROLLBACK1 is InProgress and continues" in capsys.readouterr().err


def test_json_is_a_line_for_each_change_and_the_deployment_last(
    served: Served, passes: Passes, capsys: Captured
) -> None:
    created()
    rolled_back(DeploymentStatus.SUCCEEDED)
    passes(first_begins, second_fails)
    assert main(["watch", ID, "--json"]) == 1
    *told, _, result = map(json.loads, capsys.readouterr().out.splitlines())
    assert {each["type"] for each in told} == {"change"}
    assert told[0] == {"type": "change", "deploymentId": ID, "status": "Created", "time": "2026-11-23T10:00:00Z"}
    assert [each for each in told if each.get("event") and each["status"] == "Failed"] == [
        {
            "type": "change",
            "deploymentId": ID,
            "targetId": "i-2",
            "event": "ApplicationStart",
            "status": "Failed",
            "time": "2026-11-23T10:00:08Z",
            "message": "exit\\x1b[2J é",
        }
    ]
    assert (result["type"], result["exit"], result["status"]) == ("result", 1, "Failed")
    assert result["errorInformation"] == {"code": "HEALTH_CONSTRAINTS", "message": "too\nfew"}


def test_who_joins_late_is_told_everything_that_was(served: Served, capsys: Captured) -> None:
    first_is_done()
    both_are_done()
    assert main(["watch", ID, "--verbose"]) == 0
    assert len(lines(capsys)) == 1 + 2 * 8


def test_a_stopped_deployment_did_not_succeed(served: Served) -> None:
    put_deployment(DeploymentStatus.STOPPED)
    assert main(["watch", ID]) == 1


def test_a_timeout_is_status_4_and_says_that_the_deployment_goes_on(
    served: Served, passes: Passes, capsys: Captured
) -> None:
    created()
    time = passes()
    assert main(["watch", ID, "--timeout", "1m"]) == 4
    assert time.now == 1060
    assert capsys.readouterr().err == (
        f"{ID} is Created and continues; only watching it has stopped\n"
        f"watch it again with: stepdeploy watch {ID}\nstop it with: stepdeploy stop {ID}\n"
    )


def test_looks_become_rarer_while_nothing_changes(served: Served, passes: Passes) -> None:
    created()
    time = passes(*[nothing] * 8, first_begins, nothing)
    assert main(["watch", ID, "--timeout", "40s"]) == 4
    assert time.slept[0] == 1
    assert time.slept[8] == 5
    assert time.slept[9] == 1


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_ctrl_c_ends_the_watching_alone(
    options: list[str], served: Served, store: Store, passes: Passes, capsys: Captured
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    created()
    passes(first_begins, interrupted)
    assert main(["watch", ID, *options]) == 130
    out, err = capsys.readouterr()
    assert f"{ID} is InProgress and continues" in err
    assert "at work: i-1 in BeforeInstall for " in err
    assert f"stop it with: stepdeploy stop {ID}" in err
    found = deployments.get(ID)
    assert found is not None
    assert (found.status, found.stop) == (DeploymentStatus.IN_PROGRESS, None)
    if options:
        assert json.loads(out.splitlines()[-1])["exit"] == 130


def test_only_targets_that_can_have_changed_are_asked_for(served: Served, passes: Passes) -> None:
    put_deployment(DeploymentStatus.IN_PROGRESS, Counts(total=60, max_out_of_service=1, in_progress=1, succeeded=58))
    for number in range(58):
        put_target(f"i-{number:02}", TargetStatus.SUCCEEDED, done=7)
    put_target("i-58", TargetStatus.IN_PROGRESS, done=1)
    put_target("i-59", TargetStatus.PENDING)

    def asked() -> None:
        served.asked.clear()

    passes(asked, nothing, nothing)
    assert main(["watch", ID, "--timeout", "2s"]) == 4
    assert served.asked == ["GetDeployment", "BatchGetDeploymentTargets"] * 2


def test_of_a_large_deployment_only_those_at_work_and_the_failed_are_read(served: Served, passes: Passes) -> None:
    put_deployment(
        DeploymentStatus.IN_PROGRESS, Counts(total=150, max_out_of_service=90, in_progress=70, succeeded=20, failed=2)
    )
    for number in range(150):
        status = TargetStatus.IN_PROGRESS if number < 70 else TargetStatus.SUCCEEDED
        put_target(f"i-{number:03}", status if number < 90 else TargetStatus.PENDING)
    for number in (148, 149):
        put_target(f"i-{number}", TargetStatus.FAILED, left=script_failed())
    passes()
    assert main(["watch", ID, "--timeout", "0"]) == 4
    operations = [each for each in served.asked if each not in ("GetDeploymentGroup", "ListGroupInstances")]
    assert operations == ["GetDeployment", *["ListDeploymentTargets"] * 3, *["BatchGetDeploymentTargets"] * 3]


def test_an_engine_that_cannot_be_asked_for_a_while_is_asked_again(
    served: Served, passes: Passes, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    created()

    def throttled() -> None:
        served.fails = 429

    def broken() -> None:
        served.fails = 503

    def unplugged() -> None:
        served.fails = -1

    def well() -> None:
        served.fails = 0
        both_are_done()

    passes(throttled, broken, unplugged, well)
    assert main(["watch", ID]) == 0
    err = capsys.readouterr().err
    assert err.count("no answer, asking again") == 1


def test_patience_ends(served: Served, passes: Passes, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("cli.view.looks._PATIENCE", 60)
    created()

    def broken() -> None:
        served.fails = 503

    time = passes(broken)
    assert main(["watch", ID]) == 3
    assert 1060 < time.now < 1070
    assert "503" in capsys.readouterr().err


def test_what_no_second_try_mends_ends_at_once(served: Served, passes: Passes, capsys: Captured) -> None:
    created()

    def forbidden() -> None:
        served.fails = 403

    time = passes(forbidden)
    assert main(["watch", ID]) == 3
    assert time.slept == [1]


def test_an_address_where_nobody_answers_ends_at_once(monkeypatch: pytest.MonkeyPatch, environment: None) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("STEPDEPLOY_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert main(["watch", ID]) == 3


def test_a_deployment_that_is_not_there_is_refused(served: Served, capsys: Captured) -> None:
    assert main(["watch", ID]) == 3
    assert "DeploymentDoesNotExistException" in capsys.readouterr().err


def alarm(name: str, state: Literal["OK", "ALARM"]) -> None:
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        MetricName="errors",
        Namespace="shop",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")


def test_the_states_of_alarms_are_told(served: Served, passes: Passes, capsys: Captured) -> None:
    alarm("errors", "OK")
    own = frozenset({OverriddenSetting.ALARMS})
    put_deployment(DeploymentStatus.CREATED, settings=GroupSettings(alarms=Alarms(names=("errors", "gone"))), own=own)
    passes(*[nothing] * 5, lambda: alarm("errors", "ALARM"), *[nothing] * 3)
    assert main(["watch", ID, "--timeout", "30s"]) == 4
    assert [each[1:] for each in lines(capsys) if each[1] != ID] == [["alarm errors", "OK"], ["alarm errors", "ALARM"]]

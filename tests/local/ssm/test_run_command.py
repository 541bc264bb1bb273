"""Run Command: what SSM and its agent do with a command, seen through SSM's API and its events."""

import json
import os
import time
from typing import Any

import pytest

from local.hosts.instance import WORKER_LOST, Instance
from local.ssm.run_command import COMMAND_EVENT, INVOCATION_EVENT
from tests.local.conftest import Ssm
from tests.local.test_instances import processes

pytestmark = pytest.mark.root
NEVER = f"sleep 97531.{os.getpid()}"  # longer than any test, and like no other test run's


def steps(ssm: Ssm, host: Instance, *inputs: dict[str, Any], **options: Any) -> str:
    """Send a document of these steps; the command's id."""
    return ssm.send(ssm.document(*inputs), InstanceIds=[host.instance_id], **options)


def lines(*run_command: str, **inputs: Any) -> dict[str, Any]:
    return {"runCommand": list(run_command), **inputs}


def plugin_facts(invocation: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(p["Name"], p["StatusDetails"], p["ResponseCode"]) for p in invocation["CommandPlugins"]]


def content(ssm: Ssm, command_id: str, host: Instance, plugin: str) -> dict[str, Any]:
    return ssm.call("GetCommandInvocation", CommandId=command_id, InstanceId=host.instance_id, PluginName=plugin)


def running(ssm: Ssm, command_id: str, host: Instance) -> None:
    """Until the first step has started on the host."""
    ssm.until(lambda: "InProgress" in [p["Status"] for p in ssm.invocation(command_id, host)["CommandPlugins"]])


def test_a_command_goes_from_pending_to_success_and_tells_each_change(ssm: Ssm) -> None:
    host = ssm.host()
    name = ssm.document(lines("echo {{ Word }}", "id -un"), parameters={"Word": {"type": "String"}})
    command_id = ssm.send(name, InstanceIds=[host.instance_id], Parameters={"Word": ["hello"]}, Comment="try")
    invocation = ssm.ended(command_id, host)
    plugin = invocation.pop("CommandPlugins")[0]
    requested = invocation.pop("RequestedDateTime")
    assert invocation == {
        "CommandId": command_id, "InstanceId": host.instance_id, "InstanceName": "web-1", "Comment": "try",
        "DocumentName": name, "DocumentVersion": "$DEFAULT", "Status": "Success", "StatusDetails": "Success",
        "StandardOutputUrl": "", "StandardErrorUrl": "", "ServiceRole": "",
    }  # fmt: skip
    assert plugin["Output"] == "hello\nroot\n"
    assert requested <= plugin["ResponseStartDateTime"] <= plugin["ResponseFinishDateTime"] <= time.time()
    assert ssm.told(INVOCATION_EVENT) == [(command_id, "InProgress"), (command_id, "Success")]
    assert ssm.told(COMMAND_EVENT) == [(command_id, "InProgress"), (command_id, "Success")]
    event = next(event for event in ssm.events if event["DetailType"] == INVOCATION_EVENT)
    assert event["Source"] == "aws.ssm"
    assert event["Resources"] == [f"arn:aws:ec2:us-east-1:000000000000:instance/{host.instance_id}"]
    detail = json.loads(event["Detail"])
    assert detail.pop("requested-date-time").endswith("Z")
    assert detail == {
        "command-id": command_id, "document-name": name, "instance-id": host.instance_id, "status": "InProgress"
    }  # fmt: skip


def test_on_failure_exit_skips_the_rest_but_for_the_finally_step(ssm: Ssm) -> None:
    host = ssm.host()
    command_id = steps(
        ssm,
        host,
        lines("echo fine"),
        lines("echo out; echo err >&2; exit 3", onFailure="exit"),
        lines("touch /srv/skipped"),
        lines("touch /srv/finally", finallyStep=True),
    )
    invocation = ssm.ended(command_id, host)
    assert (invocation["Status"], invocation["StatusDetails"]) == ("Failed", "Failed")
    assert plugin_facts(invocation) == [
        ("StepA", "Success", 0),
        ("StepB", "Failed", 3),
        ("StepC", "Success", 0),
        ("StepD", "Success", 0),
    ]
    outputs = [plugin["Output"] for plugin in invocation["CommandPlugins"]]
    assert outputs[1] == "out\n\n----------ERROR-------\nerr\nfailed to run commands: exit status 3"
    assert (
        outputs[2]
        == "Plugin with name aws:runShellScript and id StepC skipped due to prior step with an exit condition"
    )
    assert not host.path("/srv/skipped").exists() and host.path("/srv/finally").exists()
    failed = content(ssm, command_id, host, "StepB")
    stopped = "\nStep was found to have onFailure property. Further document steps will be skipped."
    assert failed["StandardErrorContent"] == f"err\nfailed to run commands: exit status 3{stopped}"
    assert (failed["ResponseCode"], failed["Status"]) == (3, "Failed")
    assert failed["ExecutionElapsedTime"].startswith("PT0.")


@pytest.mark.parametrize(
    ("first", "facts", "status"),
    [
        (lines("exit 1"), [("StepA", "Failed", 1), ("StepB", "Success", 0)], "Failed"),
        (lines("exit 1", onFailure="successAndExit"), [("StepA", "Success", 168), ("StepB", "Success", 0)], "Success"),
        (lines("true", onSuccess="exit"), [("StepA", "Success", 0), ("StepB", "Success", 0)], "Success"),
        (lines("exit 168"), [("StepA", "Success", 168), ("StepB", "Success", 0)], "Success"),
        (lines("exit 169"), [("StepA", "Failed", 169), ("StepB", "Success", 0)], "Failed"),
        (lines("exit 137"), [("StepA", "ExecutionTimedOut", 137), ("StepB", "Success", 0)], "TimedOut"),
        (lines("kill -9 $$"), [("StepA", "ExecutionTimedOut", 137), ("StepB", "Success", 0)], "TimedOut"),
        (lines("true", workingDirectory="/no/such"), [("StepA", "Failed", 1), ("StepB", "Success", 0)], "Failed"),
    ],
)
def test_a_steps_end_means_what_it_means_to_the_agent(
    ssm: Ssm, first: dict[str, Any], facts: list[tuple[str, str, int]], status: str
) -> None:
    host = ssm.host()
    invocation = ssm.ended(steps(ssm, host, first, lines("echo second")), host)
    assert (plugin_facts(invocation), invocation["Status"]) == (facts, status)
    goes_on = first["runCommand"] in (["exit 137"], ["kill -9 $$"]) or "workingDirectory" in first
    assert (invocation["CommandPlugins"][1]["Output"] == "second\n") == (goes_on or first == lines("exit 1"))


def test_a_step_that_takes_too_long_is_killed_and_the_next_one_runs(ssm: Ssm) -> None:
    host = ssm.host()
    command_id = steps(
        ssm, host, lines("echo started", f"{NEVER}1 & {NEVER}1", timeoutSeconds=5, onFailure="exit"), lines("echo on")
    )
    invocation = ssm.ended(command_id, host)
    assert (invocation["Status"], invocation["StatusDetails"]) == ("TimedOut", "TimedOut")
    assert plugin_facts(invocation) == [("StepA", "ExecutionTimedOut", 137), ("StepB", "Success", 0)]
    assert [plugin["Output"] for plugin in invocation["CommandPlugins"]] == ["started\n", "on\n"]
    ssm.until(lambda: not processes(f"{NEVER}1"), "the end of its processes")


def test_a_step_waits_for_a_daemon_that_keeps_its_output(ssm: Ssm) -> None:
    host = ssm.host()
    command_id = steps(ssm, host, lines(f"setsid {NEVER}2 &", "echo started"))
    ssm.until(lambda: processes(f"{NEVER}2"))
    ssm.until(lambda: not processes(command_id), "the end of its shell")
    assert ssm.invocation(command_id, host)["Status"] == "InProgress"
    assert ssm.output(host, f"pkill -f '{NEVER}2'") == ""
    assert ssm.ended(command_id, host)["Status"] == "Success"


def test_output_is_cut_as_ssm_cuts_it(ssm: Ssm) -> None:
    host = ssm.host()
    print_much = 'python3 -c \'import sys; print("o" * 30000); print("e" * 10000, file=sys.stderr)\''
    command_id = steps(ssm, host, lines(print_much), lines("printf %2499s x"), lines("printf %2500s x"))
    invocation = ssm.ended(command_id, host)
    both, short, long = (plugin["Output"] for plugin in invocation["CommandPlugins"])
    assert both.startswith("o" * 1200) and "o\n---Output truncated---\n----------ERROR-------\neee" in both
    assert both.endswith("e\n---Error truncated----") and 2_490 <= len(both) <= 2_500
    assert len(short) == 2_499 and short.endswith(" x")
    assert len(long) == 2_500 and long.endswith(" \n---Output truncated---")
    whole = content(ssm, command_id, host, "StepA")
    assert whole["StandardOutputContent"] == "o" * 23_980 + "--output truncated--"
    assert whole["StandardErrorContent"] == "e" * 7_980 + "--output truncated--"


def test_a_cancelled_command_stops_its_processes(ssm: Ssm) -> None:
    host = ssm.host()
    command_id = steps(ssm, host, lines(f"{NEVER}3 & {NEVER}3"), lines("touch /srv/second"))
    ssm.until(lambda: len(processes(f"{NEVER}3")) >= 2)
    ssm.call("CancelCommand", CommandId=command_id)
    invocation = ssm.ended(command_id, host)
    assert (invocation["Status"], invocation["StatusDetails"]) == ("Cancelled", "Cancelled")
    assert plugin_facts(invocation) == [("StepA", "Cancelled", 137), ("StepB", "Cancelled", 0)]
    assert [status for _, status in ssm.told(INVOCATION_EVENT)] == ["InProgress", "Cancelling", "Cancelled"]
    assert [status for _, status in ssm.told(COMMAND_EVENT)] == ["InProgress", "Cancelling", "Cancelled"]
    ssm.until(lambda: not processes(f"{NEVER}3"), "the end of its processes")
    assert not host.path("/srv/second").exists()
    ssm.call("CancelCommand", CommandId=command_id)
    assert ssm.invocation(command_id, host)["Status"] == "Cancelled"


def test_a_command_that_is_cancelled_before_its_delivery_never_runs(ssm: Ssm) -> None:
    host = ssm.host()
    host.go_offline()
    command_id = ssm.shell(host, "touch /srv/ran")
    pending = ssm.invocation(command_id, host)
    assert (pending["Status"], pending["CommandPlugins"]) == ("Pending", [])
    ssm.call("CancelCommand", CommandId=command_id, InstanceIds=[host.instance_id])
    assert ssm.invocation(command_id, host)["Status"] == "Cancelled"
    host.go_online()
    ssm.output(host, "true")
    assert not host.path("/srv/ran").exists()


def test_a_host_that_is_offline_is_given_up_after_the_delivery_timeout(ssm: Ssm) -> None:
    host = ssm.host()
    host.go_offline()
    command_id = ssm.shell(host, "touch /srv/ran", TimeoutSeconds=30)
    invocation = ssm.ended(command_id, host)
    assert (invocation["Status"], invocation["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")
    assert plugin_facts(invocation) == [("runShellScript", "DeliveryTimedOut", -1)]
    command = ssm.call("ListCommands", CommandId=command_id)["Commands"][0]
    assert (command["Status"], command["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")
    assert [command[f"{name}Count"] for name in ("Target", "Completed", "Error", "DeliveryTimedOut")] == [1, 1, 0, 1]
    host.go_online()
    ssm.output(host, "true")
    assert not host.path("/srv/ran").exists()


def test_a_host_that_goes_offline_in_a_step_goes_on_and_reports_later(ssm: Ssm) -> None:
    host = ssm.host()
    command_id = ssm.shell(host, "while test ! -e /srv/go; do sleep 0.01; done; touch /srv/done")
    running(ssm, command_id, host)
    host.go_offline()
    host.path("/srv/go").touch()
    ssm.until(host.path("/srv/done").exists)
    assert ssm.invocation(command_id, host)["Status"] == "InProgress"
    host.go_online()
    assert ssm.ended(command_id, host)["Status"] == "Success"


def test_what_is_never_reported_ends_after_the_execution_timeout(ssm: Ssm) -> None:
    host = ssm.host()
    command_id = steps(ssm, host, lines(f"{NEVER}5", timeoutSeconds=5), TimeoutSeconds=30)
    running(ssm, command_id, host)
    host.go_offline()
    invocation = ssm.ended(command_id, host)
    assert (invocation["Status"], invocation["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")


@pytest.mark.parametrize("interruption", ["reboot", "agent"])
def test_an_interrupted_command_fails_as_its_agent_comes_back(ssm: Ssm, interruption: str) -> None:
    host = ssm.host()
    command_id = steps(
        ssm, host, lines("echo A"), lines("echo x >> /srv/runs", f"{NEVER}4"), lines("echo x >> /srv/runs")
    )
    ssm.until(lambda: processes(f"{NEVER}4"))
    if interruption == "reboot":
        ssm.run(host.reboot())
    else:
        host.kill_agent()
        ssm.until(lambda: not processes(f"{NEVER}4"))
        assert ssm.invocation(command_id, host)["Status"] == "InProgress"
        host.start_agent()
    invocation = ssm.ended(command_id, host)
    assert invocation["Status"] == "Failed"
    assert plugin_facts(invocation) == [("StepA", "Failed", 1), ("StepB", "InProgress", -1), ("StepC", "Pending", -1)]
    assert invocation["CommandPlugins"][0]["Output"] == WORKER_LOST
    assert ssm.output(host, "cat /srv/runs") == "x\n"


def test_a_step_that_asks_for_a_reboot_runs_again_after_it(ssm: Ssm) -> None:
    host = ssm.host()
    again = f"test -e /srv/rebooted || {{ touch /srv/rebooted; setsid {NEVER}6 >/dev/null 2>&1 & exit 194; }}"
    command_id = steps(ssm, host, lines("echo x >> /srv/first"), lines(again, "echo twice"), lines("echo third"))
    invocation = ssm.ended(command_id, host)
    assert plugin_facts(invocation) == [("StepA", "Success", 0), ("StepB", "Success", 0), ("StepC", "Success", 0)]
    assert [plugin["Output"] for plugin in invocation["CommandPlugins"]] == ["", "twice\n", "third\n"]
    assert host.path("/srv/first").read_text() == "x\n"
    assert not processes(f"{NEVER}6")


def test_a_slow_host_takes_its_time(ssm: Ssm) -> None:
    host = ssm.host()
    host.slow_down(0.1)
    start = time.monotonic()
    ssm.output(host, "true")
    assert time.monotonic() - start >= 0.3  # the delivery, the step's start, its end


def test_a_host_runs_five_commands_at_a_time(ssm: Ssm) -> None:
    host = ssm.host()
    wait = "touch /srv/started-$AWS_SSM_INSTANCE_ID-$$; while test ! -e /srv/go; do sleep 0.02; done"
    command_ids = [ssm.shell(host, wait) for _ in range(6)]

    def started() -> int:
        return len(list(host.path("/srv").glob("started-*")))

    def found() -> list[dict[str, Any]]:
        return [ssm.invocation(command_id, host) for command_id in command_ids]

    ssm.until(lambda: started() == 5 and {invocation["Status"] for invocation in found()} == {"InProgress"})
    waits = [("runShellScript", "Pending", -1)]
    assert [plugin_facts(invocation) for invocation in found()].count(waits) == 1
    assert started() == 5
    host.path("/srv/go").touch()
    assert {ssm.ended(command_id, host)["Status"] for command_id in command_ids} == {"Success"}
    assert started() == 6

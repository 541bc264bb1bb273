"""Run Command: what SSM and its agent do with a command, seen through SSM's API and its events."""

import json
import os
import time
from typing import Any

import pytest

from local.hosts.instance import WORKER_LOST, Instance
from local.ssm.model import SsmError
from local.ssm.permissions import Check, checks
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
    started = lambda: len(list(host.path("/srv").glob("started-*")))  # noqa: E731
    found = lambda: [ssm.invocation(command_id, host) for command_id in command_ids]  # noqa: E731
    ssm.until(lambda: started() == 5 and {invocation["Status"] for invocation in found()} == {"InProgress"})
    waits = [("runShellScript", "Pending", -1)]
    assert [plugin_facts(invocation) for invocation in found()].count(waits) == 1
    assert started() == 5
    host.path("/srv/go").touch()
    assert {ssm.ended(command_id, host)["Status"] for command_id in command_ids} == {"Success"}
    assert started() == 6


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (
            {"InstanceIds": ["i-0123456789abcdef0"]},
            "InvalidInstanceId: Instances [[i-0123456789abcdef0]] not in a valid",
        ),
        ({"InstanceIds": ["{host}", "{host}"]}, "DuplicateInstanceId: "),
        (
            {"InstanceIds": ["web-1"]},
            "ValidationException: 1 validation error detected: Value 'web-1' at 'instanceIds.1.m",
        ),
        ({}, "InvalidInstanceId: "),
        ({"InstanceIds": ["{host}"], "Targets": [{"Key": "tag:a", "Values": ["b"]}]}, "ValidationException: "),
        (
            {"Targets": [{"Key": "resource-groups:Name", "Values": ["b"]}]},
            "ValidationException: the local cloud knows no",
        ),
        (
            {"InstanceIds": ["{host}"], "DocumentName": "no-such"},
            "InvalidDocument: Document with name no-such does not",
        ),
        ({"InstanceIds": ["{host}"], "DocumentVersion": "7"}, "InvalidDocumentVersion: "),
        ({"InstanceIds": ["{host}"], "Parameters": {"Wort": ["x"]}}, "InvalidParameters: "),
        (
            {"InstanceIds": ["{host}"], "Parameters": {"Word": ["X"]}},
            "InvalidParameters: Parameter Word: value X does not",
        ),
        ({"InstanceIds": ["{host}"], "Parameters": {"Word": "x"}}, "ValidationException: "),
        ({"InstanceIds": ["{host}"], "TimeoutSeconds": 29}, "Member must have value greater than or equal to 30"),
        (
            {"InstanceIds": ["{host}"], "TimeoutSeconds": 2_592_001},
            "Member must have value less than or equal to 2592000",
        ),
        ({"InstanceIds": ["{host}"], "Comment": "x" * 101}, "Member must have length less than or equal to 100"),
        ({"InstanceIds": ["{host}"], "DocumentHash": "0" * 64}, "InvalidDocument: The hash"),
    ],
)
def test_a_wrong_request_is_refused_as_ssm_refuses_it(ssm: Ssm, request_: dict[str, Any], says: str) -> None:
    host = ssm.host()
    word = {"type": "String", "allowedPattern": "[a-z]+", "default": "x"}
    name = ssm.document(lines("echo {{ Word }}"), parameters={"Word": word})
    body = {"DocumentName": name, **request_}
    if "InstanceIds" in body:
        body["InstanceIds"] = [instance.format(host=host.instance_id) for instance in body["InstanceIds"]]
    assert says in ssm.refusal("SendCommand", **body)
    assert ssm.call("ListCommands") == {"Commands": []}


def test_unmanaged_and_stopped_instances_cannot_be_sent_to(ssm: Ssm) -> None:
    unmanaged, stopped = ssm.host("db-1", managed=False), ssm.host("web-1", tags={"Fleet": "web"})
    ssm.run(stopped.stop())
    for host in (unmanaged, stopped):
        refusal = ssm.refusal("SendCommand", DocumentName="AWS-RunShellScript", InstanceIds=[host.instance_id],
                              Parameters={"commands": ["true"]})  # fmt: skip
        assert refusal.startswith(f"InvalidInstanceId: Instances [[{host.instance_id}]]")
    by_tag = ssm.send(
        "AWS-RunShellScript", Targets=[{"Key": "tag:Fleet", "Values": ["web"]}], Parameters={"commands": ["id"]}
    )
    invocation = ssm.ended(by_tag, stopped)
    assert (invocation["Status"], invocation["StatusDetails"]) == ("Failed", "Undeliverable")
    shown = ssm.call("DescribeInstanceInformation")["InstanceInformationList"]
    assert [entry["InstanceId"] for entry in shown] == [stopped.instance_id]


def test_targets_choose_by_tags_and_an_empty_choice_is_no_error(ssm: Ssm) -> None:
    web, api, on_premises = (
        ssm.host("web-1", tags={"Fleet": "web", "Stage": "live"}),
        ssm.host("api-1", tags={"Fleet": "api", "Stage": "live"}),
        ssm.host("old-1", tags={"Fleet": "web"}, on_premises=True),
    )

    def chosen(*targets: tuple[str, list[str]]) -> set[str]:
        command_id = ssm.send(
            "AWS-RunShellScript",
            Targets=[{"Key": key, "Values": values} for key, values in targets],
            Parameters={"commands": ["true"]},
        )
        found = ssm.call("ListCommandInvocations", CommandId=command_id)["CommandInvocations"]
        return {invocation["InstanceId"] for invocation in found}

    assert chosen(("tag:Fleet", ["web", "api"])) == {web.instance_id, api.instance_id, on_premises.instance_id}
    assert chosen(("tag:Fleet", ["web"]), ("tag-key", ["Stage"])) == {web.instance_id}
    assert chosen(("InstanceIds", [on_premises.instance_id])) == {on_premises.instance_id}
    assert on_premises.instance_id.startswith("mi-")
    assert chosen(("tag:Fleet", ["none"])) == set()
    nobody = ssm.call("ListCommands")["Commands"][0]
    assert (nobody["StatusDetails"], nobody["TargetCount"]) == ("NoInstancesInTag", 0)


def test_after_too_many_errors_the_rest_is_terminated(ssm: Ssm) -> None:
    hosts = [ssm.host(f"web-{number}") for number in range(3)]
    command_id = ssm.send(
        "AWS-RunShellScript",
        InstanceIds=[host.instance_id for host in hosts],
        Parameters={"commands": ["exit 1"]},
        MaxConcurrency="1",
        MaxErrors="1",
    )
    assert [ssm.ended(command_id, host)["StatusDetails"] for host in hosts] == ["Failed", "Failed", "Terminated"]
    command = ssm.call("ListCommands", CommandId=command_id)["Commands"][0]
    assert (command["Status"], command["ErrorCount"], command["CompletedCount"]) == ("Failed", 2, 3)


def test_lists_are_filtered_and_paged(ssm: Ssm) -> None:
    first, second = ssm.host("web-1"), ssm.host("web-2")
    good, bad, other = ssm.shell(first, "true"), ssm.shell(first, "false"), ssm.shell(second, "true")
    for command_id, host in ((good, first), (bad, first), (other, second)):
        ssm.ended(command_id, host)

    def commands(**body: Any) -> list[str]:
        return [command["CommandId"] for command in ssm.call("ListCommands", **body)["Commands"]]

    def filtered(key: str, value: str) -> list[str]:
        return commands(Filters=[{"key": key, "value": value}])

    assert commands() == [other, bad, good]
    assert commands(InstanceId=first.instance_id) == [bad, good]
    assert filtered("Status", "Failed") == [bad]
    assert filtered("ExecutionStage", "Executing") == []
    assert filtered("DocumentName", "AWS-RunShellScript") == [other, bad, good]
    assert filtered("InvokedAfter", "2099-01-01T00:00:00Z") == filtered("InvokedBefore", "2016-01-01T00:00:00Z") == []
    assert "satisfy enum value set" in ssm.refusal("ListCommands", Filters=[{"key": "Color", "value": "red"}])
    page = ssm.call("ListCommandInvocations", MaxResults=2)
    rest = ssm.call("ListCommandInvocations", MaxResults=2, NextToken=page["NextToken"])
    seen = [invocation["CommandId"] for invocation in page["CommandInvocations"] + rest["CommandInvocations"]]
    assert seen == [other, bad, good] and "NextToken" not in rest
    assert ssm.refusal("ListCommandInvocations", NextToken="zzz").startswith("InvalidNextToken")
    failed = ssm.call("ListCommandInvocations", Filters=[{"key": "Status", "value": "Failed"}])["CommandInvocations"]
    assert [invocation["CommandId"] for invocation in failed] == [bad]
    assert failed[0]["CommandPlugins"] == []


def test_get_command_invocation_wants_the_steps_name(ssm: Ssm) -> None:
    host = ssm.host()
    command_id = steps(ssm, host, lines("echo a"), lines("echo b"))
    one = {"CommandId": command_id, "InstanceId": host.instance_id}
    assert ssm.call("GetCommandInvocation", **one, PluginName="StepB")["Status"] == "Pending"
    ssm.ended(command_id, host)
    assert ssm.call("GetCommandInvocation", **one, PluginName="StepB")["StandardOutputContent"] == "b\n"
    assert ssm.refusal("GetCommandInvocation", **one).startswith("InvalidPluginName")
    assert ssm.refusal("GetCommandInvocation", **one, PluginName="StepC").startswith("InvalidPluginName")
    unknown = {**one, "InstanceId": "i-0123456789abcdef0", "PluginName": "StepB"}
    assert ssm.refusal("GetCommandInvocation", **unknown).startswith("InvocationDoesNotExist")
    assert ssm.refusal("CancelCommand", CommandId="0" * 36).startswith("InvalidCommandId")


def test_describe_instance_information_shows_who_is_heard_from(ssm: Ssm) -> None:
    web = ssm.host("web-1", tags={"Fleet": "web"})
    old = ssm.host("old-1", on_premises=True)
    ssm.host("db-1", managed=False)

    def listed(**body: Any) -> list[tuple[str, str]]:
        found = ssm.call("DescribeInstanceInformation", **body)["InstanceInformationList"]
        return [(entry["InstanceId"], entry["PingStatus"]) for entry in found]

    assert listed() == [(web.instance_id, "Online"), (old.instance_id, "Online")]
    web.go_offline()
    ssm.until(lambda: listed()[0] == (web.instance_id, "ConnectionLost"))
    lost = [(web.instance_id, "ConnectionLost")]
    assert listed(Filters=[{"Key": "PingStatus", "Values": ["ConnectionLost"]}]) == lost
    assert (
        listed(Filters=[{"Key": "tag:Fleet", "Values": ["web"]}, {"Key": "ResourceType", "Values": ["EC2Instance"]}])
        == lost
    )
    assert listed(InstanceInformationFilterList=[{"key": "InstanceIds", "valueSet": [web.instance_id]}]) == lost
    assert listed(Filters=[{"Key": "tag-key", "Values": ["Color"]}]) == []
    assert ssm.refusal("DescribeInstanceInformation", Filters=[{"Key": "Color", "Values": ["red"]}]).startswith(
        "InvalidFilterKey"
    )


def test_document_operations_answer_in_ssms_shapes(ssm: Ssm) -> None:
    document = {"schemaVersion": "2.2", "parameters": {"Word": {"type": "String", "default": "x"}}, "mainSteps": [
        {"action": "aws:runShellScript", "name": "SayIt", "inputs": {"runCommand": ["echo {{ Word }}"]}}]}  # fmt: skip
    created = ssm.call("CreateDocument", Name="say", DocumentType="Command", Content=json.dumps(document))
    assert created["DocumentDescription"]["Parameters"] == [{"Name": "Word", "Type": "String", "DefaultValue": "x"}]
    text = (
        "schemaVersion: '2.2'\nmainSteps:\n- {action: 'aws:runShellScript', name: SayIt, inputs: {runCommand: [id]}}\n"
    )
    updated = ssm.call("UpdateDocument", Name="say", Content=text, DocumentFormat="YAML", DocumentVersion="$LATEST")
    assert updated["DocumentDescription"]["DocumentVersion"] == "2"
    assert ssm.call("DescribeDocument", Name="say")["Document"]["DocumentVersion"] == "1"
    ssm.call("UpdateDocumentDefaultVersion", Name="say", DocumentVersion="2")
    assert ssm.call("GetDocument", Name="say")["Content"] == text
    as_json = ssm.call("GetDocument", Name="say", DocumentVersion="2", DocumentFormat="JSON")["Content"]
    assert json.loads(as_json)["mainSteps"][0]["name"] == "SayIt"
    versions = ssm.call("ListDocumentVersions", Name="say")["DocumentVersions"]
    assert [(v["DocumentVersion"], v["IsDefaultVersion"]) for v in versions] == [("2", True), ("1", False)]
    own = ssm.call("ListDocuments", Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]
    assert [identifier["Name"] for identifier in own] == ["say"]
    ssm.call("DeleteDocument", Name="say")
    assert ssm.refusal("GetDocument", Name="say").startswith("InvalidDocument")
    assert ssm.refusal("CreateDocument", Name="x y", Content="{}").startswith("ValidationException")


def test_what_is_not_ours_goes_on_to_the_emulator(ssm: Ssm) -> None:
    assert ssm.run(ssm.run_command.answer("PutParameter", {"Name": "x"})) is None


def test_a_refusal_before_the_answer_leaves_nothing_done(ssm: Ssm) -> None:
    host = ssm.host()

    async def throttle(operation: str, body: dict[str, Any]) -> None:
        if operation == "SendCommand":
            raise SsmError("ThrottlingException", "Rate exceeded")

    ssm.run_command.before_answer = throttle
    refusal = ssm.refusal("SendCommand", DocumentName="AWS-RunShellScript", InstanceIds=[host.instance_id],
                          Parameters={"commands": ["true"]})  # fmt: skip
    assert refusal == "ThrottlingException: Rate exceeded"
    assert ssm.call("ListCommands") == {"Commands": []}


def test_a_fault_after_the_answer_finds_the_command_sent(ssm: Ssm) -> None:
    host = ssm.host()

    async def die(operation: str, body: dict[str, Any]) -> None:
        raise ConnectionResetError(operation)

    ssm.run_command.after_answer = die
    with pytest.raises(ConnectionResetError, match="SendCommand"):
        ssm.shell(host, "touch /srv/ran")
    ssm.until(host.path("/srv/ran").exists)


def test_iam_is_asked_for_the_document_and_for_each_instance_with_its_tags(ssm: Ssm) -> None:
    web = ssm.host("web-1", tags={"Fleet": "web"})
    action, unknown = "ssm:SendCommand", "mi-0123456789abcdef0"
    tags = {
        "ssm:resourceTag/Name": "web-1", "aws:ResourceTag/Name": "web-1",
        "ssm:resourceTag/Fleet": "web", "aws:ResourceTag/Fleet": "web",
    }  # fmt: skip
    ours = "arn:aws:ssm:us-east-1:000000000000"
    document = Check(action, f"{ours}:document/say", {})
    on_web = Check(action, f"arn:aws:ec2:us-east-1:000000000000:instance/{web.instance_id}", tags)

    def asked(operation: str, **body: Any) -> list[Check]:
        return checks(operation, body, ssm.instances, ssm.documents)

    assert asked("SendCommand", DocumentName="say", InstanceIds=[web.instance_id, unknown]) == [
        document, on_web, Check(action, f"{ours}:managed-instance/{unknown}", {}),
    ]  # fmt: skip
    assert asked("SendCommand", DocumentName="say", Targets=[{"Key": "tag:Fleet", "Values": ["web"]}]) == [
        document,
        on_web,
    ]
    assert asked("SendCommand", DocumentName="AWS-RunShellScript")[0].resource == (
        "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"
    )
    assert asked("ListCommandInvocations") == [Check("ssm:ListCommandInvocations", "*", {})]
    assert asked("UpdateDocument", Name="say") == [Check("ssm:UpdateDocument", f"{ours}:document/say", {})]
    assert asked("PutParameter", Name="x") == []

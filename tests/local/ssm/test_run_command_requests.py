"""What Run Command refuses, lists and describes, as SSM does."""

import json
from typing import Any

import pytest

from local.authorization import Check
from local.ssm.model import SsmError
from local.ssm.permissions import checks
from tests.local.conftest import Ssm
from tests.local.ssm.test_run_command import lines, steps


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

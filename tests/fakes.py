"""Fakes of what moto does not have: a Run Command whose hosts a test makes answer, and the waiting states' tokens.

The local cloud's Run Command really executes and is held against botocore's model; the end-to-end tests use that one.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from functions.aws import clients
from host.lifecycle import START
from tests.calls.recording import note


def refusal(code: str, operation: str = "SendCommand") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


class FakeRunCommand:
    """SSM's client, as far as functions/aws/ssm.py and targets.py use it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.invocations: dict[str, dict[str, Any]] = {}  # by command id
        self.cancelled: list[str] = []
        self.ping: dict[str, str] = {}  # by instance id; "" for one that SSM does not manage
        self.silent_seconds = 0  # since a host that does not answer was heard last
        self.nodes: list[dict[str, Any]] = []  # outside EC2
        self.refuses: ClientError | None = None
        self.cannot_cancel: ClientError | None = None
        self.cannot_list: ClientError | None = None
        self.lists = 0  # calls of ListCommandInvocations

    def send_command(self, **request: Any) -> dict[str, Any]:
        note("ssm", "SendCommand", request)
        if self.refuses:
            raise self.refuses
        command_id = f"c-{len(self.sent)}"
        self.sent.append(request)
        self.invocations[command_id] = {
            "CommandId": command_id,
            "InstanceId": request["InstanceIds"][0],
            "Comment": request["Comment"],
            "Status": "InProgress",
            "StatusDetails": "InProgress",
            "CommandPlugins": [],
        }
        return {"Command": {"CommandId": command_id}}

    def answer(self, command_id: str, events: tuple[str, ...], status: str = "Success") -> None:
        """The host has done every event; a failed one is the last. `InProgress`: it goes on with the next."""
        said = {"stepdeploy": 1, "cause": None, "script_name": "", "log_tail": ""}
        plugins = [{"Name": START, "Status": "Success", "StatusDetails": "Success", "Output": ""}]
        for name in events:
            fails = status == "Failed" and name == events[-1]
            words = {"status": "Failed", "error_code": "ScriptFailed", "cause": "SCRIPT", "message": "exit code 1"}
            well = {"status": "Succeeded", "error_code": "Success", "message": "Succeeded"}
            output = json.dumps({**said, "event": name, **(words if fails else well)})
            state = "Failed" if fails else "Success"
            plugins.append({"Name": name, "Status": state, "StatusDetails": state, "Output": output})
        self.end(command_id, status, plugins=plugins)

    def find_busy(self, command_id: str, message: str) -> None:
        """Another deployment has the host, says its runner in the first step."""
        said = {"stepdeploy": 1, "event": START, "status": "Failed", "error_code": "UnknownError"}
        output = json.dumps({**said, "cause": "BUSY", "script_name": "", "message": message, "log_tail": ""})
        plugin = {"Name": START, "Status": "Failed", "StatusDetails": "Failed", "Output": output}
        self.end(command_id, "Failed", plugins=[plugin])

    def end(self, command_id: str, status: str, details: str | None = None, plugins: Any = ()) -> None:
        changes = {"Status": status, "StatusDetails": details or status, "CommandPlugins": list(plugins)}
        self.invocations[command_id].update(changes)

    def list_command_invocations(self, **request: Any) -> dict[str, Any]:
        note("ssm", "ListCommandInvocations", request)
        self.lists += 1
        if self.cannot_list:
            raise self.cannot_list
        wanted = request.get("CommandId")
        found = [
            each
            for each in self.invocations.values()
            if each["InstanceId"] == request["InstanceId"] and wanted in (None, each["CommandId"])
        ]
        return {"CommandInvocations": found}

    def describe_instance_information(self, **request: Any) -> dict[str, Any]:
        note("ssm", "DescribeInstanceInformation", request)
        asked = request["Filters"][0]["Values"]
        last = datetime.now(UTC) - timedelta(seconds=self.silent_seconds)
        if request["Filters"][0]["Key"] == "ResourceType":
            return {"InstanceInformationList": self.nodes}
        return {
            "InstanceInformationList": [
                {"InstanceId": each, "PingStatus": self.ping.get(each, "Online"), "LastPingDateTime": last}
                for each in asked
                if self.ping.get(each) != ""
            ]
        }

    def cancel_command(self, **request: Any) -> None:
        note("ssm", "CancelCommand", request)
        if self.cannot_cancel:
            raise self.cannot_cancel
        self.cancelled.append(request["CommandId"])

    def get_paginator(self, operation: str) -> Any:
        call = getattr(self, operation)

        class Pages:
            def paginate(self, **request: Any) -> list[dict[str, Any]]:
                return [call(**request)]

        return Pages()


class FakeTokens:
    """Step Functions' client, as far as tokens go: what each waiting state was told."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        """Executions are moto's."""
        return getattr(clients.made("stepfunctions"), name)

    def send_task_success(self, taskToken: str, output: str) -> None:
        note("states", "SendTaskSuccess", {"taskToken": taskToken})
        if taskToken in self.told:
            raise ClientError({"Error": {"Code": "TaskTimedOut", "Message": ""}}, "SendTaskSuccess")
        self.told[taskToken] = json.loads(output)


class FakeAlarms:
    """CloudWatch's client, as far as functions/aws/cloudwatch.py uses it: states by name, and what each became."""

    def __init__(self, states: Mapping[str, str]) -> None:
        self.states = dict(states)
        self.history: list[tuple[datetime, str]] = []
        self.refuses: ClientError | None = None

    def describe_alarms(self, **request: Any) -> dict[str, Any]:
        note("cloudwatch", "DescribeAlarms", request)
        if self.refuses:
            raise self.refuses
        known = [name for name in request["AlarmNames"] if name in self.states]
        return {"MetricAlarms": [{"AlarmName": name, "StateValue": self.states[name]} for name in known]}

    def get_paginator(self, operation: str) -> "FakeAlarms":
        assert operation == "describe_alarm_history"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        note("cloudwatch", "DescribeAlarmHistory", request)
        found = [
            {"Timestamp": time, "HistoryData": json.dumps({"newState": {"stateValue": became}})}
            for time, became in self.history
            if time >= request["StartDate"]
        ]
        return [{"AlarmHistoryItems": found[:1]}, {"AlarmHistoryItems": found[1:]}]

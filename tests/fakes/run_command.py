"""Run Command, which moto does not really have: its hosts answer when a test makes them.

The local cloud's really executes; the end-to-end tests use that one.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from host.lifecycle import START
from tests.fakes.documents import FakeDocuments


class FakeRunCommand(FakeDocuments):
    """SSM, as far as functions/aws/fleet/ssm.py uses it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []
        self.invocations: dict[str, dict[str, Any]] = {}  # by command id
        self.cancelled: list[str] = []
        self.ping: dict[str, str] = {}  # by instance id; "" for one that SSM does not manage
        self.platforms: dict[str, str] = {}  # by instance id, where it is no Linux
        self.silent_seconds = 0  # since a host that does not answer was heard last
        self.nodes: list[dict[str, Any]] = []  # outside EC2
        self.refuses: ClientError | None = None
        self.cannot_cancel: ClientError | None = None
        self.cannot_list: ClientError | None = None
        self.lists = 0  # calls of ListCommandInvocations

    def on_send_command(self, **request: Any) -> dict[str, Any]:
        if self.refuses:
            raise self.refuses
        number, is_segment = len(self.sent), "Instructions" in request["Parameters"]
        command_id = f"c-{number}" if is_segment else f"00000000-0000-4000-8000-{number:012}"
        self.sent.append(request)
        for place, instance_id in enumerate(request["InstanceIds"]):
            self.invocations[f"{command_id}/{instance_id}" if place else command_id] = {
                "CommandId": command_id,
                "InstanceId": instance_id,
                "DocumentName": request["DocumentName"],
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
        self.end_before_it_begins(command_id, "BUSY", message)

    def end_before_it_begins(self, command_id: str, cause: str, message: str) -> None:
        """The first step fails, and no event is run."""
        said = {"stepdeploy": 1, "event": START, "status": "Failed", "error_code": "UnknownError"}
        output = json.dumps({**said, "cause": cause, "script_name": "", "message": message, "log_tail": ""})
        plugin = {"Name": START, "Status": "Failed", "StatusDetails": "Failed", "Output": output}
        self.end(command_id, "Failed", plugins=[plugin])

    def end(self, command_id: str, status: str, details: str | None = None, plugins: Any = ()) -> None:
        changes = {"Status": status, "StatusDetails": details or status, "CommandPlugins": list(plugins)}
        self.invocations[command_id].update(changes)

    def on_list_command_invocations(self, **request: Any) -> dict[str, Any]:
        self.lists += 1
        if self.cannot_list:
            raise self.cannot_list
        command, instance = request.get("CommandId"), request.get("InstanceId")
        found = [
            each
            for each in self.invocations.values()
            if instance in (None, each["InstanceId"]) and command in (None, each["CommandId"])
        ]
        return {"CommandInvocations": found}

    def on_describe_instance_information(self, **request: Any) -> dict[str, Any]:
        asked = request["Filters"][0]["Values"]
        last = datetime.now(UTC) - timedelta(seconds=self.silent_seconds)
        if request["Filters"][0]["Key"] == "ResourceType":
            return {"InstanceInformationList": self.nodes}
        return {
            "InstanceInformationList": [
                {
                    "InstanceId": each,
                    "PingStatus": self.ping.get(each, "Online"),
                    "LastPingDateTime": last,
                    "PlatformType": self.platforms.get(each, "Linux"),
                }
                for each in asked
                if self.ping.get(each) != ""
            ]
        }

    def on_cancel_command(self, **request: Any) -> None:
        if self.cannot_cancel:
            raise self.cannot_cancel
        self.cancelled.append(request["CommandId"])

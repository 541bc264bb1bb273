"""EventBridge: buses whose rules hand the events of a source on to queues."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.service import Service
from tests.fakes.sqs import FakeSqs


@dataclass
class _Rule:
    sources: list[str]
    queues: list[str] = field(default_factory=list)  # their ARNs


class FakeEvents(Service):
    name = "events"

    def __init__(self, sqs: FakeSqs) -> None:
        super().__init__()
        self._sqs = sqs
        self._rules: dict[str, dict[str, _Rule]] = {}  # by buses' names and theirs

    def on_create_event_bus(self, *, Name: str) -> dict[str, Any]:
        self._rules[Name] = {}
        return {"EventBusArn": f"arn:aws:events:us-east-1:123456789012:event-bus/{Name}"}

    def on_put_rule(self, *, Name: str, EventBusName: str, EventPattern: str) -> dict[str, Any]:
        pattern = json.loads(EventPattern)
        assert list(pattern) == ["source"]
        self._rules[EventBusName][Name] = _Rule(pattern["source"])
        return {"RuleArn": f"arn:aws:events:us-east-1:123456789012:rule/{EventBusName}/{Name}"}

    def on_put_targets(self, *, Rule: str, EventBusName: str, Targets: Sequence[Any]) -> dict[str, Any]:
        self._rules[EventBusName][Rule].queues += [each["Arn"] for each in Targets]
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def on_put_events(self, *, Entries: Sequence[Any]) -> dict[str, Any]:
        for entry in Entries:
            told = {
                "source": entry["Source"],
                "detail-type": entry["DetailType"],
                "time": entry["Time"].strftime("%Y-%m-%dT%H:%M:%SZ"),
                "resources": entry["Resources"],
                "detail": json.loads(entry["Detail"]),
            }
            for rule in self._rules[entry["EventBusName"]].values():
                for queue in rule.queues if entry["Source"] in rule.sources else ():
                    self._sqs.deliver(queue, json.dumps(told))
        return {"FailedEntryCount": 0, "Entries": [{"EventId": str(number)} for number in range(len(Entries))]}

"""CloudWatch: alarms that are set by hand, and what each became."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes.service import Service


class FakeAlarms(Service):
    """States by name, and what each became when; moto tells no history."""

    name = "cloudwatch"

    def __init__(self, states: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.states = dict(states or {})
        self.history: list[tuple[datetime, str]] = []
        self.refuses: ClientError | None = None

    def on_put_metric_alarm(self, *, AlarmName: str, **_: Any) -> None:
        self.states.setdefault(AlarmName, "INSUFFICIENT_DATA")

    def on_set_alarm_state(self, *, AlarmName: str, StateValue: str, StateReason: str) -> None:
        self.states[AlarmName] = StateValue
        self.history.append((datetime.now(UTC), StateValue))

    def on_describe_alarms(self, *, AlarmNames: Sequence[str], **_: Any) -> dict[str, Any]:
        if self.refuses:
            raise self.refuses
        known = [name for name in AlarmNames if name in self.states]
        return {"MetricAlarms": [{"AlarmName": name, "StateValue": self.states[name]} for name in known]}

    def on_describe_alarm_history(self, *, StartDate: datetime, NextToken: str = "0", **_: Any) -> dict[str, Any]:
        """One change a page."""
        found = [
            {"Timestamp": time, "HistoryData": json.dumps({"newState": {"stateValue": became}})}
            for time, became in self.history
            if time >= StartDate
        ]
        here = int(NextToken)
        more = {"NextToken": str(here + 1)} if here + 1 < len(found) else {}
        return {"AlarmHistoryItems": found[here : here + 1], **more}

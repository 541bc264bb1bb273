"""The services of which the engine asks little: EC2, KMS, CloudWatch, and those that take announcements."""

import json
from collections.abc import Mapping
from typing import Any

from simulation.aws.network import Network, Service, page
from simulation.aws.ssm import moment
from simulation.hosts import Fleet

TAGS = {"role": "web", "stepdeploy": "enabled"}  # of every host


class Ec2(Service):
    """Every host has the same tags, and is found by whatever tag of them is asked for."""

    name = "ec2"

    def __init__(self, network: Network, fleet: Fleet) -> None:
        super().__init__(network)
        self._fleet = fleet

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        return self.request("DescribeInstances", lambda: self._describe(request))

    def _describe(self, request: Mapping[str, Any]) -> dict[str, Any]:
        tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
        found = [
            {"InstanceId": host.host_id, "Tags": [*tags, {"Key": "Name", "Value": f"web-{number}"}]}
            for number, host in enumerate(self._fleet.hosts.values())
            if not host.is_terminated
        ]
        answer = page(found, "Instances", request, most=1000)
        return {**answer, "Reservations": [{"Instances": answer.pop("Instances")}]}


class Kms(Service):
    name = "kms"

    def sign(self, **request: Any) -> dict[str, Any]:
        return self.request("Sign", lambda: {"KeyId": request["KeyId"], "Signature": b"signed"})


class CloudWatch(Service):
    """One alarm, which goes to ALARM once, or never."""

    name = "cloudwatch"

    def __init__(self, network: Network, alarm: str) -> None:
        super().__init__(network)
        self.alarm = alarm
        self.rang_at: float | None = None

    def describe_alarms(self, **request: Any) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            state = "OK" if self.rang_at is None else "ALARM"
            known = [name for name in request["AlarmNames"] if name == self.alarm]
            return {"MetricAlarms": [{"AlarmName": name, "StateValue": state} for name in known]}

        return self.request("DescribeAlarms", describe)

    def describe_alarm_history(self, **request: Any) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            data = json.dumps({"newState": {"stateValue": "ALARM"}})
            rang = [] if self.rang_at is None else [{"Timestamp": moment(self.rang_at), "HistoryData": data}]
            return {"AlarmHistoryItems": [each for each in rang if each["Timestamp"] >= request["StartDate"]]}

        return self.request("DescribeAlarmHistory", describe)


class Bus(Service):
    """The engine's own event bus: events arrive, and are counted."""

    name = "events"

    def put_events(self, **request: Any) -> dict[str, Any]:
        return self.request("PutEvents", lambda: {"Entries": [{"EventId": "e"} for _ in request["Entries"]]})


class Sns(Service):
    name = "sns"

    def publish_batch(self, **request: Any) -> dict[str, Any]:
        return self.request("PublishBatch", lambda: {"Failed": []})

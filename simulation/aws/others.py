"""The services of which the engine asks little: EC2, KMS, and those that take announcements."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from simulation.aws.network import Network, Service, page
from simulation.hosts import Fleet


class Ec2(Service):
    """Instances, which are found by their tags."""

    name = "ec2"

    def __init__(self, network: Network, fleet: Fleet) -> None:
        super().__init__(network)
        self._fleet = fleet

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        return self.request("DescribeInstances", lambda: self._describe(request))

    def _describe(self, request: Mapping[str, Any]) -> dict[str, Any]:
        asked = {each["Name"]: each["Values"] for each in request["Filters"]}
        wanted = {
            each["Name"].removeprefix("tag:"): each["Values"]
            for each in request["Filters"]
            if each["Name"].startswith("tag:")
        }
        found = []
        for number, host in enumerate(self._fleet.hosts.values()):
            tags = {"role": host.role, "stepdeploy": "enabled", "Name": f"{host.role}-{number}"}
            if host.scaling_group:
                tags["aws:autoscaling:groupName"] = host.scaling_group
            is_named = host.host_id in asked.get("instance-id", [host.host_id])
            if not host.is_terminated and is_named and all(tags.get(name) in values for name, values in wanted.items()):
                shown = [{"Key": key, "Value": value} for key, value in tags.items()]
                placed = {"AvailabilityZone": host.zone}
                found.append({"InstanceId": host.host_id, "Tags": shown, "Placement": placed})
        answer = page(found, "Instances", request, most=1000)
        return {**answer, "Reservations": [{"Instances": answer.pop("Instances")}]}


class Kms(Service):
    name = "kms"

    def sign(self, **request: Any) -> dict[str, Any]:
        return self.request("Sign", lambda: {"KeyId": request["KeyId"], "Signature": b"signed"})


class Bus(Service):
    """The engine's own event bus. `tell` gets the details of the events that arrive."""

    name = "events"

    def __init__(self, network: Network, tell: Callable[[dict[str, str]], None]) -> None:
        super().__init__(network)
        self._tell = tell

    def put_events(self, **request: Any) -> dict[str, Any]:
        def put() -> dict[str, Any]:
            for entry in request["Entries"]:
                self._tell(json.loads(entry["Detail"]))
            return {"Entries": [{"EventId": "e"} for _ in request["Entries"]]}

        return self.request("PutEvents", put)


class Sns(Service):
    name = "sns"

    def publish_batch(self, **request: Any) -> dict[str, Any]:
        return self.request("PublishBatch", lambda: {"Failed": []})

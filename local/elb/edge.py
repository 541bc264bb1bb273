"""Elastic Load Balancing in front of the emulator, which has no target states, no draining and no Classic API.

Every request of the service is answered here, authorized and throttled as AWS does.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.authorization import denied
from local.counters import Records, is_administrator
from local.elb.service import CLASSIC, V2, ElasticLoadBalancing, find_operation
from local.elb.settings import Settings
from local.elb.traffic.pool import Place
from local.hosts.addresses import address
from local.hosts.instances import Instances
from local.query import QueryError, answer, error_answer, fields, parameters, parsed, service_model

SERVICE = "elasticloadbalancing"
XML = {"Content-Type": "text/xml"}
_APIS = {service_model(name).api_version: name for name in (V2, CLASSIC)}
_FIRST_NUMBER, _NUMBERS = 250, 5  # instances have the numbers below

Answer = tuple[int, dict[str, str], bytes]


class LocalWorld:
    """The local cloud, as load balancers see it."""

    def __init__(self, instances: Instances, network: str) -> None:
        self.region, self.account = instances.region, instances.account
        self._instances, self._network = instances, network
        self._numbers = itertools.count()

    def instance(self, instance_id: str) -> Place | None:
        """One of ours, or one that only the emulator's EC2 has: that runs nothing."""
        if found := self._instances.get(instance_id):
            return Place(found.address, str(found.state), found.availability_zone)
        with self._emulated_ec2() as ec2:
            record = ec2._instances.get(instance_id)
        return Place(None, record["State"]["Name"], record["Placement"]["AvailabilityZone"]) if record else None

    def subnet(self, subnet_id: str) -> tuple[str, str] | None:
        with self._emulated_ec2() as ec2:
            record = ec2._subnets.get(subnet_id)
        return (record["AvailabilityZone"], record["VpcId"]) if record else None

    def new_address(self) -> str:
        number = next(self._numbers)
        return address(self._network, number // _NUMBERS, _FIRST_NUMBER + number % _NUMBERS)

    @contextmanager
    def _emulated_ec2(self) -> Iterator[Any]:
        from ministack.core.responses import request_scope
        from ministack.services import ec2

        with request_scope(self.account, self.region):
            yield ec2


def install(instances: Instances, network: str, settings: Settings, records: Records) -> ElasticLoadBalancing:
    """Take the service over; the emulator's own is out of work."""
    from ministack import app
    from ministack.core import iam_actions

    elb = ElasticLoadBalancing(LocalWorld(instances, network), settings)
    resource_of = iam_actions.extract_resource_arn

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
        form = fields(body, query)
        api, name = _APIS.get(form.get("Version", ""), V2), form.get("Action", "")
        operation = find_operation(api, name)
        try:
            if operation is None or not elb.has(api, name):
                raise QueryError("InvalidAction", f"Could not find operation {name} for version {form.get('Version')}")
            if not is_administrator(headers):
                records.elb[name] += 1
                elb.throttle(api, name)
            _authorize(api, name, form, headers, query)
            asked = parameters(operation, form)
            return 200, dict(XML), answer(operation, await asyncio.to_thread(elb.call, api, name, asked))
        except QueryError as error:
            status, xml = error_answer(operation, error, service_model(api).metadata["xmlNamespace"])
            return status, dict(XML), xml

    def _authorize(api: str, name: str, form: dict[str, str], headers: dict[str, str], query: dict[str, Any]) -> None:
        wanted = elb.checks(api, name, parsed(find_operation(api, name), form))
        if message := denied(SERVICE, wanted, headers, query):
            raise QueryError("AccessDenied", message)

    def resource(service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any) -> str:
        """What the emulator's own check asks about: the first of ours, so that both agree."""
        if service == SERVICE:
            form = fields(body, rest[0])
            api, name = _APIS.get(form.get("Version", ""), V2), form.get("Action", "")
            if (operation := find_operation(api, name)) is not None:
                return elb.checks(api, name, parsed(operation, form))[0].resource
        return str(resource_of(service, method, path, headers, body, *rest))

    app.SERVICE_HANDLERS[SERVICE] = handle
    iam_actions.extract_resource_arn = resource
    return elb

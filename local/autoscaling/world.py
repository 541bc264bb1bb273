"""What is outside of Auto Scaling on the local cloud: real local instances, our load balancers, the emulator's EC2."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.autoscaling.events import LIFECYCLE_ACTIONS
from local.autoscaling.fleet import LaunchFailed
from local.autoscaling.records import Member, Source, Template
from local.elb.service import CLASSIC, V2, ElasticLoadBalancing
from local.faults import Faults
from local.hosts.instance import Instance
from local.hosts.instances import Instances
from local.hosts.namespaces import NamespaceUnavailable
from local.query import QueryError

Do = Callable[[Instance], Coroutine[Any, Any, None]]
_IMAGE, _TYPE = "ami-0123456789abcdef0", "t3.micro"
_CLASSIC_STATES = {"InService": "healthy", "OutOfService": "unhealthy"}
_LEAVING = "Instance deregistration currently in progress."


class LocalWorld:
    """It is made on the loop of the instances, and used on that of the groups."""

    def __init__(
        self,
        instances: Instances,
        balancers: ElasticLoadBalancing,
        faults: Faults,
        emit: Callable[[dict[str, Any]], None],
    ) -> None:
        self.region, self.account = instances.region, instances.account
        self._instances, self._balancers, self._faults, self._emit = instances, balancers, faults, emit
        self._hosts = asyncio.get_running_loop()
        self._launches: dict[str, asyncio.Task[None]] = {}

    # -- what is launched

    def template(self, asked: Mapping[str, Any]) -> Template:
        version = str(asked.get("Version", "$Default"))
        with self._emulated("ec2") as ec2:
            templates = list(ec2._launch_templates.values())
        found = next(
            (
                each
                for each in templates
                if asked.get("LaunchTemplateId", each["LaunchTemplateId"]) == each["LaunchTemplateId"]
                and asked.get("LaunchTemplateName", each["LaunchTemplateName"]) == each["LaunchTemplateName"]
            ),
            None,
        )
        if found is None:
            name = asked.get("LaunchTemplateId") or asked.get("LaunchTemplateName")
            message = "You must use a valid fully-formed launch template. "
            raise QueryError("ValidationError", f"{message}The specified launch template, {name}, does not exist.")
        numbers = {"$Default": found["DefaultVersionNumber"], "$Latest": found["LatestVersionNumber"]}
        number = str(numbers.get(version, version))
        one = next((each for each in found["Versions"] if str(each["VersionNumber"]) == number), None)
        if one is None:
            message = "You must use a valid fully-formed launch template. Could not find the launch template version "
            raise QueryError("ValidationError", f"{message}'{version}'.")
        data = one["LaunchTemplateData"]
        shown = {"LaunchTemplateId": found["LaunchTemplateId"], "LaunchTemplateName": found["LaunchTemplateName"]}
        specifications = [each for each in data.get("TagSpecifications", []) if each["ResourceType"] == "instance"]
        tags = {tag["Key"]: str(tag["Value"]) for each in specifications for tag in each.get("Tags", [])}
        image, kind = data.get("ImageId", _IMAGE), data.get("InstanceType", _TYPE)
        return Template(image, kind, tags, {"LaunchTemplate": {**shown, "Version": number}})

    def launch_configuration(self, name: str) -> Template:
        with self._emulated("autoscaling") as autoscaling:
            found = autoscaling._launch_configs.get(name)
        if found is None:
            message = f"Launch configuration name not found - Launch configuration {name} not found"
            raise QueryError("ValidationError", message)
        return Template(found["ImageId"], found["InstanceType"], {}, {"LaunchConfigurationName": name})

    def zone_of(self, subnet: str) -> str | None:
        with self._emulated("ec2") as ec2:
            found = ec2._subnets.get(subnet)
        return found["AvailabilityZone"] if found else None

    def default_subnet(self, zone: str) -> str:
        with self._emulated("ec2") as ec2:
            subnets = list(ec2._subnets.values())
        default = (each["SubnetId"] for each in subnets if each["AvailabilityZone"] == zone and each["DefaultForAz"])
        return next(default, "")

    # -- instances

    def instance(self, instance_id: str) -> tuple[str, str] | None:
        if found := self._instances.get(instance_id):
            return str(found.state), found.availability_zone
        with self._emulated("ec2") as ec2:
            record = ec2._instances.get(instance_id)
        return (record["State"]["Name"], record["Placement"]["AvailabilityZone"]) if record else None

    async def launch(self, member: Member, tags: Mapping[str, str], *, subnet: str, agent_seconds: float) -> None:
        if self._faults.strike("failed_launches"):
            kind, zone = member.template.instance_type, member.zone
            message = f"We currently do not have sufficient {kind} capacity in the Availability Zone you requested"
            raise LaunchFailed(f"{message} ({zone}). Launching EC2 instance failed.")

        async def run() -> None:
            # On AWS it is an instance before its agent has reported, and has no Name but by a tag.
            instance = await self._instances.launch(
                member.id, availability_zone=member.zone, managed=False, instance_id=member.id
            )
            instance.tags = dict(tags)
            image, kind = member.template.image_id, member.template.instance_type
            self._instances.register(instance, image_id=image, instance_type=kind, subnet_id=subnet or None)
            self._hosts.call_later(agent_seconds, instance.enroll)

        async def launched() -> None:
            task = self._launches[member.id] = self._hosts.create_task(run())
            try:
                await asyncio.shield(task)  # half an instance could not be terminated
            finally:
                task.add_done_callback(lambda _: self._launches.pop(member.id, None))

        try:
            await self._there(launched())
        except NamespaceUnavailable as error:
            raise LaunchFailed(f"{error}. Launching EC2 instance failed.") from error

    async def start(self, instance_id: str, *, agent_seconds: float) -> None:
        await self._with(instance_id, self._booting(Instance.start, agent_seconds))

    async def replace_root_volume(self, instance_id: str, *, agent_seconds: float) -> None:
        await self._with(instance_id, self._booting(Instance.replace_root_volume, agent_seconds))

    async def stop(self, instance_id: str) -> None:
        await self._with(instance_id, Instance.stop)

    async def terminate(self, instance_id: str) -> None:
        await self._with(instance_id, Instance.terminate)

    def set_tag(self, instance_id: str, key: str, value: str | None) -> None:
        with self._emulated("ec2") as ec2:
            tags = [tag for tag in ec2._tags.get(instance_id, []) if tag["Key"] != key]
            ec2._tags[instance_id] = [*tags, *([{"Key": key, "Value": value}] if value is not None else [])]

    async def settled(self) -> None:
        """Until nothing is being launched any more; on the loop of the instances."""
        await asyncio.gather(*self._launches.values(), return_exceptions=True)

    def _booting(self, boot: Do, agent_seconds: float) -> Do:
        """SSM hears from the instance only a while later."""

        async def booted(instance: Instance) -> None:
            instance.go_offline()
            await boot(instance)
            self._hosts.call_later(agent_seconds, instance.go_online)

        return booted

    async def _with(self, instance_id: str, what: Do) -> None:
        async def done() -> None:
            if launch := self._launches.get(instance_id):
                await asyncio.wait([launch])
            if instance := self._instances.get(instance_id):
                await what(instance)

        await self._there(done())

    async def _there(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._hosts))

    # -- load balancers

    def exists(self, source: Source) -> bool:
        try:
            if source.type == CLASSIC:
                self._balancers.call(CLASSIC, "DescribeLoadBalancers", {"LoadBalancerNames": [source.identifier]})
            else:
                self._balancers.call(V2, "DescribeTargetGroups", {"TargetGroupArns": [source.identifier]})
        except QueryError:
            return False
        return True

    def register(self, source: Source, instance_id: str) -> None:
        self._move(source, instance_id, "RegisterInstancesWithLoadBalancer", "RegisterTargets")

    def deregister(self, source: Source, instance_id: str) -> None:
        self._move(source, instance_id, "DeregisterInstancesFromLoadBalancer", "DeregisterTargets")

    def health(self, source: Source, instance_id: str) -> str:
        try:
            if source.type == CLASSIC:
                asked = {"LoadBalancerName": source.identifier, "Instances": [{"InstanceId": instance_id}]}
                (state,) = self._balancers.call(CLASSIC, "DescribeInstanceHealth", asked)["InstanceStates"]
                if state["Description"] == _LEAVING:
                    return "draining"
                failing = state["State"] == "OutOfService" and "UnhealthyThreshold" in state["Description"]
                return "unhealthy" if failing else _CLASSIC_STATES.get(state["State"], "initial")
            asked = {"TargetGroupArn": source.identifier, "Targets": [{"Id": instance_id}]}
            (found,) = self._balancers.call(V2, "DescribeTargetHealth", asked)["TargetHealthDescriptions"]
            return str(found["TargetHealth"]["State"])
        except QueryError:  # it is deleted
            return "unused"

    def _move(self, source: Source, instance_id: str, classic: str, v2: str) -> None:
        try:
            if source.type == CLASSIC:
                asked = {"LoadBalancerName": source.identifier, "Instances": [{"InstanceId": instance_id}]}
                self._balancers.call(CLASSIC, classic, asked)
            else:
                self._balancers.call(V2, v2, {"TargetGroupArn": source.identifier, "Targets": [{"Id": instance_id}]})
        except QueryError:
            """It is deleted, or the instance is: Auto Scaling goes on."""

    # -- events

    def emit(self, entry: dict[str, Any]) -> None:
        """Events are best effort: of those of lifecycle actions some are lost, doubled or late."""
        if entry["DetailType"] not in LIFECYCLE_ACTIONS:
            self._emit(entry)
            return
        if self._faults.strike("lost_lifecycle_events"):
            return
        if self._faults.strike("late_lifecycle_events"):
            asyncio.get_running_loop().call_later(self._faults.lifecycle_event_delay, self._emit, entry)
            return
        for _ in range(1 + self._faults.strike("doubled_lifecycle_events")):
            self._emit(entry)

    @contextmanager
    def _emulated(self, service: str) -> Iterator[Any]:
        """A module of the emulator, for this account and region."""
        from importlib import import_module

        from ministack.core.responses import request_scope

        with request_scope(self.account, self.region):
            yield import_module(f"ministack.services.{service}")

"""The hosts of the local cloud: EC2 instances and on-premises servers that really run what is sent to them.

Here they are launched and found, and EC2 is told of them; each lives in instance.py. All of it lives on one asyncio
loop.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from local.hosts.addresses import address
from local.hosts.agent import remove_tree
from local.hosts.instance import FIRST_ADDRESS, Instance, InstanceState, Report
from local.hosts.namespaces import NamespaceUnavailable, Root

EC2_STATE_CODES = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.STOPPED: 80,
    InstanceState.TERMINATED: 48,
}


class Instances:
    """The fleet of one local cloud, in one directory that only it uses."""

    def __init__(
        self,
        directory: Path,
        *,
        region: str = "us-east-1",
        account: str = "000000000000",
        network: str = "127.77.0",
        ping_lost_after: float = 5.0,
    ) -> None:
        """`network` holds the first three numbers of the instances' addresses, `ping_lost_after` is in seconds.

        What an earlier local cloud left in the directory is removed. Raises BlockingIOError while another one uses it.
        """
        self.directory = directory
        self.region = region
        self.account = account
        self.on_report: Callable[[Instance, Report], None] = lambda instance, report: None
        self._network = network
        self._numbers = itertools.count(FIRST_ADDRESS)
        self._ping_lost_after = ping_lost_after
        self._instances: dict[str, Instance] = {}
        self._in_ec2: set[str] = set()
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(directory / "lock")
        for left_over in directory.glob("*i-*"):
            remove_tree(left_over)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self._instances.values())

    def get(self, instance_id: str) -> Instance | None:
        return self._instances.get(instance_id)

    def arn_of(self, instance_id: str) -> str:
        """As IAM and events name it, whether it exists or not."""
        if instance_id.startswith("mi-"):
            return f"arn:aws:ssm:{self.region}:{self.account}:managed-instance/{instance_id}"
        return f"arn:aws:ec2:{self.region}:{self.account}:instance/{instance_id}"

    def managed(self) -> list[Instance]:
        """Those that SSM knows, reached or not."""
        return [i for i in self if i.managed and i.state is not InstanceState.TERMINATED]

    async def launch(
        self,
        name: str,
        *,
        tags: Mapping[str, str] | None = None,
        availability_zone: str | None = None,
        managed: bool = True,
        on_premises: bool = False,
        instance_id: str | None = None,
        privileged: bool | None = None,
    ) -> Instance:
        """Boot a new instance and answer once its agent is there. Raises NamespaceUnavailable.

        `privileged` is whether to do without a user namespace; by default the caller is asked whether it is root.
        """
        if sys.platform != "linux":
            raise NamespaceUnavailable("local instances are namespaces, which only Linux has")
        instance_id = instance_id or ("mi-" if on_premises else "i-") + secrets.token_hex(9)[:17]
        number = next(self._numbers)
        base = Path(sys.base_prefix)
        root = Root(
            directory=self.directory / instance_id,
            hostname=name,
            address=address(self._network, number // 250, number % 250),
            privileged=os.geteuid() == 0 if privileged is None else privileged,
            python_executable=(base / "bin" / f"python3.{sys.version_info.minor}").resolve(),
            python_prefix=base,
        )
        instance = Instance(
            root,
            instance_id=instance_id,
            name=name,
            tags=tags or {},
            availability_zone=availability_zone or f"{self.region}a",
            region=self.region,
            managed=managed,
            ping_lost_after=self._ping_lost_after,
        )
        instance.on_report = lambda instance, report: self.on_report(instance, report)
        instance.on_state = self._show_state_in_ec2
        root.directory.mkdir()
        try:
            await instance.start()
        except NamespaceUnavailable:
            remove_tree(root.directory)
            raise
        self._instances[instance_id] = instance
        return instance

    def register(
        self,
        instance: Instance,
        *,
        image_id: str = "ami-0123456789abcdef0",
        instance_type: str = "t3.micro",
        subnet_id: str | None = None,
    ) -> None:
        """Show an instance in the emulator's EC2, where its tags then live."""
        with self._emulated_ec2() as ec2:
            subnet_id = subnet_id or ec2._DEFAULT_SUBNET_ID
            record = ec2._launch_instances_internal(
                image_id, instance_type, subnet_id, 1, requested_private_ip=instance.address
            )[0]
            del ec2._instances[record["InstanceId"]]
            for mapping in record["BlockDeviceMappings"]:
                for attachment in ec2._volumes[mapping["Ebs"]["VolumeId"]]["Attachments"]:
                    attachment["InstanceId"] = instance.instance_id
            record["InstanceId"] = instance.instance_id
            record["Placement"]["AvailabilityZone"] = instance.availability_zone
            ec2._instances[instance.instance_id] = record
            ec2._tags[instance.instance_id] = [{"Key": key, "Value": value} for key, value in instance.tags.items()]
        self._in_ec2.add(instance.instance_id)
        self._show_state_in_ec2(instance)

    def tags(self, instance: Instance) -> dict[str, str]:
        """Its tags now: EC2's, where they can be changed through the API, or those it was launched with."""
        if instance.instance_id not in self._in_ec2:
            return instance.tags
        with self._emulated_ec2() as ec2:
            return {tag["Key"]: tag["Value"] for tag in ec2._tags.get(instance.instance_id, [])}

    async def close(self) -> None:
        """Terminate every instance and leave nothing behind."""
        await asyncio.gather(*(instance.terminate() for instance in self))
        self._lock.close()
        (self.directory / "lock").unlink()
        self.directory.rmdir()

    def _show_state_in_ec2(self, instance: Instance) -> None:
        if instance.instance_id not in self._in_ec2:
            return
        with self._emulated_ec2() as ec2:
            if record := ec2._instances.get(instance.instance_id):  # not after a reset of the emulator
                record["State"] = {"Code": EC2_STATE_CODES[instance.state], "Name": str(instance.state)}
                if instance.state is InstanceState.TERMINATED:
                    record.setdefault("_terminated_at", time.time())  # for a while it stays visible, as on AWS

    @contextmanager
    def _emulated_ec2(self) -> Iterator[Any]:
        """The emulator's EC2 module, for this account and region; imported late, as instances need no emulator."""
        from ministack.core.responses import request_scope
        from ministack.services import ec2

        with request_scope(self.account, self.region):
            yield ec2


def _locked(path: Path) -> IO[str]:
    """The file, open and locked by this process alone. Raises BlockingIOError."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    return file

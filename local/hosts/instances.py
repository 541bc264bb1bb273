"""The hosts of the local cloud: EC2 instances and on-premises servers that really run what is sent to them.

Each is a set of namespaces (namespaces.py) with an agent as its first process (agent.py). This module
starts and ends them, knows what SSM and EC2 know of them, and makes their agents slow, offline, dead or reboot.
All of it lives on one asyncio loop.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from local.hosts.agent import Step, remove_tree
from local.hosts.namespaces import PLAIN_PATH, NamespaceUnavailable, Root

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST_ADDRESS = 11  # 127.x.y.11 is the first instance's
STOP_SECONDS = 5.0  # until an instance that does not end is killed

# What amazon-ssm-agent reports when it comes back and finds a document whose worker is gone: it does not run the
# step again (agent/framework/processor/executer/outofproc/master.go: initialize, messaging).
WORKER_LOST = (
    "document process failed unexpectedly: ipc messaging received timeout signal , "
    "check [ssm-document-worker]/[ssm-session-worker] log for crash reason"
)

Report = dict[str, Any]


class InstanceState(StrEnum):
    """EC2's instance states that a local instance rests in."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPED = "stopped"
    TERMINATED = "terminated"


EC2_STATE_CODES = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.STOPPED: 80,
    InstanceState.TERMINATED: 48,
}


class PingStatus(StrEnum):
    ONLINE = "Online"
    CONNECTION_LOST = "ConnectionLost"


@dataclass(slots=True)
class Accepted:
    """A command that the agent has taken and not finished; the agent's files keep it over a reboot."""

    steps: list[Step]
    reports: dict[int, Report] = field(default_factory=dict)  # by step, the last one


class Instance:
    """One host. Its files outlive a stop or a reboot and end with `terminate`."""

    def __init__(
        self,
        root: Root,
        *,
        instance_id: str,
        name: str,
        tags: Mapping[str, str],
        availability_zone: str,
        region: str,
        managed: bool,
        ping_lost_after: float,
    ) -> None:
        self.instance_id = instance_id
        self.name = name
        self.tags = {"Name": name, **tags}
        self.availability_zone = availability_zone
        self.region = region
        self.managed = managed  # SSM knows it
        self.state = InstanceState.PENDING
        self.registered_at = time.time()
        self.on_report: Callable[[Instance, Report], None] = lambda instance, report: None
        self.on_state: Callable[[Instance], None] = lambda instance: None
        self._root = root
        self._ping_lost_after = ping_lost_after
        self._delay_seconds = 0.0
        self._connected = True
        self._agent_alive = True
        self._lost_at = time.time()
        self._reachable = asyncio.Event()
        self._accepted: dict[str, Accepted] = {}
        self._reports: asyncio.Queue[Report] = asyncio.Queue()
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing_on: asyncio.Task[None] | None = None  # outlives a reboot, as what the agent has to tell does

    @property
    def address(self) -> str:
        """Its own loopback address; the network is this machine's."""
        return self._root.address

    @property
    def is_on_premises(self) -> bool:
        return self.instance_id.startswith("mi-")

    @property
    def is_reachable(self) -> bool:
        return self._reachable.is_set()

    @property
    def ping_status(self) -> PingStatus:
        """What SSM shows: a host that fell silent is Online for a while yet."""
        lost = not self.is_reachable and time.time() - self._lost_at >= self._ping_lost_after
        return PingStatus.CONNECTION_LOST if lost else PingStatus.ONLINE

    @property
    def last_ping(self) -> float:
        """Seconds since the epoch."""
        return time.time() if self.is_reachable else self._lost_at

    def path(self, inside: str) -> Path:
        """Where this machine keeps what the instance wrote at one of its paths, running or not."""
        return self._root.outside(inside)

    async def start(self) -> None:
        """Boot. Raises NamespaceUnavailable when this machine cannot make an instance."""
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            # Outside the virtual environment and the caller's shell: nothing of either shows inside.
            [str(self._root.python_executable), "-E", "-s", "-S", "-m", "local.hosts.agent"],
            stdin=theirs.fileno(),
            cwd=REPOSITORY,
            env={"PATH": PLAIN_PATH},
            start_new_session=True,
        )
        theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=1 << 20)
        description = {**asdict(self._root), "directory": str(self._root.directory)}
        description |= {name: str(description[name]) for name in ("python_executable", "python_prefix")}
        self._order(description)
        first = json.loads(await reader.readline() or '{"error": "the instance ended before it had started"}')
        if "error" in first:
            await self._end()
            raise NamespaceUnavailable(first["error"])
        self._spawn(self._read(reader))
        self._passing_on = self._passing_on or asyncio.create_task(self._pass_reports_on())
        self._agent_alive = True
        self._enter_state(InstanceState.RUNNING)
        self._resume_accepted()

    async def stop(self) -> None:
        """Everything in it ends; its files stay."""
        await self._end()
        self._enter_state(InstanceState.STOPPED)

    async def reboot(self, down_seconds: float = 0.0) -> None:
        """Everything in it ends, /run and /tmp are emptied, and the agent comes back to what it had accepted."""
        await self._end()
        self._update_reachable()
        for name in ("run", "tmp"):
            remove_tree(self._root.tree / name)
        await asyncio.sleep(down_seconds)
        await self.start()

    async def terminate(self) -> None:
        """Everything in it ends and its files go; a second call does nothing."""
        await self._end()
        if self._passing_on:
            self._passing_on.cancel()
        self._enter_state(InstanceState.TERMINATED)
        if self._root.directory.exists():
            remove_tree(self._root.directory)

    def slow_down(self, seconds: float) -> None:
        """Delay each delivery to the agent and each report from it; 0 ends it."""
        self._delay_seconds = seconds

    def go_offline(self) -> None:
        """Cut the agent off: nothing reaches it, what runs goes on, its reports wait."""
        self._connected = False
        self._update_reachable()

    def go_online(self) -> None:
        self._connected = True
        self._update_reachable()

    def kill_agent(self) -> None:
        """The agent dies with the steps it was running; daemons go on, nothing is reported until it is started."""
        self._agent_alive = False
        self._order({"do": "crash"})
        self._update_reachable()

    def start_agent(self) -> None:
        """Start a dead agent; it reports the commands that it had been running as failed."""
        self._agent_alive = True
        self._update_reachable()
        self._resume_accepted()

    async def deliver(self, command_id: str, steps: list[Step]) -> None:
        """Hand a command to the agent, waiting as long as it takes to reach it."""
        await self._reachable.wait()
        while self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
            if self.is_reachable:
                break
            await self._reachable.wait()
        self._accepted[command_id] = Accepted(steps)
        self._run(command_id, first=0)

    async def cancel(self, command_id: str) -> None:
        """Ask the agent to stop a command, as soon as it can be reached."""
        await self._reachable.wait()
        await asyncio.sleep(self._delay_seconds)
        self._order({"do": "cancel", "command_id": command_id})

    def _run(self, command_id: str, first: int) -> None:
        accepted = self._accepted[command_id]
        done = [accepted.reports[step] for step in range(first)]
        self._order(
            {
                "do": "run",
                "command_id": command_id,
                "steps": [asdict(step) for step in accepted.steps],
                "done": [{"status": report["status"], "code": report["code"]} for report in done],
                "environment": {"AWS_SSM_INSTANCE_ID": self.instance_id, "AWS_SSM_REGION_NAME": self.region},
                "directory": f"/var/lib/amazon/ssm/{self.instance_id}/document/orchestration/{command_id}",
            }
        )

    def _resume_accepted(self) -> None:
        """What an agent does with the documents it finds when it starts."""
        for command_id, accepted in list(self._accepted.items()):
            last = max(accepted.reports, default=0)
            if not accepted.reports:
                self._run(command_id, first=0)
            elif accepted.reports[last]["status"] == "SuccessAndReboot":
                self._run(command_id, first=last)
            else:
                del self._accepted[command_id]
                self._reports.put_nowait({"command_id": command_id, "lost": WORKER_LOST})

    def _order(self, order: dict[str, Any]) -> None:
        if self._writer and not self._writer.is_closing():
            self._writer.write(json.dumps(order).encode() + b"\n")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            report = json.loads(line)
            if "reboot" in report:
                self._spawn(self.reboot())
                continue
            if "finished" in report and "step" not in report:
                self._accepted.pop(report["command_id"], None)
            elif report["command_id"] in self._accepted:
                self._accepted[report["command_id"]].reports[report["step"]] = report
            self._reports.put_nowait(report)
        self._agent_alive = False  # its end was not asked for, or this would have been cancelled
        self._update_reachable()

    async def _pass_reports_on(self) -> None:
        while True:
            report = await self._reports.get()
            await asyncio.sleep(self._delay_seconds)
            await self._reachable.wait()
            self.on_report(self, report)

    async def _end(self) -> None:
        current = asyncio.current_task()
        for task in self._tasks - {current}:
            task.cancel()
        if self._writer:
            self._writer.close()
            self._writer = None
        if self._process:
            process, self._process = self._process, None
            try:
                await asyncio.to_thread(process.wait, STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)

    def _enter_state(self, state: InstanceState) -> None:
        self.state = state
        self._update_reachable()
        self.on_state(self)

    def _update_reachable(self) -> None:
        running = self.state is InstanceState.RUNNING and self._process is not None
        if running and self._connected and self._agent_alive and self.managed:
            self._reachable.set()
        elif self._reachable.is_set():
            self._reachable.clear()
            self._lost_at = time.time()

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


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
        prefix, third = self._network.rsplit(".", 1)
        base = Path(sys.base_prefix)
        root = Root(
            directory=self.directory / instance_id,
            hostname=name,
            address=f"{prefix}.{int(third) + number // 250}.{number % 250}",
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

    def register(self, instance: Instance) -> None:
        """Show an instance in the emulator's EC2, where its tags then live."""
        with self._emulated_ec2() as ec2:
            record = ec2._launch_instances_internal(
                "ami-0123456789abcdef0", "t3.micro", ec2._DEFAULT_SUBNET_ID, 1, requested_private_ip=instance.address
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

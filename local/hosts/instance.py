"""One host: a set of namespaces (namespaces.py) with an agent as its first process (agent.py). It starts and ends, and
its agent can be slow, offline, dead or reboot."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from local.hosts.agent import remove_tree
from local.hosts.job import Step
from local.hosts.namespaces import PLAIN_PATH, NamespaceUnavailable, Root

Report = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST_ADDRESS = 11  # 127.x.y.11 is the first instance's
STOP_SECONDS = 5.0  # until an instance that does not end is killed

# What amazon-ssm-agent reports when it comes back and finds a document whose worker is gone: it does not run the
# step again (agent/framework/processor/executer/outofproc/master.go: initialize, messaging).
WORKER_LOST = (
    "document process failed unexpectedly: ipc messaging received timeout signal , "
    "check [ssm-document-worker]/[ssm-session-worker] log for crash reason"
)


class InstanceState(StrEnum):
    """EC2's instance states that a local instance rests in."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPED = "stopped"
    TERMINATED = "terminated"


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

    async def replace_root_volume(self) -> None:
        """It boots with a root as new; its id, address and tags stay."""
        await self._end()
        self._update_reachable()
        self._accepted.clear()
        remove_tree(self._root.directory)
        self._root.directory.mkdir()
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

    def enroll(self) -> None:
        """SSM hears of it for the first time."""
        self.managed = True
        self._update_reachable()

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

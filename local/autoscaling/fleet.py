"""All groups, and what is outside of them: instances, load balancers, EventBridge."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from local.autoscaling import events
from local.autoscaling.activities import Activity
from local.autoscaling.records import GROUP_TAG, Group, Member, Place, Source, Template
from local.autoscaling.settings import Settings
from local.query import QueryError

_MOST_BETWEEN_ATTEMPTS = 300  # seconds; AWS publishes no number

logger = logging.getLogger(__name__)


class LaunchFailed(Exception):
    """EC2 made no instance; the text is the activity's."""


class World(Protocol):
    """What is outside. Where an instance is none, a call does nothing."""

    region: str
    account: str

    def template(self, asked: Mapping[str, Any]) -> Template:
        """Of a launch template's id or name, and version. Raises QueryError ValidationError."""
        ...

    def launch_configuration(self, name: str) -> Template:
        """Raises QueryError ValidationError."""
        ...

    def zone_of(self, subnet: str) -> str | None: ...

    def default_subnet(self, zone: str) -> str: ...

    def instance(self, instance_id: str) -> tuple[str, str] | None:
        """State and zone of an instance, as EC2 has them."""
        ...

    async def launch(self, member: Member, tags: Mapping[str, str], *, subnet: str, agent_seconds: float) -> None:
        """Answers once it runs. Raises LaunchFailed."""
        ...

    async def start(self, instance_id: str, *, agent_seconds: float) -> None: ...

    async def stop(self, instance_id: str) -> None: ...

    async def replace_root_volume(self, instance_id: str, *, agent_seconds: float) -> None: ...

    async def terminate(self, instance_id: str) -> None: ...

    def set_tag(self, instance_id: str, key: str, value: str | None) -> None:
        """None takes the tag away."""
        ...

    def exists(self, source: Source) -> bool: ...

    def register(self, source: Source, instance_id: str) -> None: ...

    def deregister(self, source: Source, instance_id: str) -> None: ...

    def health(self, source: Source, instance_id: str) -> str:
        """`healthy`, `unhealthy`, `draining`, `unused`, or anything else."""
        ...

    def emit(self, entry: dict[str, Any]) -> None: ...


class Fleet:
    """Everything lives on one event loop."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world, self.settings = world, settings
        self.groups: dict[str, Group] = {}
        self.past: list[Activity] = []  # of groups that are deleted
        self._tasks: set[asyncio.Task[None]] = set()

    def group(self, name: str) -> Group:
        if name not in self.groups:
            message = f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"
            raise QueryError("ValidationError", message)
        return self.groups[name]

    def member(self, instance_id: str, group: Group | None = None) -> Member:
        """An instance of a group, or of any."""
        for each in [group] if group else self.groups.values():
            if found := each.members.get(instance_id):
                return found
        message = f"Instance Id not found - No managed instance found for instance ID: {instance_id}"
        raise QueryError("ValidationError", message)

    def forget(self, group: Group) -> None:
        """It is deleted."""
        for activity in group.activities:
            activity.is_of_deleted_group = True
        self.past = group.activities + self.past
        del self.groups[group.name]

    def template(self, group: Group) -> Template:
        """What the group launches now. Raises QueryError ValidationError."""
        if asked := group.settings.get("LaunchTemplate"):
            return self.world.template(asked)
        return self.world.launch_configuration(group.settings["LaunchConfigurationName"])

    def tags(self, member: Member) -> dict[str, str]:
        """Those of a new instance: the template's, over them the group's."""
        group, shown = member.group, member.template.shown
        found = {**member.template.tags, **{key: tag.value for key, tag in group.tags.items() if tag.propagates}}
        if "LaunchTemplate" in shown:
            found["aws:ec2launchtemplate:id"] = shown["LaunchTemplate"]["LaunchTemplateId"]
            found["aws:ec2launchtemplate:version"] = shown["LaunchTemplate"]["Version"]
        return found | {GROUP_TAG: group.name}

    # -- time and tasks

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.settings.second)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("a part of the local Auto Scaling has failed", exc_info=error)

    # -- what is told

    def tell_outcome(self, activity: Activity, what: str, origin: Place, destination: Place) -> None:
        """An activity has ended: a `Launch`, a `Terminate`, or a `Detach`."""
        arn = f"arn:aws:ec2:{self.world.region}:{self.world.account}:instance/{activity.instance_id}"
        found = events.outcome(what, activity, instance_arn=arn, origin=origin, destination=destination)
        self.world.emit(found)

    def note_failure(self, group: Group) -> None:
        """A launch failed: the next one comes at once, those after it later and later."""
        group.failures += 1
        pause = min(2 ** (group.failures - 1), _MOST_BETWEEN_ATTEMPTS) if group.failures > 1 else 0
        group.retry_at = time.monotonic() + pause * self.settings.second
        group.changed.set()

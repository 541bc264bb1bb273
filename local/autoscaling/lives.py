"""What happens to an instance: its ways into a group, into the warm pool, and out.

Each way begins with a call that answers its activity; what was happening to the instance ends there.
Source: Amazon EC2 Auto Scaling User Guide, "Instance lifecycle", "Lifecycle hooks", "Warm pool instance lifecycle".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from local.autoscaling import events
from local.autoscaling.activities import Activity, now
from local.autoscaling.fleet import Fleet, LaunchFailed
from local.autoscaling.records import GROUP_TAG, LAUNCHING, TERMINATING, Action, Member, Place, Process

LOOK_SECONDS = 0.02  # between two looks at what is waited for
_RETAINED = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}


@dataclass(frozen=True, slots=True)
class Way:
    """Where an instance comes from and goes to, the hooks that it meets, and how its states are called meanwhile."""

    state: str
    transition: str
    origin: Place
    destination: Place


_LAUNCH = Way("Pending", LAUNCHING, Place.EC2, Place.GROUP)
_WARM_START = Way("Pending", LAUNCHING, Place.WARM_POOL, Place.GROUP)
_PREPARE = Way("Warmed:Pending", LAUNCHING, Place.EC2, Place.WARM_POOL)
_GIVE_BACK = Way("Warmed:Pending", TERMINATING, Place.GROUP, Place.WARM_POOL)
_LEAVE = Way("Terminating", TERMINATING, Place.GROUP, Place.EC2)
_REPLACE_ROOT = Way("ReplacingRootVolume", TERMINATING, Place.GROUP, Place.GROUP)
_AFTER_ROOT = Way("Pending", LAUNCHING, Place.GROUP, Place.GROUP)
_LEAVE_POOL = Way("Warmed:Terminating", TERMINATING, Place.WARM_POOL, Place.EC2)


def come(fleet: Fleet, member: Member, cause: str) -> Activity:
    """From EC2, or from the warm pool, into service."""
    way = _WARM_START if member.is_warm else _LAUNCH
    member.is_booting = True
    return _begin(fleet, member, way.state, "Launching a new EC2 instance", cause, _come(fleet, member, way))


def prepare(fleet: Fleet, member: Member, cause: str) -> Activity:
    """From EC2 into the warm pool."""
    what = "Launching a new EC2 instance into warm pool"
    return _begin(fleet, member, _PREPARE.state, what, cause, _prepare(fleet, member))


def give_back(fleet: Fleet, member: Member, cause: str) -> Activity:
    """From service into the warm pool, through the hooks of a termination."""
    what = "Returning EC2 instance to warm pool"  # a guess: no page has the words
    return _begin(fleet, member, _GIVE_BACK.state, what, cause, _give_back(fleet, member))


def leave(fleet: Fleet, member: Member, cause: str, *, at_once: bool = False) -> Activity:
    """Out, and terminated; `at_once` waits for nothing."""
    way = _LEAVE_POOL if member.is_warm else _LEAVE
    work = _leave(fleet, member, way, at_once)
    return _begin(fleet, member, way.state, "Terminating EC2 instance", cause, work)


def replace_root_volume(fleet: Fleet, member: Member, cause: str) -> Activity:
    """The instance stays, and has nothing on its disk any more."""
    what, work = "Replacing root volume of EC2 instance", _replace_root_volume(fleet, member)
    return _begin(fleet, member, _REPLACE_ROOT.state, what, cause, work)


def stand_by(fleet: Fleet, member: Member, cause: str) -> Activity:
    work = _stand_by(fleet, member)
    return _begin(fleet, member, "EnteringStandby", "Moving EC2 instance to Standby", cause, work)


def return_to_service(fleet: Fleet, member: Member, description: str, cause: str) -> Activity:
    """From Standby, or from outside: without hooks."""
    return _begin(fleet, member, "Pending", description, cause, _return_to_service(fleet, member))


def detach(fleet: Fleet, member: Member, cause: str) -> Activity:
    """Out of the group; the instance runs on."""
    return _begin(fleet, member, "Detaching", "Detaching EC2 instance", cause, _detach(fleet, member))


def _begin(
    fleet: Fleet, member: Member, state: str, what: str, cause: str, life: Coroutine[Any, Any, None]
) -> Activity:
    if member.life:
        member.life.cancel()
    if member.activity:
        member.activity.finish("Cancelled")
    if not state.startswith("Pending"):
        member.in_service_at = None
    member.state = state
    group = member.group
    details = {"Subnet ID": group.zones.get(member.zone, ""), "Availability Zone": member.zone}
    activity = Activity(group.name, group.arn, member.id, f"{what}: {member.id}", cause, details)
    group.activities.insert(0, activity)
    member.activity, member.life = activity, fleet.spawn(life)
    return activity


async def _come(fleet: Fleet, member: Member, way: Way) -> None:
    if not await _boot(fleet, member, way):
        return
    if refused := await _pass_hooks(fleet, member, way):
        _give_up(fleet, member, way, refused)
        return
    _enter_service(fleet, member)
    _finish(fleet, member, "Launch", way)


async def _prepare(fleet: Fleet, member: Member) -> None:
    if not await _boot(fleet, member, _PREPARE):
        return
    if refused := await _pass_hooks(fleet, member, _PREPARE):
        _give_up(fleet, member, _PREPARE, refused)
        return
    await _rest(fleet, member)
    _finish(fleet, member, "Launch", _PREPARE)


async def _give_back(fleet: Fleet, member: Member) -> None:
    await _leave_traffic(fleet, member)
    await _pass_hooks(fleet, member, _GIVE_BACK)
    await _rest(fleet, member)
    _finish(fleet, member, "Terminate", _GIVE_BACK)


async def _leave(fleet: Fleet, member: Member, way: Way, at_once: bool) -> None:
    group = member.group
    if at_once:
        _deregister(fleet, member)
    else:
        await _leave_traffic(fleet, member)
        refused = await _pass_hooks(fleet, member, way)
        if refused and group.settings.get("InstanceLifecyclePolicy") == _RETAINED:
            member.state = f"{way.state}:Retained"
            _finish(fleet, member, "Terminate", way, status="Failed", message=_refusal(refused))
            return
    await fleet.world.terminate(member.id)
    member.state = "Warmed:Terminated" if member.is_warm else "Terminated"
    group.members.pop(member.id, None)
    _finish(fleet, member, "Terminate", way)
    group.changed.set()


async def _replace_root_volume(fleet: Fleet, member: Member) -> None:
    """The states are those of the User Guide, "Replace root volumes during instance refresh". That the hooks of a
    termination run before, and those of a launch afterwards, with these origins and destinations, is a guess."""
    await _leave_traffic(fleet, member)
    await _pass_hooks(fleet, member, _REPLACE_ROOT)
    member.is_booting = True
    await fleet.world.replace_root_volume(member.id, agent_seconds=fleet.settings.agent_seconds)
    member.template, member.is_booting, member.state = fleet.template(member.group), False, "RootVolumeReplaced"
    if refused := await _pass_hooks(fleet, member, _AFTER_ROOT):
        _give_up(fleet, member, _AFTER_ROOT, refused)
        return
    _enter_service(fleet, member)
    if member.activity:
        member.activity.finish()


async def _stand_by(fleet: Fleet, member: Member) -> None:
    await _leave_traffic(fleet, member)
    member.state = "Standby"
    if member.activity:
        member.activity.finish()


async def _return_to_service(fleet: Fleet, member: Member) -> None:
    _enter_service(fleet, member)
    if member.activity:
        member.activity.finish()


async def _detach(fleet: Fleet, member: Member) -> None:
    await _leave_traffic(fleet, member)
    member.state = "Detached"
    fleet.world.set_tag(member.id, GROUP_TAG, None)
    del member.group.members[member.id]
    _finish(fleet, member, "Detach", _LEAVE)
    member.group.changed.set()


async def _boot(fleet: Fleet, member: Member, way: Way) -> bool:
    """Whether the instance runs now; one that cannot be launched is no member any more."""
    world, seconds = fleet.world, fleet.settings.agent_seconds
    try:
        if way.origin is Place.WARM_POOL:
            await world.start(member.id, agent_seconds=seconds)
        else:
            subnet = member.group.zones[member.zone]
            await world.launch(member, fleet.tags(member), subnet=subnet, agent_seconds=seconds)
    except LaunchFailed as error:
        del member.group.members[member.id]
        _finish(fleet, member, "Launch", way, status="Failed", message=str(error))
        fleet.note_failure(member.group)
        return False
    member.is_launched, member.is_booting = True, False
    return True


def _enter_service(fleet: Fleet, member: Member) -> None:
    group = member.group
    if group.runs(Process.ADD_TO_LOAD_BALANCER):
        for source in group.sources:
            fleet.world.register(source, member.id)
    member.state, member.in_service_at = "InService", time.monotonic()
    group.failures, group.retry_at = 0, 0.0
    group.changed.set()


async def _rest(fleet: Fleet, member: Member) -> None:
    """In the warm pool, in the state that it keeps its instances in."""
    pool = member.group.pool
    state = pool.state if pool else "Stopped"
    if state != "Running":
        await fleet.world.stop(member.id)
    member.state = f"Warmed:{state}"
    member.group.changed.set()


def _give_up(fleet: Fleet, member: Member, way: Way, refused: Action) -> None:
    """A launch that a hook abandoned: the instance ends without the hooks of a termination."""
    _finish(fleet, member, "Launch", way, status="Cancelled", message=_refusal(refused))
    fleet.note_failure(member.group)
    cause = f"At {now()} an instance was taken out of service in response to a launch that was abandoned."
    leave(fleet, member, cause, at_once=True)


def _deregister(fleet: Fleet, member: Member) -> None:
    for source in member.group.sources:
        fleet.world.deregister(source, member.id)


async def _leave_traffic(fleet: Fleet, member: Member) -> None:
    """Until nothing drains any more."""
    _deregister(fleet, member)
    while any(fleet.world.health(source, member.id) == "draining" for source in member.group.sources):
        if member.activity:
            member.activity.status = "WaitingForELBConnectionDraining"
        await asyncio.sleep(LOOK_SECONDS)


async def _pass_hooks(fleet: Fleet, member: Member, way: Way) -> Action | None:
    """Wait until every hook says CONTINUE; the one that abandons ends the wait, and is answered."""
    hooks = member.group.hooks_for(way.transition)
    if not hooks:
        return None
    member.state = f"{way.state}:Wait"
    if member.activity:
        member.activity.status = "MidLifecycleAction"
    actions = member.actions = [Action(hook, fleet.settings.second) for hook in hooks]
    for action in actions:  # all at once, in no order that could be relied on
        fleet.world.emit(events.lifecycle_action(member, action, way.origin, way.destination))
    try:
        refused = await _answers(actions)
    finally:
        if member.actions is actions:  # not another life's
            member.actions = []
    member.state = f"{way.state}:Proceed"
    if member.activity:
        member.activity.status = "InProgress"
    return refused


async def _answers(actions: list[Action]) -> Action | None:
    while True:
        for action in actions:
            action.look_at_clock()
            if action.result == "ABANDON":
                return action
        if all(action.result for action in actions):
            return None
        await asyncio.sleep(LOOK_SECONDS)


def _finish(
    fleet: Fleet, member: Member, what: str, way: Way, *, status: str = "Successful", message: str = ""
) -> None:
    """The activity has ended, and is told: a `Launch`, a `Terminate`, or a `Detach`."""
    if member.activity:
        member.activity.finish(status, message)
        fleet.tell_outcome(member.activity, what, way.origin, way.destination)


def _refusal(action: Action) -> str:
    what = f"Lifecycle Action with token {action.token} was abandoned: {action.why}"
    return f"Instance failed to complete user's Lifecycle Action: {what}"

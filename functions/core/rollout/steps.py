"""What a target does next: one decision over its record and the stop mark of its deployment.

The decision is a value; functions/engine/running/segments.py carries it out.
"""

from dataclasses import dataclass
from enum import StrEnum

from functions.core.causes import Cause
from functions.core.records import (
    IN_PLACE_STEPS,
    AllowTraffic,
    BlockTraffic,
    GroupSettings,
    Segment,
    Step,
    StopMark,
    Target,
    TargetFailure,
)
from functions.core.statuses import TargetStatus
from host.lifecycle import IN_PLACE, RESTART, LifecycleEvent

Hooks = tuple[LifecycleEvent, ...] | None  # the events for which a revision has scripts; None: that is not known


def plan_steps(
    settings: GroupSettings, *, is_ec2: bool, hooks: Hooks, hooks_before: Hooks, is_restart: bool = False
) -> tuple[Step, ...]:
    """The steps of a target, in order. Load balancers take EC2 instances alone.

    `hooks_before` are of the revision that the host has: its scripts run for BeforeBlockTraffic (host/posix/run.py).
    """
    events = RESTART if is_restart else IN_PLACE
    if not (settings.load_balancers.are_used and is_ec2):
        return (Segment(events=events),)
    first, last = LifecycleEvent.BEFORE_BLOCK_TRAFFIC, LifecycleEvent.AFTER_ALLOW_TRAFFIC
    block, allow = BlockTraffic(), AllowTraffic()
    before: tuple[Step, ...] = (Segment(events=(first,)), block)
    after: tuple[Step, ...] = (allow, Segment(events=(last,)))
    if hooks_before is not None and first not in hooks_before:
        before = (BlockTraffic(events=(first, *block.events)),)
    if hooks is not None and last not in hooks:
        after = (AllowTraffic(events=(*allow.events, last)),)
    install = (LifecycleEvent.AFTER_BLOCK_TRAFFIC, *events, LifecycleEvent.BEFORE_ALLOW_TRAFFIC)
    return (*before, Segment(events=install), *after)


def launch_steps(settings: GroupSettings, *, hooks: Hooks) -> tuple[Step, ...]:
    """Of an instance that is launched: it is in no load balancer yet, so nothing is blocked, as with CodeDeploy."""
    if not settings.load_balancers.are_used:
        return IN_PLACE_STEPS
    install = Segment(events=(*IN_PLACE, LifecycleEvent.BEFORE_ALLOW_TRAFFIC))
    return (install, *plan_steps(settings, is_ec2=True, hooks=hooks, hooks_before=())[2:])


def termination_steps(settings: GroupSettings, *, hooks_before: Hooks) -> tuple[Step, ...]:
    """Of an instance that is about to be terminated: its scripts of these events are those that it has already."""
    if not settings.load_balancers.are_used:
        return (Segment(events=(LifecycleEvent.APPLICATION_STOP,)),)
    steps = plan_steps(settings, is_ec2=True, hooks=(), hooks_before=hooks_before)
    block = next(number for number, step in enumerate(steps) if isinstance(step, BlockTraffic))
    stop = Segment(events=(LifecycleEvent.AFTER_BLOCK_TRAFFIC, LifecycleEvent.APPLICATION_STOP))
    return (*steps[: block + 1], stop)


class StepSignal(StrEnum):
    """What the state of a step is told, other than how its target ends."""

    WAIT = "Wait"  # ask again later
    NEXT = "Next"  # the step is done, and there is another one


StepResult = StepSignal | TargetStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Begin the step, and send its segment."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The target has no step left to do."""

    status: TargetStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """The step was begun, and no command is on record: find the one that was sent, else do `otherwise`."""

    step: int
    otherwise: Send | End


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The command was sent: look how it fares."""

    step: int
    command_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Begin to take the host out of its load balancers, or go on with it: to do so twice does no harm."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """Begin to bring the host back into its load balancers, or look whether it is healthy there."""

    step: int


Begin = Send | Block | Allow
Decision = Send | Adopt | Read | Block | Allow | End


def next_step(target: Target, stop: StopMark | None) -> Decision:
    """What the target does next. One that has not begun takes a place before it is touched.

    A stop lets a target that has begun go all its way, as it lets scripts end; one that cancels lets it begin no step,
    nor wait for a load balancer. A block that has begun is always done to its end: then what is out is known.
    """
    if target.status.is_final:
        return End(status=target.status)
    if known := outcome(target):
        return End(status=known)
    step = next(number for number in range(len(target.steps)) if not _is_done(target, number))
    run = target.segments.get(str(step))
    if run and run.command_id:
        return Read(step=step, command_id=run.command_id)
    begin = _beginning(target, step)
    if target.status is TargetStatus.PENDING:
        return End(status=TargetStatus.SKIPPED) if stop else begin
    if run and isinstance(begin, Block):
        return begin
    is_first = step == 0  # which has begun with the target itself, whether a run of it is on record or not
    ended = None
    if stop and (is_first or stop.cancel):
        ended = End(status=TargetStatus.SKIPPED if is_first else TargetStatus.FAILED)
    if isinstance(begin, Send) and (is_first or run):
        return Adopt(step=step, otherwise=ended or begin)
    return ended or begin


def _beginning(target: Target, step: int) -> Begin:
    match target.steps[step]:
        case Segment():
            return Send(step=step)
        case BlockTraffic():
            return Block(step=step)
        case AllowTraffic():
            return Allow(step=step)


def outcome(target: Target) -> TargetStatus | None:
    """How the target has fared by its steps: one that failed fails it, and all must be done. None: it is on its way."""
    if any(run.status is TargetStatus.FAILED for run in target.segments.values()):
        return TargetStatus.FAILED
    if all(_is_done(target, number) for number in range(len(target.steps))):
        return TargetStatus.SUCCEEDED
    return None


def step_result(target: Target) -> StepResult:
    """What the state of a step is told once the step is over."""
    return outcome(target) or StepSignal.NEXT


def left_between() -> TargetFailure:
    """Why a target has failed none of whose steps did."""
    return TargetFailure(cause=Cause.STOPPED, message="the deployment was stopped before the next step of this target")


def _is_done(target: Target, step: int) -> bool:
    run = target.segments.get(str(step))
    return run is not None and run.status is TargetStatus.SUCCEEDED

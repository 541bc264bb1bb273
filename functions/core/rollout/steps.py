"""What a target does next: one decision over its record and the stop mark of its deployment.

The decision is a value; functions/engine/segments.py carries it out.
"""

from dataclasses import dataclass
from enum import StrEnum

from functions.core.causes import Cause
from functions.core.records import StopMark, Target, TargetFailure
from functions.core.statuses import TargetStatus


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


Decision = Send | Adopt | Read | End


def next_step(target: Target, stop: StopMark | None) -> Decision:
    """What the target does next. One that has not begun takes a place before it is sent anything.

    A stop lets a target that has begun go all its way, as it lets scripts end; one that cancels lets it begin no step.
    """
    if target.status.is_final:
        return End(status=target.status)
    if known := outcome(target):
        return End(status=known)
    step = next(number for number in range(len(target.steps)) if not _is_done(target, number))
    run = target.segments.get(str(step))
    if run and run.command_id:
        return Read(step=step, command_id=run.command_id)
    if target.status is TargetStatus.PENDING:
        return End(status=TargetStatus.SKIPPED) if stop else Send(step=0)
    is_first = step == 0  # which has begun with the target itself, whether a run of it is on record or not
    following: Send | End = Send(step=step)
    if stop and (is_first or stop.cancel):
        following = End(status=TargetStatus.SKIPPED if is_first else TargetStatus.FAILED)
    return Adopt(step=step, otherwise=following) if is_first or run else following


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

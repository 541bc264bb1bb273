"""The end of a step: stored once, whoever sees it first, then told to the state that waits."""

from dataclasses import replace
from typing import Any

from functions.aws import clock, tokens
from functions.core.records import SegmentResult, SegmentRun, Target
from functions.core.rollout.command_result import with_end_times
from functions.core.rollout.steps import StepResult, StepSignal, step_result
from functions.store.records import targets


def answer(result: StepResult) -> dict[str, Any]:
    """What completes the token of a waiting state."""
    if result is StepSignal.WAIT:
        return {"status": result, "seconds": tokens.ask_again_seconds()}
    return {"status": result}


def wake(token: str, result: StepResult) -> None:
    """Tell a state that waits with this token."""
    tokens.succeed(token, answer(result))


def make_way(run: SegmentRun, token: str) -> None:
    """Another call waits with its token now. Who waited till then, an earlier try of the state or a later one, asks
    again: which of them is late, nobody can tell."""
    if run.task_token and run.task_token != token:
        wake(run.task_token, StepSignal.WAIT)


def store(target: Target, step: int, result: SegmentResult) -> StepResult:
    """Store the end of a step, then wake whoever waits. What counts is the first end that is stored."""
    now = clock.timestamp()
    result = replace(result, events=with_end_times(result.events, now))
    stored = targets.record_segment(target, step, result, now)
    told = step_result(stored)
    if token := stored.segments[str(step)].task_token:
        wake(token, told)
    return told

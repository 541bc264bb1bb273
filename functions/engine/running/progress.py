"""How far the running commands of targets have come: what the record does not know before a segment has ended.

A reader's convenience: when SSM is throttled, fails or is slow, the record alone is told. Nothing is written.
"""

from collections.abc import Sequence

from functions.aws.fleet import ssm
from functions.core.records import Target
from functions.core.rollout.command_result import with_progress
from functions.core.statuses import TargetStatus
from functions.telemetry import logger

_SECONDS = 5  # for which a reader waits for SSM


def with_live_progress(targets: Sequence[Target]) -> list[Target]:
    """The same targets; those whose command runs, or has ended since it was recorded, with its events as SSM has them.

    A command goes to one instance, so that is one call for each of them, all its steps included.
    """
    running = {target.target_id: run for target in targets if (run := _running(target))}
    if not running:
        return list(targets)
    commands = {each: command_id for each, (_, command_id) in running.items()}
    told, errors = ssm.invocations(commands, seconds=_SECONDS)
    if silent := sorted(running.keys() - told.keys()):
        logger.warning("SSM did not say how commands go", target_ids=silent, errors=errors)
    return [
        with_progress(each, running[each.target_id][0], told[each.target_id]) if each.target_id in told else each
        for each in targets
    ]


def _running(target: Target) -> tuple[int, str] | None:
    """The segment that runs on a target, and the command that carries it."""
    if target.status is not TargetStatus.IN_PROGRESS:
        return None
    for number, run in target.segments.items():
        if run.command_id and run.status is None:
            return int(number), run.command_id
    return None

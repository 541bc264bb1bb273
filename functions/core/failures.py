"""Why targets of a deployment failed: those that failed alike are one cause. Grouped here, for every view of it."""

from collections.abc import Iterable
from dataclasses import replace

from functions.core import limits
from functions.core.causes import Cause
from functions.core.records import SharedFailure, Target, TargetFailure
from functions.core.records.traffic import balancers_of
from functions.core.text.plain_text import clipped

NAMED = 3  # targets of a cause that a message names
_AGENTS_PHRASE = "Script at specified location: "
_Kind = tuple[Cause, str | None, str | None, int | None, int | None]


def shared(failed: Iterable[Target]) -> tuple[SharedFailure, ...]:
    """The causes of failed targets, that of the most targets first. Of many, some, and the first one in time always."""
    alike: dict[_Kind, list[Target]] = {}
    for target in sorted(failed, key=lambda each: (each.last_updated_at or "", each.target_id)):
        if target.failure:
            alike.setdefault(kind_of(target.failure), []).append(target)
    if not alike:
        return ()
    first = next(iter(alike))
    kinds = sorted(alike, key=lambda kind: -len(alike[kind]))
    if first not in kinds[: limits.CAUSES]:
        kinds.insert(limits.CAUSES - 1, first)
    return tuple(_shared(alike[kind]) for kind in kinds[: limits.CAUSES])


def first_of(causes: Iterable[SharedFailure]) -> SharedFailure:
    """The one that began first: the others may be what came of it."""
    return min(causes, key=lambda each: each.since)


def outcome(failure: TargetFailure) -> str:
    """How the script ended, as far as its host said so.

    >>> outcome(TargetFailure(cause=Cause.SCRIPT, message="", exit_code=3))
    'exit code 3'
    """
    if failure.signal is not None:
        return f"signal {failure.signal}"
    return f"exit code {failure.exit_code}" if failure.exit_code is not None else ""


def sentence(failure: TargetFailure) -> str:
    """What went wrong, without the phrase with which the CodeDeploy agent begins.

    >>> text = "Script at specified location: scripts/validate.sh failed with exit code 3"
    >>> sentence(TargetFailure(cause=Cause.SCRIPT, message=text))
    'scripts/validate.sh failed with exit code 3'
    """
    return failure.message.strip().removeprefix(_AGENTS_PHRASE)


def kind_of(failure: TargetFailure) -> _Kind:
    """What targets of one cause share. Not the message: it may name the host, a file or a number of its own."""
    script = failure.script_name and clipped(failure.script_name, limits.CAUSE_SCRIPT)  # as a deployment keeps it
    return failure.cause, failure.event, script, failure.exit_code, failure.signal


def _shared(targets: list[Target]) -> SharedFailure:
    first = targets[0]
    assert first.failure  # noqa: S101  # only such targets are grouped
    script = first.failure.script_name
    return SharedFailure(
        failure=replace(
            first.failure,
            message=clipped(first.failure.message, limits.CAUSE_MESSAGE),
            script_name=script and clipped(script, limits.CAUSE_SCRIPT),
        ),
        count=len(targets),
        target_ids=tuple(each.target_id for each in targets[: limits.CAUSE_TARGETS]),
        names=tuple(each.name or each.target_id for each in targets[:NAMED]),
        since=first.last_updated_at or "",
        out_of=balancers_of(each for target in targets for each in target.out_of),
    )

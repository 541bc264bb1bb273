"""Why hosts of a deployment failed: as the engine grouped them when it ended.

Of one that goes on, or that an older engine ended, its failed targets are read and grouped by the engine's own rule.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from cli.account import targets
from cli.view.output import plain
from cli.view.progress import Target, events, has_begun
from cli.view.words import Info, counted, names
from functions.core.causes import Cause
from functions.core.failures import outcome, shared
from functions.core.records import Registration, SharedFailure, TargetFailure, Traffic
from functions.core.records import Target as Record
from functions.core.statuses import TargetStatus

_TAIL_LINES = 12


def causes(api: Any, info: Info) -> list[SharedFailure]:
    """Of a deployment, that of the most hosts first."""
    if told := info.get("causes"):
        return [_cause(each) for each in told]
    if not has_begun(info) or not failed_targets(info):
        return []
    ids = targets.listed(api, info["deploymentId"], TargetStatus.FAILED)
    return list(shared(map(_record, targets.read(api, info["deploymentId"], ids))))


def causes_of(info: Info, failed: Iterable[Target]) -> list[SharedFailure]:
    """Likewise, of failed targets that have been read."""
    if told := info.get("causes"):
        return [_cause(each) for each in told]
    return list(shared(map(_record, failed)))


def failed_targets(info: Info) -> int:
    return int((info.get("deploymentOverview") or {}).get("Failed", 0))


def failure_of(target: Target) -> TargetFailure | None:
    """Why a target failed."""
    told = target.get("failure")
    return _failure(told) if told else None


def tails(api: Any, info: Info, found: Iterable[SharedFailure]) -> dict[str, list[str]]:
    """The last lines of the log of each cause's first host, in the event that failed there."""
    first = {cause.target_ids[0]: cause.failure.event for cause in found if cause.failure.event}
    read = targets.read(api, info["deploymentId"], first) if first else ()
    return {each["targetId"]: tail(each, first[each["targetId"]]) for each in read}


def headline(failure: TargetFailure) -> str:
    """Where it failed, and of what, on one line.

    >>> failure = TargetFailure(cause=Cause.SCRIPT, message="", event="Install", script_name="a.sh", exit_code=3)
    >>> headline(failure)
    'Install: a.sh ended with exit code 3'
    """
    if failure.cause is Cause.SCRIPT and failure.script_name and (end := outcome(failure)):
        return plain(f"{failure.event}: {failure.script_name} ended with {end}")
    parts = (failure.event, failure.script_name, failure.cause, outcome(failure))
    return ", ".join(plain(part) for part in parts if part)


def unsaid(failure: TargetFailure) -> str:
    """What the message of a failure says besides its headline."""
    said = failure.message.startswith("Script at specified location: ") and failure.message.endswith(outcome(failure))
    return "" if said and failure.cause is Cause.SCRIPT and outcome(failure) else failure.message


def last_line(target: Target, failure: TargetFailure) -> str:
    """The last line of the log of the event in which a target failed."""
    return (tail(target, failure.event) or [""])[-1]


def lines(found: Iterable[SharedFailure]) -> Iterator[str]:
    """Each cause on a line."""
    for cause in found:
        where = f"{counted(cause.count, 'host')}: " if cause.count > 1 else ""
        hosts = where + names(cause.target_ids, of=cause.count)
        message = f": {plain(unsaid(cause.failure))}" if unsaid(cause.failure) else ""
        yield f"{headline(cause.failure)}{message} (on {hosts})"


def told(cause: SharedFailure) -> dict[str, Any]:
    """For programs. `hosts`: the first of them."""
    failure = cause.failure
    return {
        "hosts": list(cause.target_ids),
        "count": cause.count,
        "cause": failure.cause,
        "event": failure.event,
        "script": failure.script_name,
        "exitCode": failure.exit_code,
        "signal": failure.signal,
        "message": failure.message,
        "outOfLoadBalancers": list(cause.out_of),
    }


def _cause(told: Mapping[str, Any]) -> SharedFailure:
    since = told.get("since")
    return SharedFailure(
        failure=_failure(told),
        count=told["targetCount"],
        target_ids=tuple(told["targetIds"]),
        since=since.isoformat() if since else "",
        out_of=tuple(told.get("outOfLoadBalancers", ())),
    )


def _known(cause: str) -> Cause:
    """A newer engine may have more of them."""
    return Cause(cause) if cause in set(Cause) else cast(Cause, cause)


def _failure(told: Mapping[str, Any]) -> TargetFailure:
    return TargetFailure(
        cause=_known(told["cause"]),
        message=told.get("message", ""),
        event=told.get("event"),
        script_name=told.get("script"),
        exit_code=told.get("exitCode"),
        signal=told.get("signal"),
    )


def _record(target: Target) -> Record:
    updated, out = target.get("lastUpdatedAt"), target.get("outOfLoadBalancers", ())
    return Record(
        deployment_id=target.get("deploymentId", ""),
        target_id=target["targetId"],
        last_updated_at=updated.isoformat() if updated else None,
        failure=failure_of(target),
        traffic=Traffic(registered=tuple(Registration(balancer=each, instance_id=target["targetId"]) for each in out)),
    )


def tail(target: Target, event: str | None) -> list[str]:
    """The last lines of the log of one of its events."""
    found = next((each for each in events(target) if each["lifecycleEventName"] == event), {})
    return ((found.get("diagnostics") or {}).get("logTail") or "").splitlines()[-_TAIL_LINES:]

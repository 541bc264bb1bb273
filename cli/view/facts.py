"""What is known of a deployment, line by line: as `show` and the console tell it."""

from collections.abc import Iterator
from datetime import datetime

from cli.view import waits, words
from cli.view.output import plain


def facts(info: words.Info, now: datetime) -> Iterator[tuple[str, str]]:
    """Names and texts."""
    if (name := words.revision_name(info)) not in words.revision(info.get("revision")):
        yield "name", name
    yield "restarts" if info.get("deploymentMode") else "revision", words.revision(info.get("revision"))
    if pinned := words.pinned(info):
        yield "pinned to", pinned
    if previous := info.get("previousRevision"):
        yield "replaces", words.revision_name({"revision": previous})
    yield "config", plain(info.get("deploymentConfigName", "-"))
    yield "asked by", plain(info.get("requestedBy") or info.get("creator") or "-")
    if description := info.get("description"):
        yield "description", plain(description)
    if metadata := info.get("metadata"):
        yield "metadata", words.pairs(metadata)
    yield from _times(info, now)
    if stop := info.get("stopInfo"):
        by, why = plain(stop.get("stoppedBy", "-")), plain(stop.get("message", ""))
        yield "stopped by", f"{by}, {words.moment(stop.get('stopTime'))}: {why}"
    if bypass := info.get("bypass"):
        by, why = plain(bypass.get("by", "-")), plain(bypass.get("reason", ""))
        yield "bypass by", f"{by}, {words.moment(bypass.get('time'))}, of windows and freezes: {why}"
    if sum((info.get("deploymentOverview") or {}).values()):
        yield "targets", words.targets(info["deploymentOverview"])
    if why := waits.waiting(info):
        yield "waits", why
    yield from _rollback(info.get("rollbackInfo") or {})
    if cost := info.get("estimatedCost"):
        yield "cost", words.cost(cost)


def _times(info: words.Info, now: datetime) -> Iterator[tuple[str, str]]:
    """In UTC."""
    passed = words.span(words.duration(info, now))
    yield "created", words.moment(info.get("createTime"))
    if begun := info.get("startTime"):
        yield "started", words.moment(begun) + ("" if info.get("completeTime") else f" ({passed} ago)")
    if ended := info.get("completeTime"):
        yield "ended", words.moment(ended) + (f" (after {passed})" if info.get("startTime") else "")


def _rollback(info: words.Info) -> Iterator[tuple[str, str]]:
    if by := info.get("rollbackDeploymentId"):
        yield "rolled back", plain(f"by {by}")
    if of := info.get("rollbackTriggeringDeploymentId"):
        yield "rolls back", plain(of)
    if message := info.get("rollbackMessage"):
        yield "rollback", plain(message)
    if reason := info.get("rollbackReason"):
        yield "goes to", plain(reason)

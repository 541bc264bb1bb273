"""How a deployment goes, from one look at it to the next: what to look at, and what has changed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cli.view import waits, words
from functions.core.messages import texts
from functions.core.statuses import DeploymentStatus, LifecycleEventStatus, TargetStatus

Target = Mapping[str, Any]  # an InstanceTarget, as botocore parses it

SMALL = 100  # targets, a page of ListDeploymentTargets: of so few each one is shown
FOLLOWED = 50  # targets of more, whose lifecycle events are followed at one time
_SILENT = {LifecycleEventStatus.PENDING, LifecycleEventStatus.SKIPPED}  # an event that says nothing
_ALWAYS = datetime.min.replace(tzinfo=UTC)


class Alarm(NamedTuple):
    """An alarm that would stop the deployment."""

    state: str
    since: datetime | None  # when it came into that state


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A deployment as it was seen at one time. Not every target need be known."""

    info: Mapping[str, Any]  # a DeploymentInfo
    targets: Mapping[str, Target] = field(default_factory=dict)  # by id
    alarms: Mapping[str, Alarm] = field(default_factory=dict)  # by name
    names: Mapping[str, str] = field(default_factory=dict)  # of hosts, by id; not every one need have one
    trouble: str = ""  # why the engine cannot be asked now: then the rest is older

    @property
    def id(self) -> str:
        return str(self.info["deploymentId"])

    @property
    def status(self) -> DeploymentStatus:
        return DeploymentStatus(self.info["status"])

    @property
    def overview(self) -> Mapping[str, int]:
        return self.info.get("deploymentOverview") or {}

    @property
    def hidden(self) -> str:
        """What a success must not hide."""
        failed = self.overview.get("Failed", 0) if self.status is DeploymentStatus.SUCCEEDED else 0
        return texts.hosts_failed(failed, self.total)

    @property
    def total(self) -> int:
        return sum(self.overview.values())


@dataclass(frozen=True, kw_only=True)
class Change:
    """One status that is another one now: the deployment's, or a target's, an event's of a target, an alarm's."""

    status: str
    time: datetime | None = None  # None: nobody knows when
    target: str | None = None
    event: str | None = None
    alarm: str | None = None
    message: str = ""


# -- what to look at


def has_begun(info: Mapping[str, Any]) -> bool:
    """Whether it may have targets: before, the API refuses to list them."""
    return info["status"] not in (DeploymentStatus.CREATED, DeploymentStatus.QUEUED)


def statuses_to_list(seen: Snapshot) -> list[TargetStatus]:
    """The statuses of which the deployment counts other targets than are known."""
    known = Counter(target["status"] for target in seen.targets.values())
    some = list(TargetStatus) if seen.total <= SMALL else [TargetStatus.IN_PROGRESS, TargetStatus.FAILED]
    return [each for each in some if seen.overview.get(each, 0) != known[each]]


def at_work(known: Mapping[str, Target]) -> list[str]:
    """The targets that go on."""
    return [each for each, target in known.items() if target["status"] == TargetStatus.IN_PROGRESS]


def targets_to_read(known: Mapping[str, Target], listed: Mapping[str, TargetStatus]) -> list[str]:
    """Those that have another status than is known; of many that have begun, some."""
    new = [each for each, status in listed.items() if each not in known or known[each]["status"] != status]
    begun = [each for each in new if listed[each] is TargetStatus.IN_PROGRESS]
    others = [each for each in new if listed[each] is not TargetStatus.IN_PROGRESS]
    return [*begun[: max(FOLLOWED - len(at_work(known)), 0)], *others]


# -- what has changed


def changes(before: Snapshot | None, after: Snapshot) -> list[Change]:
    """In the order in which they happened, as far as that is known; the deployment's end is the last."""
    found = list(_alarms(before, after))
    for target in after.targets.values():
        found += _target(before.targets.get(target["targetId"]) if before else None, target)
    found.sort(key=lambda each: each.time or _ALWAYS)
    if before and before.status is after.status:
        held = waits.held(after.info)
        is_new = held and held != waits.held(before.info)
        return [*found, Change(status=after.status, time=None, message=f"waits {held}")] if is_new else found
    own = _deployment(after)
    return [*found, own] if after.status.is_final else [own, *found]


def _deployment(after: Snapshot) -> Change:
    info, failure = after.info, after.info.get("errorInformation") or {}
    known = {DeploymentStatus.IN_PROGRESS: "startTime", DeploymentStatus.CREATED: "createTime"}
    known |= {each: "completeTime" for each in DeploymentStatus if each.is_final}
    message = f"{failure.get('code')}: {failure.get('message')}" if failure else after.hidden
    if after.status in (DeploymentStatus.QUEUED, DeploymentStatus.READY):
        message = f"waits {waits.waiting(info)}"
    return Change(status=after.status, time=info.get(known.get(after.status, "createTime")), message=message)


def _alarms(before: Snapshot | None, after: Snapshot) -> Iterable[Change]:
    """What an alarm was before the deployment, it is when that was made."""
    known, made = before.alarms if before else {}, after.info.get("createTime", _ALWAYS)
    for name, (state, since) in after.alarms.items():
        if name not in known or known[name].state != state:
            yield Change(status=state, alarm=name, time=max(since, made) if since else None)


def _target(before: Target | None, after: Target) -> Iterable[Change]:
    """Its events, then itself: that it has begun is said before, that it has ended after them."""
    known = {event["lifecycleEventName"]: event["status"] for event in events(before)}
    name, status = after["targetId"], after["status"]
    is_new = status != (before["status"] if before else TargetStatus.PENDING)
    times = [event[key] for event in events(after) for key in ("startTime", "endTime") if event.get(key)]
    if is_new and status == TargetStatus.IN_PROGRESS:
        yield Change(status=status, target=name, time=min(times, default=after.get("lastUpdatedAt")))
    if (held := after.get("waitingFor")) and held != (before or {}).get("waitingFor"):
        yield Change(status=status, target=name, time=after.get("lastUpdatedAt"), message=f"waits: {held}")
    for event in events(after):
        if event["status"] not in _SILENT and known.get(event["lifecycleEventName"]) != event["status"]:
            yield _event(after, event)
    if is_new and status != TargetStatus.IN_PROGRESS:
        time = max([*times, *_time(after.get("lastUpdatedAt"))], default=None)
        yield Change(status=status, target=name, time=time, message=_unsaid(after))


def took(target: Target) -> timedelta | None:
    """From the beginning of a target's first event to the end of its last one."""
    begun = [each["startTime"] for each in events(target) if each.get("startTime")]
    ended = [each["endTime"] for each in events(target) if each.get("endTime")]
    return max(ended) - min(begun) if begun and ended else None


def doing(target: Target) -> tuple[str, datetime | None]:
    """The event that a target is at, and since when."""
    now = next((each for each in events(target) if each["status"] == LifecycleEventStatus.IN_PROGRESS), {})
    return now.get("lifecycleEventName", ""), now.get("startTime")


def still_running(targets: Iterable[Target], names: Mapping[str, str], now: datetime) -> str:
    """What runs on hosts, and for how long.

    >>> begin = datetime(2026, 11, 23, tzinfo=UTC)
    >>> event = {"lifecycleEventName": "Install", "status": "InProgress", "startTime": begin}
    >>> target = {"targetId": "i-1", "status": "InProgress", "lifecycleEvents": [event]}
    >>> still_running([target], {"i-1": "web-7"}, begin + timedelta(seconds=40))
    'web-7 in Install for 40s'
    """
    found = []
    for each in targets:
        if each["status"] == TargetStatus.IN_PROGRESS:
            event, since = doing(each)
            length = f" for {words.span(max(now - since, timedelta()))}" if since else ""
            found.append(f"{names.get(each['targetId'], each['targetId'])}{f' in {event}' if event else ''}{length}")
    return words.names(found)


def _unsaid(target: Target) -> str:
    """Why a target failed, where none of its events says so."""
    failure = target.get("failure")
    return f"{failure['cause']}: {failure.get('message', '')}" if failure and not failure.get("event") else ""


def _event(target: Target, event: Mapping[str, Any]) -> Change:
    has_failed = event["status"] == LifecycleEventStatus.FAILED
    return Change(
        status=event["status"],
        time=event.get("endTime") or event.get("startTime") or target.get("lastUpdatedAt"),
        target=target["targetId"],
        event=event["lifecycleEventName"],
        message=(event.get("diagnostics") or {}).get("message", "") if has_failed else "",
    )


def events(target: Target | None) -> list[Mapping[str, Any]]:
    return list((target or {}).get("lifecycleEvents") or ())


def _time(value: datetime | None) -> list[datetime]:
    return [value] if value else []

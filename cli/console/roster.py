"""The state of each host of a deployment, of ten thousand as of ten, by few requests.

All are listed once, a hundred in a request. After that the deployment's own counts say when some have another state:
then those that are at work are listed, and those that failed or were left out when there are more of them. One that was
at work and is in none of these lists has succeeded. A host that was at work only between two looks is missed so; the
counts tell that, too, and all are listed again, but more and more seldom.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cli.account import targets
from functions.core.statuses import TargetStatus

Summary = Mapping[str, Any]  # a TargetSummary
_RARE = (TargetStatus.FAILED, TargetStatus.SKIPPED)
_AGAIN, _SELDOM = 15.0, 240.0  # seconds from one listing of all to the next: at least, at most


@dataclass(frozen=True, kw_only=True)
class Roster:
    """The targets of a deployment by their ids, in the order of the API."""

    targets: Mapping[str, Summary] = field(default_factory=dict)
    due: float = 0.0  # when all may be listed again, by the clock of `read`
    pause: float = _AGAIN

    @property
    def counts(self) -> Counter[str]:
        return Counter(each["status"] for each in self.targets.values())

    def is_as_counted(self, overview: Mapping[str, int]) -> bool:
        counts = self.counts
        return all(counts[status] == overview.get(status, 0) for status in TargetStatus)


def read(api: Any, info: Mapping[str, Any], before: Roster, *, clock: float, now: datetime) -> Roster:
    """As it is now. `clock`: seconds by any clock; `now`: when what is seen for the first time has happened."""
    overview, deployment_id = info.get("deploymentOverview") or {}, info["deploymentId"]
    if not before.targets or info.get("completeTime"):
        return _all(api, deployment_id, before, clock)
    if before.is_as_counted(overview):
        return before
    counts = before.counts
    changed = [each for each in _RARE if counts[each] != overview.get(each, 0)]
    listed = targets.summaries(api, deployment_id, [TargetStatus.IN_PROGRESS, *changed])
    after = replace(before, targets=merged(before.targets, {each["targetId"]: each for each in listed}, now))
    if after.is_as_counted(overview) or clock < after.due:
        return after
    return replace(_all(api, deployment_id, after, clock), pause=min(2 * after.pause, _SELDOM))


def _all(api: Any, deployment_id: str, before: Roster, clock: float) -> Roster:
    found = {each["targetId"]: each for each in targets.summaries(api, deployment_id)}
    return replace(before, targets=found, due=clock + before.pause)


def merged(known: Mapping[str, Summary], listed: Mapping[str, Summary], now: datetime) -> dict[str, Summary]:
    """What is known with what was listed: who was at work and is not listed has succeeded.

    >>> known = {"i-1": {"status": "InProgress"}, "i-2": {"status": "Pending"}}
    >>> found = merged(known, {"i-2": {"status": "InProgress"}}, datetime(2026, 11, 23))
    >>> [str(each["status"]) for each in found.values()]
    ['Succeeded', 'InProgress']
    """
    found = {**known, **listed}
    for target_id, each in known.items():
        if each["status"] == TargetStatus.IN_PROGRESS and target_id not in listed:
            found[target_id] = {**each, "status": TargetStatus.SUCCEEDED, "lastUpdatedAt": now}
    return found

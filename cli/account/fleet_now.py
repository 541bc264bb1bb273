"""What each host of a group runs now."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cli.account import deployments
from cli.account.connection import Engine, if_allowed
from cli.account.fleet import Member, fleet
from cli.account.group_name import Group
from cli.account.requests import AT_ONCE
from cli.view.words import Info, names, revision_name
from functions.core.statuses import TargetStatus

_ASKED = 2 * AT_ONCE  # deployments that brought what hosts run


class State(StrEnum):
    CURRENT = "current"
    NEWER = "newer"
    OUTDATED = "outdated"
    FAILED = "failed"
    EMPTY = "empty"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class Host:
    """What is known of a host of a group."""

    host: str
    state: State
    name: str | None = None  # its Name tag
    revision: Mapping[str, Any] | None = None  # a RevisionLocation
    status: str | None = None  # how the last deployment ended there, or what it does
    since: datetime | None = None
    deployment: str | None = None
    ping: str | None = None  # SSM's word, such as Online; None if unknown
    out_of: Sequence[str] = ()  # the load balancers that it was left out of, by ARN or name


def known(
    listed: Sequence[Mapping[str, Any]],
    wanted: Mapping[str, Any] | None,
    tagged: Sequence[Member] | None,
) -> list[Host]:
    """The hosts that are on record or match the tags, by their ids.

    `wanted` has the revision that they should run (`revision`, `pinnedRevision`); `tagged` None if nobody could look.
    """
    found = {each.instance_id: each for each in tagged or ()}

    def on_record(each: Mapping[str, Any]) -> Host:
        host = each["hostId"]
        is_gone = tagged is not None and host not in found
        return Host(
            host=host,
            state=State.GONE if is_gone else _state(each, wanted),
            name=found[host].name if host in found else None,
            revision=each.get("revision"),
            status=each.get("status"),
            since=each.get("since"),
            deployment=each.get("deploymentId"),
            ping=found[host].ping if host in found else None,
            out_of=each.get("outOfLoadBalancers", ()),
        )

    reached = {each["hostId"] for each in listed}
    empty = [
        Host(host=host, state=State.EMPTY, name=each.name, ping=each.ping)
        for host, each in found.items()
        if host not in reached
    ]
    return sorted([*map(on_record, listed), *empty], key=lambda each: each.host)


def _state(listed: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> State:
    if listed.get("status") == TargetStatus.FAILED:
        return State.FAILED
    if not wanted:
        return State.OUTDATED
    if _is_same(listed, wanted):
        return State.CURRENT
    since, ended = listed.get("since"), wanted.get("completeTime")
    return State.NEWER if since and ended and since > ended else State.OUTDATED


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether both are of the same archive: a location may name a key alone, under which another one lies later."""
    mine, its = ((each.get("pinnedRevision") or {}).get("sha256") for each in (one, other))
    return mine == its if mine and its else _place(one.get("revision")) == _place(other.get("revision"))


def _place(revision: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """What a revision's location names: with a version its etag adds nothing."""
    if not revision:
        return ()
    at: Mapping[str, Any] = next((each for name, each in revision.items() if name.endswith("Location") and each), {})
    if "repository" in at:
        return (at["repository"], at.get("commitId"))
    return (at.get("bucket"), at.get("key"), at.get("version") or at.get("eTag"))


@dataclass(frozen=True, kw_only=True)
class FleetNow:
    """The hosts of a group, and the deployments that brought what they run."""

    hosts: Sequence[Host]  # by their ids
    wanted: Info  # the group's last successful deployment; empty if there was none
    brought: Mapping[str, Info]  # by id, the newest
    is_seen: bool  # whether the group's instances could be listed: then it is known which hosts are gone

    @property
    def there(self) -> list[Host]:
        return [each for each in self.hosts if each.state is not State.GONE]

    @property
    def current(self) -> int:
        """How many have the wanted revision."""
        return sum(each.state is State.CURRENT for each in self.there)

    def revision_of(self, host: Host) -> str:
        return revision_name(self.brought.get(host.deployment or "") or {"revision": host.revision})

    def line(self) -> str:
        """How many hosts have which revision.

        >>> web = Host(host="i-1", name="web-1", state=State.FAILED)
        >>> FleetNow(hosts=[web], wanted={}, brought={}, is_seen=True).line()
        '1 failed (web-1)'
        """
        on = [each for each in self.there if each.state not in (State.FAILED, State.EMPTY)]
        told = [f"{count:,} on {name}" for name, count in Counter(map(self.revision_of, on)).most_common()]
        failed = [each.name or each.host for each in self.there if each.state is State.FAILED]
        empty = sum(each.state is State.EMPTY for each in self.there)
        told += [f"{len(failed):,} failed ({names(failed, 3)})"] if failed else []
        told += [f"{empty:,} never deployed to"] if empty else []
        return ", ".join(told) or "no hosts"


def fleet_now(engine: Engine, group: Group, info: Mapping[str, Any], *, with_ping: bool = False) -> FleetNow:
    """`info`: the DeploymentGroupInfo."""
    listed = list(engine.api.get_paginator("list_hosts").paginate(**group.members).search("hosts[]"))
    last = (info.get("lastSuccessfulDeployment") or {}).get("deploymentId")
    ids = {each["deploymentId"] for each in listed} | ({last} if last else set())
    newest = sorted(ids, key=lambda each: (each == last, max(_since(listed, each), default="")), reverse=True)
    found = {each["deploymentId"]: each for each in deployments.read(engine.api, newest[:_ASKED])}
    wanted, tagged = found.get(last or "", {}), _tagged(engine, group, with_ping)
    return FleetNow(
        hosts=known(listed, wanted or None, tagged), wanted=wanted, brought=found, is_seen=tagged is not None
    )


def _since(listed: Iterable[Mapping[str, Any]], deployment_id: str) -> list[str]:
    return [str(each.get("since")) for each in listed if each["deploymentId"] == deployment_id]


def _tagged(engine: Engine, group: Group, with_ping: bool) -> list[Member] | None:
    """None if these credentials may not see the group's instances."""
    return if_allowed(lambda: fleet(engine, group, with_ping=with_ping), None)

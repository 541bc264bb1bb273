"""`stepdeploy hosts APPLICATION/GROUP`: which revision runs on which host, since when, and by which deployment.

A host is `current` when it has the revision of the group's last successful deployment, `outdated` with another one,
`failed` when the last deployment failed there, `empty` when it matches the group's tags and no deployment reached it
yet, and `gone` when it is on record and no longer matches the tags. Below the hosts: why some failed in the deployments
that are named there, and why the group's last deployment reached some not at all. Without
the permission to list the group's instances, their names and whether SSM reaches them are left out.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import click

from cli.account.connection import Engine, is_forbidden
from cli.account.fleet import Member, fleet
from cli.account.group_name import Group, group_argument
from cli.view import causes
from cli.view.output import json_option, plain, tell_json
from cli.view.words import counted, moment, short_revision
from functions.core.messages import texts
from functions.core.selection import ONLINE
from functions.core.statuses import TargetStatus

_SHOWN = 40  # characters of a revision
_ASKED = 5  # deployments that are asked why hosts failed, the newest


Found = TypeVar("Found")


class State(StrEnum):
    CURRENT = "current"
    OUTDATED = "outdated"
    FAILED = "failed"
    EMPTY = "empty"
    GONE = "gone"


_COLORS = {State.OUTDATED: "yellow", State.FAILED: "red", State.EMPTY: "yellow", State.GONE: "bright_black"}
_HEAD = ["HOST", "NAME", "STATE", "REVISION", "SINCE (UTC)", "DEPLOYMENT", "SSM"]


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


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy hosts shop/web
  stepdeploy hosts shop/web --json | jq -r '.hosts[] | select(.state != "current").hostId'""",
)
@group_argument
@json_option
def command(group: Group, as_json: bool) -> None:
    engine = Engine()
    info = engine.api.get_deployment_group(**group.members)["deploymentGroupInfo"]
    listed = list(engine.api.get_paginator("list_hosts").paginate(**group.members).search("hosts[]"))
    wanted = _wanted(engine, info) or {}
    tagged = _seen("the group's instances: execute-api:Invoke on ListGroupInstances", lambda: fleet(engine, group))
    hosts = known(listed, wanted, tagged)
    why = {each["deploymentId"]: causes.causes(engine.api, each) for each in _failed(engine, info, hosts)}
    if as_json:
        told = [{"deploymentId": each, **causes.told(cause)} for each, found in why.items() for cause in found]
        tell_json({"revision": wanted.get("revision"), "hosts": [_told(each) for each in hosts], "causes": told})
        return
    _show(hosts, is_pinged=tagged is not None)
    for each, found in why.items():
        for line in causes.lines(found):
            click.echo(f"{each}  {line}")


def _failed(engine: Engine, info: Mapping[str, Any], hosts: Sequence[Host]) -> list[Mapping[str, Any]]:
    """The deployments in which hosts failed that have failed since, and the group's last one: it may have reached none
    of a host. DeploymentInfos, the newest first."""
    last = (info.get("lastAttemptedDeployment") or {}).get("deploymentId")
    begun = {each.deployment: each.since for each in hosts if each.state is State.FAILED and each.deployment}
    ids = [last] if last else []
    ids += sorted(begun.keys() - {last}, key=lambda each: str(begun[each]), reverse=True)
    found = [engine.api.get_deployment(deploymentId=each)["deploymentInfo"] for each in ids[:_ASKED]]
    return [each for each in found if causes.failed_targets(each)]


def _told(each: Host) -> dict[str, Any]:
    """With the names that ListHosts has."""
    told = asdict(each)
    out = {"outOfLoadBalancers": list(told.pop("out_of"))}
    return {"hostId": told.pop("host"), "deploymentId": told.pop("deployment"), **told, **out}


def _wanted(engine: Engine, info: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The last successful deployment, a DeploymentInfo; None if there was none."""
    last = info.get("lastSuccessfulDeployment")
    if not last:
        return None
    found: Mapping[str, Any] = engine.api.get_deployment(deploymentId=last["deploymentId"])["deploymentInfo"]
    return found


def _seen(what: str, look: Callable[[], Found]) -> Found | None:
    from botocore.exceptions import ClientError

    try:
        return look()
    except ClientError as error:
        if not is_forbidden(error):
            raise
        click.echo(f"not allowed to see {what} is needed", err=True)
        return None


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
    return State.CURRENT if wanted and _is_same(listed, wanted) else State.OUTDATED


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether both are of the same archive: a location may name a key alone, under which another one lies later."""
    mine, its = ((each.get("pinnedRevision") or {}).get("sha256") for each in (one, other))
    return mine == its if mine and its else _place(one.get("revision")) == _place(other.get("revision"))


def _place(revision: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """What a revision's location names: with a version its etag adds nothing."""
    if not revision:
        return ()
    at = revision.get("s3Location") or revision.get("gitHubLocation") or {}
    if "repository" in at:
        return (at["repository"], at.get("commitId"))
    return (at.get("bucket"), at.get("key"), at.get("version") or at.get("eTag"))


def _show(hosts: Sequence[Host], *, is_pinged: bool) -> None:
    rows = [_HEAD, *(_row(each, is_pinged=is_pinged) for each in hosts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, color in zip(rows, ["", *(_color(each, is_pinged=is_pinged) for each in hosts)], strict=True):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(click.style(line, fg=color) if color else line)
    click.echo(_counted(hosts, is_pinged=is_pinged))
    for each in hosts:
        if each.out_of:
            click.echo(plain(f"{each.host} is {texts.out_of(each.out_of)} until a deployment succeeds there"))


def _row(each: Host, *, is_pinged: bool) -> list[str]:
    ssm = (each.ping or "not managed") if is_pinged else "-"
    cells = (
        each.host,
        each.name or "-",
        each.state,
        short_revision(each.revision, _SHOWN),
        moment(each.since),
        each.deployment or "-",
        ssm,
    )
    return [plain(cell) for cell in cells]


def _color(each: Host, *, is_pinged: bool) -> str:
    """Nothing for a host that is as it should be."""
    is_silent = is_pinged and each.ping != ONLINE
    return _COLORS.get(each.state, "yellow" if is_silent else "")


def _counted(hosts: Sequence[Host], *, is_pinged: bool) -> str:
    counts = Counter(each.state for each in hosts)
    told = [f"{counts[state]} {state}" for state in State if counts[state]]
    if silent := sum(each.ping != ONLINE for each in hosts if is_pinged):
        told.append(f"{silent} not online")
    return f"{counted(len(hosts), 'host')}{': ' if told else ''}{', '.join(told)}"

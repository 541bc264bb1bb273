"""The good deployments of a group: what a rollback can be told to go to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from cli.account import deployments
from cli.account.connection import Engine
from cli.account.deployments import ID
from cli.account.group_name import Group
from cli.account.groups import group_info
from cli.view.words import Info, revision_name
from functions.core.revision import COMMITS

_NUMBER = re.compile(r"[1-9][0-9]?")
_MIN_DIGITS = 4  # of a commit or a digest


@dataclass(frozen=True, kw_only=True)
class Good:
    """A successful deployment; `info` is a DeploymentInfo, or what the group knows where that is gone."""

    info: Info
    number: int | None  # by which people name it; None: the rule does not go there
    ruled_out: str  # why
    is_default: bool

    @property
    def id(self) -> str:
        return str(self.info["deploymentId"])

    @property
    def reached(self) -> str:
        """On how many hosts it succeeded."""
        overview = self.info.get("deploymentOverview") or {}
        return f"{overview.get('Succeeded', 0):,} of {sum(overview.values()):,}" if overview else "-"


@dataclass(frozen=True, kw_only=True)
class Goods:
    """Newest first, and what the rule chooses or why it chooses none."""

    found: Sequence[Good]
    reason: str


def good_deployments(engine: Engine, group: Group) -> Goods:
    info = group_info(engine.api, group)
    listed, choice = info.get("goodDeployments", ()), info.get("rollbackChoice") or {}
    read = deployments.read(engine.api, [each["deploymentId"] for each in listed])
    infos = {each["deploymentId"]: each for each in read}
    found, number = list[Good](), 0
    for each in listed:
        deployment_id, ruled_out = each["deploymentId"], each.get("ruledOut", "")
        number += not ruled_out
        found.append(
            Good(
                info=infos.get(deployment_id) or {**each, "completeTime": each.get("endTime")},
                number=None if ruled_out else number,
                ruled_out=ruled_out,
                is_default=deployment_id == choice.get("deploymentId"),
            )
        )
    return Goods(found=found, reason=choice.get("reason", f"nothing was deployed to {group} yet"))


def chosen(goods: Goods, to: str, group: Group) -> Good:
    """The one that a person names by its id, its number, or its commit, name or digest. Raises UsageError."""
    found = [each for each in goods.found if _is_named(each, to)]
    if len(found) == 1:
        return found[0]
    see = f"see them: stepdeploy rollback {group} --dry-run"
    if found:
        raise click.UsageError(f"--to {to!r}: means {' and '.join(each.id for each in found)}: give one of these")
    raise click.UsageError(f"--to {to!r}: none of the good deployments of {group}; {see}")


def _is_named(good: Good, to: str) -> bool:
    if ID.fullmatch(to):
        return good.id == to
    if _NUMBER.fullmatch(to):
        return good.number == int(to)
    if to == revision_name(good.info):
        return True
    return len(to) >= _MIN_DIGITS and any(each.startswith(to.lower()) for each in _digits(good.info))


def _digits(info: Info) -> list[str]:
    revision: dict[str, Any] = info.get("revision") or {}
    found = (
        (info.get("metadata") or {}).get("commit"),
        *((revision.get(member) or {}).get("commitId") for member in COMMITS.values()),
        (info.get("pinnedRevision") or {}).get("sha256"),
        revision_name({"revision": revision}),
    )
    return [str(each).lower() for each in found if each]

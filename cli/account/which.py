"""Which deployment a verb is about: one by its id, or the newest one of a group, or of all."""

from collections.abc import Sequence
from typing import Any

import click

from cli.account import deployments
from cli.account.completions import deployments_and_groups
from cli.account.connection import Engine, Refusal
from cli.account.deployments import ID
from cli.account.group_name import Group
from cli.account.requests import AT_ONCE
from cli.view.output import plain
from cli.view.words import Info, group_of, names
from functions.core.statuses import DeploymentStatus

_METAVAR = "[DEPLOYMENT_ID | APPLICATION/GROUP]"


class _WhichType(click.ParamType[str]):
    name = _METAVAR

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> str:
        if not is_which(str(value)):
            what = "must be a deployment's id, for example d-0123ABCDE, or APPLICATION/GROUP, for example shop/web"
            self.fail(f"{value!r}: {what}", parameter, context)
        return str(value)


which_argument = click.argument(
    "which", type=_WhichType(), required=False, metavar=_METAVAR, shell_complete=deployments_and_groups
)


def is_which(value: str) -> bool:
    application, _, group = value.partition("/")
    return bool(ID.fullmatch(value) or (application and group))


def looked_at(engine: Engine, which: str | None) -> str:
    """The id of the deployment that a verb looks at. What was not given by its id is told on standard error."""
    if which and ID.fullmatch(which):
        return which
    found = _newest(engine, which, ())
    if not found:
        raise Refusal(f"there is no deployment{f' of {which}' if which else ''} yet")
    return _told(found[0], which)


def to_change(
    engine: Engine, which: str | None, statuses: Sequence[DeploymentStatus] = (), *, does: str = "is running"
) -> str:
    """The id of the deployment that a verb changes. Without a group it must be clear which one is meant. `does`: what
    those of these statuses do."""
    if which and ID.fullmatch(which):
        return which
    found = _newest(engine, which, statuses)
    if not found:
        what = f"no deployment {does}" if statuses else "there is no deployment"
        raise Refusal(f"{what}{f' in {which}' if which else ''}: see stepdeploy list{f' {which}' if which else ''}")
    groups = sorted({group_of(each) for each in found})
    if len(groups) > 1:
        raise click.UsageError(f"several groups have deployments: name one of {names(groups)}")
    return _told(found[0], which)


def _newest(engine: Engine, which: str | None, statuses: Sequence[DeploymentStatus]) -> list[Info]:
    """DeploymentInfos, the newest first."""
    application, _, name = (which or "").partition("/")
    asked: dict[str, Any] = Group(application, name).members if which else {}
    if statuses:
        asked["includeOnlyStatuses"] = list(statuses)
    return list(deployments.newest(engine.api, 1 if which else AT_ONCE, **asked))


def _told(info: Info, which: str | None) -> str:
    deployment_id = str(info["deploymentId"])
    click.echo(f"{which or group_of(info)}: newest is {deployment_id}", err=True)
    if back := (info.get("rollbackInfo") or {}).get("rollbackTriggeringDeploymentId"):
        click.echo(plain(f"it rolls back {back}: stepdeploy show {back}"), err=True)
    return deployment_id

"""Creating a deployment of a group, which may be busy with another one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any

import click

from cli.account.connection import Engine, Refusal
from cli.account.deployments import ID
from cli.account.group_name import Group
from cli.exits import Exit
from cli.view import words
from cli.view.output import plain
from functions.core.statuses import DeploymentStatus

BUSY = "DeploymentLimitExceededException"
_PAUSE = 5  # seconds from one look at the group to the next


class Interrupted(click.ClickException):
    """Ctrl-C, and what is known of what was begun by then."""

    exit_code = Exit.INTERRUPTED


class TooLong(click.ClickException):
    """The group was busy for as long as was to be waited."""

    exit_code = Exit.TOO_LONG


@contextmanager
def when_interrupted(message: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(message) from error


def may_have_begun(group: Group | None = None) -> str:
    """What is known when the engine was asked for a deployment, and its answer was not waited for."""
    see = f"stepdeploy list{f' {group}' if group else ''} --limit 3"
    return f"interrupted while asking for a deployment: it may have begun; see {see}"


def create(engine: Engine, group: Group, asked: Mapping[str, Any], *, wait: float | None = None) -> str:
    """The id of a new deployment. While the group is busy it is tried again for at most `wait` seconds."""
    deadline, last = monotonic() + (wait or 0), ""
    while True:
        with when_interrupted(may_have_begun(group)):
            try:
                return str(engine.api.create_deployment(**group.members, **asked)["deploymentId"])
            except engine.api.exceptions.DeploymentLimitExceededException as error:
                holder = _holder(engine, error)
                if holder is None:
                    raise
        said = f"{group} is busy: {_told(holder)}"
        if wait is None:
            raise Refusal(f"{said}. {_way_on(holder)}", BUSY)
        if (left := deadline - monotonic()) <= 0:
            raise TooLong(f"{said}. Nothing was deployed in the time that --wait gives")
        if holder["deploymentId"] != last:
            click.echo(f"{said}; waiting for its end", err=True)
        last = holder["deploymentId"]
        with when_interrupted(f"interrupted while {group} was busy: nothing was deployed"):
            sleep(min(_PAUSE, left))


def _holder(engine: Engine, error: Exception) -> words.Info | None:
    """The deployment that is in the way; None if the refusal names none."""
    found = ID.search(str(error))
    return engine.api.get_deployment(deploymentId=found[0])["deploymentInfo"] if found else None


def _told(info: words.Info) -> str:
    passed = words.span(datetime.now(UTC) - info["createTime"])
    back = (info.get("rollbackInfo") or {}).get("rollbackTriggeringDeploymentId")
    return plain(
        f"{info['deploymentId']} by {words.asker(info)}, {info['status']} for {passed}, {words.done(info)}"
        + (f", rolls back {back}" if back else "")
    )


def _way_on(info: words.Info) -> str:
    if DeploymentStatus(info["status"]).is_final:
        return "It has just ended: try again"
    return f"Wait for it with --queue or --wait 30m; follow it with stepdeploy watch {info['deploymentId']}"

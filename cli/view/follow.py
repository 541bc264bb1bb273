"""A deployment that a verb has begun: its id is told, and it is followed to its end if that is wanted."""

from collections.abc import Callable
from typing import Any

import click

from cli.account.connection import Engine
from cli.durations import DURATION
from cli.exits import Exit
from cli.view.output import tell_json

Decorated = Callable[..., Any]


def watch_options(command: Decorated) -> Decorated:
    timeout = click.option("--timeout", type=DURATION, help="Maximum time to watch, for example 15m.")
    watch = click.option("--watch", is_flag=True, help="Follow the deployment: its outcome is the exit status.")
    return watch(timeout(command))


def check_timeout(timeout: int | None, watch: bool) -> None:
    if timeout is not None and not watch:
        raise click.UsageError("--timeout needs --watch")


def follow(
    engine: Engine, deployment_id: str, told: dict[str, Any], *, watch: bool, timeout: int | None, as_json: bool
) -> Exit:
    """Tell the id, by itself on standard output, or `told` as JSON; then watch, if so."""
    if as_json:
        tell_json(told)
    else:
        click.echo(deployment_id)
    if watch:
        return watched(engine, deployment_id, timeout=timeout, as_json=as_json)
    if not as_json:
        click.echo(f"follow it with: stepdeploy watch {deployment_id}", err=True)
    return Exit.DONE


def watched(engine: Engine, deployment_id: str, *, timeout: int | None, as_json: bool) -> Exit:
    from cli.view.watch_view import watch

    return watch(engine, deployment_id, as_json=as_json, seconds=timeout)

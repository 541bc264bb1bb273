"""A deployment that a verb has begun: its id is told, and it is followed to its end if that is wanted."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from cli.account.connection import Engine
from cli.durations import DURATION
from cli.exits import Exit
from cli.view.output import json_option, tell_json

Decorated = Callable[..., Any]
strict_option = click.option(
    "--fail-on-failed-hosts",
    "strict",
    is_flag=True,
    help="Exit status 5 when the deployment succeeds although hosts failed.",
)


verbose_option = click.option(
    "-v", "--verbose", is_flag=True, help="In a pipe, a line for each lifecycle event; else one for each host."
)


@dataclass(frozen=True, kw_only=True)
class Following:
    """Whether and how a verb follows the deployment that it has begun."""

    watch: bool
    seconds: int | None  # at most
    strict: bool  # hosts that fail are no success
    verbose: bool  # each lifecycle event on a line
    as_json: bool

    def follow(self, engine: Engine, deployment_id: str, told: dict[str, Any], *, with_rollback: bool = True) -> Exit:
        """Tell the id, by itself on standard output, or `told` as JSON; then watch, if so."""
        if self.as_json:
            tell_json(told)
        else:
            click.echo(deployment_id)
        if self.watch:
            return self.to_the_end(engine, deployment_id, with_rollback=with_rollback)
        if not self.as_json:
            click.echo(f"follow it with: stepdeploy watch {deployment_id}", err=True)
        return Exit.DONE

    def to_the_end(self, engine: Engine, deployment_id: str, *, with_rollback: bool = True) -> Exit:
        from cli.view.watch_view import How, watch

        how = How(as_json=self.as_json, verbose=self.verbose, seconds=self.seconds, strict=self.strict)
        return watch(engine, deployment_id, how, with_rollback=with_rollback)


def follow_options(command: Decorated) -> Decorated:
    """--watch with what belongs to it, and --json: a verb takes them as `following`."""

    @wraps(command)
    def collected(*given: Any, watch: bool, timeout: int | None, strict: bool, as_json: bool, **others: Any) -> Any:
        verbose = others.pop("verbose")
        for option, value in (("--timeout", timeout is not None), ("--fail-on-failed-hosts", strict), ("-v", verbose)):
            if value and not watch:
                raise click.UsageError(f"{option} needs --watch")
        following = Following(watch=watch, seconds=timeout, strict=strict, verbose=verbose, as_json=as_json)
        return command(*given, following=following, **others)

    timeout = click.option("--timeout", type=DURATION, help="Maximum time to watch, for example 15m.")
    watch = click.option("--watch", is_flag=True, help="Follow the deployment: its outcome is the exit status.")
    return watch(timeout(strict_option(verbose_option(json_option(collected)))))

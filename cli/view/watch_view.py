"""A deployment followed to its end, and its rollback after it; then why hosts failed, and what to do."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import click

from cli.account.connection import Engine, if_allowed
from cli.exits import Exit
from cli.view import shown, words
from cli.view.explained import Explained, explain
from cli.view.looks import looks
from cli.view.output import plain, tell_json
from cli.view.progress import Snapshot, still_running
from functions.core.statuses import DeploymentStatus


@dataclass(frozen=True, kw_only=True)
class How:
    """How a deployment is followed."""

    as_json: bool = False
    verbose: bool = False  # each lifecycle event on a line, where nothing is drawn
    seconds: float | None = None  # at most
    strict: bool = False  # hosts that fail are no success


@dataclass(frozen=True, kw_only=True)
class _Followed:
    """A deployment as it was seen last."""

    id: str
    last: Snapshot | None
    end: Exit

    @property
    def rolled_back_by(self) -> str | None:
        info = self.last.info if self.last else {}
        found: str | None = (info.get("rollbackInfo") or {}).get("rollbackDeploymentId")
        return found if self.end is Exit.FAILED else None

    @property
    def has_failures(self) -> bool:
        return bool(self.last and self.last.status.is_final and (self.end is Exit.FAILED or self.last.hidden))


def watch(engine: Engine, deployment_id: str, how: How, *, with_rollback: bool = True) -> Exit:
    """Follow a deployment: DONE when it succeeds, FAILED when it does not, TOO_LONG when `seconds` have passed first.

    `strict`: HOSTS_FAILED when it succeeds and hosts failed. The rollback that it starts is followed as well, and
    changes nothing of this. Ctrl-C ends the watching alone: INTERRUPTED.
    """
    deadline = math.inf if how.seconds is None else monotonic() + how.seconds
    followed = _follow(engine, deployment_id, how, deadline)
    end, why = followed.end, _why(engine, followed) if followed.has_failures and not how.as_json else None
    if why:
        for line in why.causes():
            click.echo(line)
    if with_rollback and (rollback := followed.rolled_back_by):
        back = _rollback(engine, rollback, how, deadline)
        end = Exit.INTERRUPTED if back.end is Exit.INTERRUPTED else end
    if how.as_json:
        tell_json({"type": "result", "exit": end.value, **(followed.last.info if followed.last else {})})
    for line in why.next() if why else ():
        click.echo(line)
    for line in _advice(followed, is_explained=why is not None):
        click.echo(line, err=True)
    return end


def _follow(engine: Engine, deployment_id: str, how: How, deadline: float) -> _Followed:
    last: Snapshot | None = None
    with shown.view(as_json=how.as_json, verbose=how.verbose) as view:
        try:
            for last in looks(engine, deployment_id, deadline):
                view.show(last)
            end = _exit(last, how.strict)
        except KeyboardInterrupt:
            end = Exit.INTERRUPTED
    return _Followed(id=deployment_id, last=last, end=end)


def _rollback(engine: Engine, deployment_id: str, how: How, deadline: float) -> _Followed:
    """A rollback to its end. One that is over is not told again but for how it went."""
    info = engine.api.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
    if DeploymentStatus(info["status"]).is_final:
        last = Snapshot(info=info)
        found = _Followed(id=deployment_id, last=last, end=_exit(last, strict=False))
    else:
        if not how.as_json:
            click.echo(f"\nrolled back by {deployment_id}, which goes on:")
        found = _follow(engine, deployment_id, how, deadline)
    if how.as_json:
        tell_json({"type": "rollback", "exit": found.end.value, **(found.last.info if found.last else info)})
    elif found.last and found.last.status.is_final:
        click.echo(f"\nrolled back by {deployment_id}: {words.outcome(found.last.info)}, {words.done(found.last.info)}")
    for line in _advice(found, is_explained=False):
        click.echo(line, err=True)
    return found


def _exit(last: Snapshot | None, strict: bool) -> Exit:
    if last is None or not last.status.is_final:
        return Exit.TOO_LONG
    if last.status is not DeploymentStatus.SUCCEEDED:
        return Exit.FAILED
    return Exit.HOSTS_FAILED if strict and last.hidden else Exit.DONE


def _why(engine: Engine, followed: _Followed) -> Explained | None:
    """None where these credentials may not see it."""
    last = followed.last
    return if_allowed(lambda: explain(engine, last.info) if last else None, None)


def _advice(followed: _Followed, *, is_explained: bool) -> Iterator[str]:
    last, deployment_id = followed.last, followed.id
    if followed.end in (Exit.TOO_LONG, Exit.INTERRUPTED):
        yield f"{deployment_id}{f' is {last.status} and' if last else ''} continues; only watching it has stopped"
        if last and (busy := still_running(last.targets.values(), last.names, datetime.now(UTC))):
            yield plain(f"at work: {busy}")
        yield f"watch it again with: stepdeploy watch {deployment_id}"
        yield f"stop it with: stepdeploy stop {deployment_id}"
    if followed.has_failures and not is_explained:
        yield f"why: stepdeploy show {deployment_id}"

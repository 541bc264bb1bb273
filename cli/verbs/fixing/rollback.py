"""`stepdeploy rollback APPLICATION/GROUP`: deploy the group's last good revision again, or the one that --to names.

The last good revision is that of the last successful deployment of another revision that left no host failed, or else
of one that failed on a few; never of one that has failed since. A deployment of the group that runs is stopped instead,
and goes back by itself: its scripts on hosts run to their end, unless --cancel cuts them off. The id of what goes back
is printed on standard output, and why it goes there on standard error.
"""

from typing import Any

import click

from cli.account.connection import Engine
from cli.account.good_deployments import Good, Goods, chosen, good_deployments
from cli.account.group_name import Group, group_argument
from cli.account.turn import may_have_begun, when_interrupted
from cli.exits import Exit
from cli.view import words
from cli.view.follow import Following, follow_options
from cli.view.output import plain, tell_json
from cli.view.tables import Column, Row, tell_table

_HEAD = (
    Column("TO"),
    Column("DEPLOYMENT"),
    Column("REVISION", least=12),
    Column("SUCCEEDED ON"),
    Column("ENDED", is_time=True),
    Column(""),
)
_TOLD = ("deploymentId", "stoppedDeploymentId", "queuedDeploymentId", "reason")


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy rollback shop/web --watch
  stepdeploy rollback shop/web --dry-run
  stepdeploy rollback shop/web --to d-0123ABCDE
  stepdeploy rollback shop/web --to 4eab581 --cancel

Exit status: 1 when, with --watch, the rollback does not succeed; 3 when there is no earlier successful revision, or the
engine or AWS refuses.""",
)
@group_argument
@click.option(
    "--to",
    metavar="ID|COMMIT|N",
    help="A good deployment instead of the last one: its id, its commit or revision, or its number in --dry-run.",
)
@click.option("--cancel", is_flag=True, help="Cut off the scripts of a running deployment; else they run to their end.")
@click.option("--dry-run", is_flag=True, help="List the good deployments and show what would be done. Changes nothing.")
@follow_options
def command(group: Group, to: str | None, cancel: bool, dry_run: bool, following: Following) -> Exit:
    engine, as_json = Engine(), following.as_json
    if dry_run:
        return _rehearse(good_deployments(engine, group), to, group, as_json)
    wish: dict[str, Any] = {"cancelScripts": True} if cancel else {}
    if to:
        wish["toDeploymentId"] = chosen(good_deployments(engine, group), to, group).id
    with when_interrupted(may_have_begun(group)):
        answer = engine.api.roll_back_deployment_group(**group.members, **wish)
    told = {name: answer[name] for name in _TOLD if answer.get(name)}
    stopped = told.get("stoppedDeploymentId")
    if stopped is None:
        if not as_json and (reason := answer.get("reason")):
            click.echo(plain(reason), err=True)
        return following.follow(engine, answer["deploymentId"], told)
    if not as_json:
        _tell_stop(stopped, told.get("queuedDeploymentId"))
    status = following.follow(engine, stopped, told, with_rollback=False)
    back = _rollback_of(engine, stopped) if following.watch and status is Exit.FAILED else None
    return following.to_the_end(engine, back) if back else status


def _tell_stop(stopped: str, queued: str | None) -> None:
    click.echo(f"{stopped} is running: it will be stopped and roll back automatically", err=True)
    if queued:
        what = f"{queued} is queued and starts right after the rollback: stop it with stepdeploy stop {queued}"
        click.echo(what, err=True)


def _rehearse(goods: Goods, to: str | None, group: Group, as_json: bool) -> Exit:
    wanted = chosen(goods, to, group) if to else next((each for each in goods.found if each.is_default), None)
    if as_json:
        told = {"deploymentId": wanted.id if wanted else None, "reason": goods.reason}
        tell_json({**told, "goodDeployments": [_plain(each) for each in goods.found]})
    else:
        if goods.found:
            tell_table(_HEAD, [_row(each, wanted) for each in goods.found])
        if not to:
            click.echo(plain(goods.reason), err=True)
        if wanted:
            click.echo(f"go there: stepdeploy rollback {group} --to {wanted.id}", err=True)
    return Exit.DONE if wanted else Exit.REFUSED


def _row(good: Good, wanted: Good | None) -> Row:
    notes = ["<- this one"] if good is wanted else []
    return [
        str(good.number or "-"),
        good.id,
        words.revision_name(good.info),
        good.reached,
        good.info.get("completeTime"),
        ", ".join([*notes, *([good.ruled_out] if good.ruled_out else [])]),
    ]


def _plain(good: Good) -> dict[str, Any]:
    return {"number": good.number, "ruledOut": good.ruled_out or None, "isDefault": good.is_default, **good.info}


def _rollback_of(engine: Engine, deployment_id: str) -> str | None:
    """The deployment that goes back, once the stopped one has ended."""
    info = engine.api.get_deployment(deploymentId=deployment_id)["deploymentInfo"].get("rollbackInfo") or {}
    found: str | None = info.get("rollbackDeploymentId")
    return found

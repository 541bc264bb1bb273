"""Roll back: the group's last good revision again, or another good one."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import htpy as h

from cli.account.connection import Engine
from cli.account.deployments import ID
from cli.account.good_deployments import Good, Goods
from cli.console import markup
from cli.console.acting import Action
from cli.console.forms import CANCEL, Field, Form, Kind, cancelling
from cli.console.page import Given, Page, Part, Shown, address
from cli.console.pages.group import GROUP, OneGroup, Standing, group_of, trail
from cli.console.readers import Seen, Topic
from cli.view import words
from cli.view.output import plain
from functions.core.statuses import DeploymentStatus

_PATH = f"{GROUP}/rollback"


def _show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    value: Standing | None = found.value
    group, places = group_of(given), trail(given, ("Roll back", ""))
    title = f"Roll back {plain(str(group))} · stepdeploy"
    if value is None:
        return Shown(title=title, trail=places, parts=markup.nothing_yet(found))
    default = next((each for each in value.goods.found if each.is_default), None)
    running = _running(value)
    form = Form(
        address=address(_PATH, application=group.application, group=group.name),
        submit=f"Roll back {plain(str(group))}",
        fields=[
            Field("to", "To", Kind.CHOICE, value=default.id if default else "", choices=_choices(value.goods, default)),
            *([CANCEL] if running else ()),
        ],
        operation="RollBackDeploymentGroup",
        is_serious=True,
        why_not="" if value.goods.found else plain(value.goods.reason),
    )
    return Shown(
        title=title,
        trail=places,
        parts=[
            markup.trouble(found),
            Part("head", [h.h1[f"Roll back {plain(str(group))}"], h.p(".sub")[plain(value.goods.reason)]]),
            Part("says", h.ul[(h.li[line] for line in _says(value, running))]),
        ],
        forms=[form],
    )


def _running(value: Standing) -> words.Info:
    """The deployment that runs in the group; empty where none does."""
    known = (each for each in value.history if not DeploymentStatus(each["status"]).is_final)
    return next((each for each in known if each["status"] != DeploymentStatus.QUEUED), {})


def _says(value: Standing, running: words.Info) -> Iterator[str]:
    if running:
        yield f"{plain(running['deploymentId'])} is running ({words.done(running)} done): it is stopped, and goes back."
    yield f"A new deployment brings the chosen revision to the hosts of the group: {len(value.fleet.there):,} now."
    names = words.names([each.name or each.host for each in value.fleet.there])
    if names:
        yield f"These are {names}."
    yield "It does not roll back itself, and watches no alarm."


def _choices(goods: Goods, default: Good | None) -> list[tuple[str, str]]:
    """Where the rule goes nowhere, nothing is chosen before a person has."""
    nothing = [] if default else [("", "choose one")]
    return [*nothing, *((each.id, _told(each, is_default=each is default)) for each in goods.found)]


def _told(good: Good, *, is_default: bool) -> str:
    notes = ["the last good one"] * is_default + [f"ruled out: {good.ruled_out}"] * bool(good.ruled_out)
    return "; ".join([f"{words.revision_name(good.info)} of {good.id}, on {good.reached} hosts", *notes])


def _act(engine: Engine, given: Given, form: Mapping[str, str]) -> str:
    asked = cancelling(form)
    if ID.fullmatch(form.get("to", "")):
        asked["toDeploymentId"] = form["to"]
    answer = engine.api.roll_back_deployment_group(**group_of(given).members, **asked)
    return address(markup.DEPLOYMENT, deployment=answer.get("stoppedDeploymentId") or answer["deploymentId"])


PAGE = Page(path=_PATH, topics=lambda given: (OneGroup(group_of(given)),), show=_show)
ACTION = Action(path=_PATH, act=_act)

"""Retry: the same revision again, to the hosts that failed or were left out."""

from collections.abc import Mapping
from datetime import datetime

import htpy as h

from cli.account.connection import Engine
from cli.console import markup
from cli.console.acting import Action
from cli.console.following import Followed
from cli.console.forms import Form
from cli.console.page import Given, Page, Part, Shown, address
from cli.console.pages import deployment
from cli.console.readers import Seen, Topic
from cli.view import words
from functions.core.statuses import DeploymentStatus, TargetStatus

_PATH = f"{markup.DEPLOYMENT}/retry"
_LEFT = (TargetStatus.FAILED, TargetStatus.SKIPPED)
_NAMED = 20  # hosts


def _show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
    (found,) = seen.values()
    followed: Followed | None = found.value
    up = address(markup.DEPLOYMENT, deployment=given["deployment"])
    shown = Shown(
        title=f"Retry {given['deployment']} · stepdeploy",
        trail=[("Groups", "/"), (given["deployment"], up), ("Retry", "")],
        parts=markup.nothing_yet(found),
    )
    if followed is None:
        return shown
    info, ids = followed.seen.info, _ids(followed)
    why_not = "" if ids else "No host of it failed or was left out."
    if not DeploymentStatus(info["status"]).is_final:
        why_not = f"It has not ended yet: it is {words.outcome(info)}."
    here = address(_PATH, deployment=given["deployment"])
    form = Form(address=here, submit="Retry", operation="RetryDeployment", why_not=why_not)
    head = [
        h.h1[f"Deploy {words.revision_name(info, 80)} again where it did not succeed"],
        h.p(".sub")[f"to {words.group_of(info)}; a new deployment, of which {given['deployment']} is the model"],
    ]
    names = words.names([followed.seen.names.get(each, each) for each in ids], most=_NAMED)
    says = h.ul[h.li[f"To {words.counted(len(ids), 'host')}: {names}."], h.li["The others are not touched."]]
    parts = [markup.trouble(found), Part("head", head), Part("says", None if why_not else says)]
    return Shown(title=shown.title, trail=shown.trail, parts=parts, forms=[form])


def _ids(followed: Followed) -> list[str]:
    return [name for name, each in followed.roster.targets.items() if each["status"] in _LEFT]


def _act(engine: Engine, given: Given, form: Mapping[str, str]) -> str:
    new = engine.api.retry_deployment(deploymentId=given["deployment"])["deploymentId"]
    return address(markup.DEPLOYMENT, deployment=new)


PAGE = Page(path=_PATH, topics=deployment.PAGE.topics, show=_show)
ACTION = Action(path=_PATH, act=_act)

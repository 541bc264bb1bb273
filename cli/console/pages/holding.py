"""What is done to a deployment that goes on: stop, approve, pause, resume; a page says first what it will do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import htpy as h

from cli.account.connection import Engine
from cli.console import markup
from cli.console.acting import Action
from cli.console.following import Followed
from cli.console.forms import CANCEL, Field, Form, Kind, Link, cancelling
from cli.console.page import Given, Page, Part, Shown, address
from cli.console.pages import deployment
from cli.console.pages.group import group_address
from cli.console.readers import Seen, Topic
from cli.view import standing, waits, words
from cli.view.progress import still_running
from functions.core.records.stages import HoldKind
from functions.core.statuses import DeploymentStatus, TargetStatus

_REASON = Field("reason", "Reason", hint="For the record and every message; up to 256 characters.")
_ROLLBACK = (("", "as the group says"), ("yes", "roll back"), ("no", "do not roll back"))


@dataclass(frozen=True, kw_only=True)
class _Step:
    """One of the things that can be done. `says`: what it will do, line by line; `why_not`: why it cannot be done."""

    name: str
    operation: str
    says: Callable[[Followed, datetime], Iterator[str]]
    why_not: Callable[[words.Info], str]
    call: Callable[[Any, str, Mapping[str, str]], Any]
    fields: Sequence[Field] = (_REASON,)
    is_serious: bool = False

    @property
    def path(self) -> str:
        return f"{markup.DEPLOYMENT}/{self.name}"

    @property
    def title(self) -> str:
        return self.name.capitalize()


def _count(followed: Followed, status: TargetStatus) -> int:
    return int((followed.seen.info.get("deploymentOverview") or {}).get(status, 0))


def _waiting(followed: Followed) -> str:
    return words.counted(_count(followed, TargetStatus.PENDING), "host")


def _at_work(followed: Followed, now: datetime, then: str) -> Iterator[str]:
    if count := _count(followed, TargetStatus.IN_PROGRESS):
        busy = still_running(followed.seen.targets.values(), followed.seen.names, now)
        yield f"{words.counted(count, 'host')} at work{f' ({busy})' if busy else ''}: {then}."


def _stopping(followed: Followed, now: datetime) -> Iterator[str]:
    yield f"No further host begins ({_waiting(followed)} to come)."
    yield from _at_work(followed, now, "what runs there goes on to its end, unless scripts are cut off")
    done = words.counted(_count(followed, TargetStatus.SUCCEEDED), "host")
    yield f"What is done stays: {done} with the new revision, unless it is rolled back by another deployment."


def _approving(followed: Followed, now: datetime) -> Iterator[str]:
    info = followed.seen.info
    number = (info.get("hold") or {}).get("afterStage", -1) + 1
    stages = info.get("stages") or ()
    if number < len(stages):
        stage = stages[number]
        count = words.counted(stage.get("targetCount", 0), "host")
        yield f"Stage {number + 1} of {len(stages)} ({waits.stage_name(stage)}) may begin: {count}."
    else:
        yield "It ends: all of its stages are done."
    yield "Your name and your reason go on record."


def _pausing(followed: Followed, now: datetime) -> Iterator[str]:
    yield f"No further host begins until it is resumed: {_waiting(followed)} to come."
    yield from _at_work(followed, now, "what runs there goes on to its end")
    yield "Alarms still stop it."


def _resuming(followed: Followed, now: datetime) -> Iterator[str]:
    yield f"It goes on with {_waiting(followed)} to come, as many at a time as before."


def _over(info: words.Info) -> str:
    return f"It has ended: {words.outcome(info)}." if DeploymentStatus(info["status"]).is_final else ""


def _not_held(info: words.Info) -> str:
    kinds = (info.get("hold") or {}).get("kinds") or ()
    is_held = any(kind in kinds for kind in (HoldKind.APPROVAL, HoldKind.INCONCLUSIVE))
    return _over(info) or ("" if is_held else "It waits for no approval.")


def _not_paused(info: words.Info) -> str:
    return _over(info) or ("" if info.get("pause") else "It is not paused.")


def _paused_already(info: words.Info) -> str:
    return _over(info) or ("It is paused already." if info.get("pause") else "")


def _stop(api: Any, deployment_id: str, form: Mapping[str, str]) -> None:
    asked = cancelling(form)
    if wish := form.get("rollback"):
        asked["autoRollbackEnabled"] = wish == "yes"
    api.stop_deployment(deploymentId=deployment_id, **asked, **_reason(form))


def _reason(form: Mapping[str, str]) -> dict[str, str]:
    return {"reason": form["reason"].strip()} if form.get("reason", "").strip() else {}


_STEPS = (
    _Step(
        name="approve",
        operation="ContinueDeployment",
        says=_approving,
        why_not=_not_held,
        call=lambda api, name, form: api.continue_deployment(deploymentId=name, **_reason(form)),
    ),
    _Step(
        name="resume",
        operation="ResumeDeployment",
        says=_resuming,
        why_not=_not_paused,
        call=lambda api, name, form: api.resume_deployment(deploymentId=name),
        fields=(),
    ),
    _Step(
        name="pause",
        operation="PauseDeployment",
        says=_pausing,
        why_not=_paused_already,
        call=lambda api, name, form: api.pause_deployment(deploymentId=name, **_reason(form)),
    ),
    _Step(
        name="stop",
        operation="StopDeployment",
        says=_stopping,
        why_not=_over,
        call=_stop,
        fields=(
            _REASON,
            Field("rollback", "Afterwards", Kind.CHOICE, choices=_ROLLBACK),
            CANCEL,
        ),
        is_serious=True,
    ),
)


# -- pages


def _page(step: _Step) -> Page:
    def show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
        (found,) = seen.values()
        followed: Followed | None = found.value
        here = address(step.path, deployment=given["deployment"])
        up = address(markup.DEPLOYMENT, deployment=given["deployment"])
        trail = [("Groups", "/"), (given["deployment"], up), (step.title, "")]
        title = f"{step.title} {given['deployment']} · stepdeploy"
        if followed is None:
            return Shown(title=title, trail=trail, parts=markup.nothing_yet(found))
        info = followed.seen.info
        why_not = step.why_not(info)
        form = Form(
            address=here,
            submit=f"{step.title} {given['deployment']}",
            fields=step.fields,
            operation=step.operation,
            is_serious=step.is_serious,
            why_not=why_not,
        )
        trail.insert(1, (words.group_of(info), group_address(standing.group_name(info))))
        return Shown(
            title=title,
            trail=trail,
            parts=[
                markup.trouble(found),
                Part("head", _head(step, info)),
                Part("says", None if why_not else h.ul[(h.li[line] for line in step.says(followed, now))]),
            ],
            forms=[form],
        )

    return Page(path=step.path, topics=deployment.PAGE.topics, show=show)


def _head(step: _Step, info: words.Info) -> h.Node:
    return [
        h.div(".headline")[
            h.h1[f"{step.title} the deployment of {words.revision_name(info, 80)}"], markup.status(words.outcome(info))
        ],
        h.p(".sub")[f"to {words.group_of(info)}, {words.done(info)} done"],
        markup.progress(info),
    ]


def _action(step: _Step) -> Action:
    def act(engine: Engine, given: Given, form: Mapping[str, str]) -> str:
        step.call(engine.api, given["deployment"], form)
        return address(markup.DEPLOYMENT, deployment=given["deployment"])

    return Action(path=step.path, act=act)


def with_links(page: Page) -> Page:
    """The page of a deployment, with what can be done about it now."""

    def show(given: Given, seen: Mapping[Topic, Seen], now: datetime) -> Shown:
        (found,) = seen.values()
        links = list(_links(found.value.seen.info)) if found.value else []
        return replace(page.show(given, seen, now), links=links)

    return replace(page, show=show)


def _links(info: words.Info) -> Iterator[Link]:
    for step in _STEPS:
        if not step.why_not(info):
            yield Link(address(step.path, deployment=info["deploymentId"]), step.title, step.operation)
    overview = info.get("deploymentOverview") or {}
    if DeploymentStatus(info["status"]).is_final and (overview.get("Failed") or overview.get("Skipped")):
        yield Link(address(f"{markup.DEPLOYMENT}/retry", deployment=info["deploymentId"]), "Retry", "RetryDeployment")
    if info.get("applicationName") and info.get("deploymentGroupName"):
        where = f"{group_address(standing.group_name(info))}/rollback"
        yield Link(where, "Roll back", "RollBackDeploymentGroup")


PAGES = tuple(map(_page, _STEPS))
ACTIONS = tuple(map(_action, _STEPS))

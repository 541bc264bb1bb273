"""Windows and freezes: which there are, freezing and lifting a freeze, and letting one deployment past them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from functions.api import calendar_responses, responses
from functions.api.operations import Caller
from functions.api.operations.deployments import known
from functions.api.operations.groups import known as known_group
from functions.api.operations.groups import known_application
from functions.aws import clock
from functions.core import calendar as rule
from functions.core.declaration.windows import DECLARED, MAX
from functions.core.errors import Refused
from functions.core.limits import SHOWN
from functions.core.records import Bypass, Closed, Freeze
from functions.core.records.calendar import EVERYWHERE
from functions.core.statuses import OnFreeze
from functions.core.text.times import timestamp
from functions.engine import calendar
from functions.engine.starting import who_may
from functions.store.records import calendar as store


def create_freeze(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """From now on, or from a time, no deployment of the scope begins. A second call is a second freeze."""
    scope, now = given["scope"], datetime.fromisoformat(caller.now)
    _check_scope(scope)
    reason = _reason(given)
    start = _moment(given["from"]) if "from" in given else now
    end = _moment(given["to"]) if "to" in given else None
    if problem := rule.range_problem(start, end):
        raise _invalid(f"to: the freeze {problem}")
    if end and end <= now:
        raise _invalid(f"to: {timestamp(end)} is over already: give a time that comes")
    zone = given.get("timeZone", "UTC")
    if problem := rule.zone_problem(zone):
        raise _invalid(f"timeZone: {zone[:SHOWN]!r} {problem}")
    if len(_left(now)) >= MAX:
        raise _invalid(f"there are {MAX} freezes already: lift one first (DeleteFreeze)")
    freeze = Freeze(
        freeze_id=clock.deployment_id().replace("d-", "f-"),
        scope=scope,
        start=timestamp(start),
        end=timestamp(end) if end else None,
        reason=reason,
        who=caller.arn,
        time_zone=zone,
    )
    store.add_freeze(freeze)
    calendar.review_all(scope)
    return {"freezeId": freeze.freeze_id}


def delete_freeze(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """What waited for its end goes on. One that is gone is as it should be; the answer says which was lifted."""
    found = next((each for each in store.read().freezes if each.freeze_id == given["freezeId"]), None)
    if found and found.who == DECLARED:
        raise _invalid(f"freezeId: {found.freeze_id} is declared in deployments.yaml: take it out there")
    if found and store.remove_freeze(found.freeze_id):
        calendar.review_all(found.scope)
        return {"freeze": calendar_responses.freeze(found)}
    return {}


def list_windows(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """All of them, those that are over left out; with a group those that count for it, and whether it is open now."""
    found, now = store.read(), datetime.fromisoformat(caller.now)
    application, name = given.get("applicationName"), given.get("deploymentGroupName")
    if bool(application) != bool(name):
        raise _invalid("applicationName and deploymentGroupName: give both or neither")
    if not (application and name):
        freezes = tuple(each for each in found.freezes if not rule.is_over(each, now))
        return calendar_responses.calendar(replace(found, freezes=freezes))
    group = known_group(application, name)
    counting = rule.of_group(found, group.key, now)
    closing = () if group.settings.on_freeze is OnFreeze.IGNORE else counting.freezes
    state = rule.judge(counting.windows, closing, group.key, now)
    return {
        **calendar_responses.calendar(counting),
        "closed": responses.closed(state) if isinstance(state, Closed) else None,
    }


def bypass_windows(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """One deployment begins, or goes on, in spite of windows and freezes. Who lets it is on its record, and is told."""
    deployment, reason = known(given["deploymentId"]), _reason(given)
    who_may.group_to_deploy(deployment.application, deployment.group, caller.arn)
    if not calendar.bypass(deployment, Bypass(by=caller.arn, at=caller.now, why=reason)):
        what = f"The deployment {deployment.deployment_id} has already ended"
        raise Refused("DeploymentAlreadyCompletedException", what)
    return {}


def _check_scope(scope: str) -> None:
    if problem := rule.scope_problem(scope):
        raise _invalid(f"scope: {scope[:SHOWN]!r} {problem}")
    application, _, group = scope.partition("/")
    if group:
        known_group(application, group)
    elif scope != EVERYWHERE:
        known_application(application)


def _reason(given: dict[str, Any]) -> str:
    reason = str(given.get("reason", "")).strip()
    if problem := rule.reason_problem(reason):
        raise _invalid(f"reason: {problem}")
    return reason


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _left(now: datetime) -> list[Freeze]:
    """The freezes, after those of people that are over have gone: nobody sees them any more."""
    freezes = store.read().freezes
    for each in freezes:
        if rule.is_over(each, now) and each.who != DECLARED:
            store.remove_freeze(each.freeze_id)
    return [each for each in freezes if not rule.is_over(each, now)]


def _invalid(message: str) -> Refused:
    return Refused("InvalidInputException", message)

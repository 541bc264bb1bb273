"""How a deployment would go, as the API tells it: a summary, and the hosts one by one, page by page."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from functions.api import calendar_responses, responses, stage_responses
from functions.api.revision_responses import pinned_revision, revision
from functions.core.errors import Refused
from functions.core.planning import promises
from functions.core.planning.contents import SHOWN, Contents, RollbackEffect, runs_of_installed
from functions.core.planning.timetable import StageTime
from functions.core.records import Closed, Deployment, Target
from functions.core.records.traffic import balancers_of
from functions.core.rollout.analysis import rule_of
from functions.core.statuses import TargetStatus
from functions.engine.starting.outlook import Outlook

# What a page of hosts may take of Lambda's answer, 6 MB, in which the body is a JSON text once more.
PAGE_BYTES = 4_500_000
_MAX_SAID = 50  # warnings, and revisions that hosts have
_NOT_OURS = "nextToken: is not a token that this request returned, or the plan has changed since: ask again without it"


def outlook(found: Outlook, token: str | None, *, has_revision: bool) -> dict[str, Any]:
    """A PlanDeploymentOutput. `has_revision`: one with a location."""
    deployment, plan = found.plan.deployment, found.plan
    hosts = list(_hosts(found))
    page, after = _page(hosts, _mark(found), token)
    return {
        "canBegin": not found.errors,
        "errors": [{"code": each.code, "message": str(each)} for each in found.errors],
        "warnings": _few(list(found.warnings)),
        "revision": revision(deployment.revision) if has_revision else None,
        "pinnedRevision": pinned_revision(deployment.revision),
        "previousRevision": revision(deployment.previous_revision) if deployment.previous_revision else None,
        "contents": _contents(plan.contents) if plan.contents else None,
        "deploymentConfigName": deployment.settings.config.name,
        "healthyHosts": responses.healthy_hosts(deployment.counts) if deployment.counts.total else None,
        "mayFail": promises.may_fail(deployment) if deployment.counts.total else None,
        "promises": list(found.promises),
        "stages": _stages(found),
        "expectedSeconds": _expected(found),
        "hostsTimed": found.hosts_timed,
        "queuedBehind": found.way.holder,
        "closed": responses.closed(found.state) if isinstance(found.state, Closed) else None,
        **calendar_responses.calendar(found.calendar),
        "budgets": list(found.budgets),
        "loadBalancers": _load_balancers(found),
        "installed": _installed(found),
        "rollback": _rollback(found),
        "cost": responses.cost(found.cost),
        "hosts": page,
        "nextToken": after,
    }


def _few(said: list[str]) -> list[str]:
    more = len(said) - _MAX_SAID
    return [*said[:_MAX_SAID], *([f"and {more} more warnings"] if more > 0 else [])]


def _contents(record: Contents) -> dict[str, Any]:
    return {
        "scripts": [
            {
                "event": each.event.value,
                "location": each.location,
                "timeoutSeconds": each.timeout_seconds,
                "runAs": each.runs_as,
            }
            for each in record.scripts[:SHOWN]
        ],
        "scriptCount": len(record.scripts),
        "copies": [{"source": each.source, "destination": each.destination} for each in record.copies[:SHOWN]],
        "copyCount": len(record.copies),
        "permissionCount": record.permissions,
    }


def _stages(found: Outlook) -> list[dict[str, Any]]:
    deployment = found.plan.deployment
    times: Sequence[StageTime | None] = found.times or [None] * len(found.rounds)
    return [
        {
            **stage_responses.stage(stage, rule_of(deployment, stage)),
            "concurrency": size.places,
            "beginsAfterSeconds": round(time.begins) if time else None,
            "endsAfterSeconds": round(time.ends) if time else None,
        }
        for stage, size, time in zip(deployment.stages, found.sizes, times, strict=True)
    ]


def _expected(found: Outlook) -> int | None:
    """Seconds to the end of the last bake; approvals come besides."""
    if not found.times:
        return None
    return round(found.times[-1].ends) + found.plan.deployment.stages[-1].bake_seconds


def _load_balancers(found: Outlook) -> dict[str, Any] | None:
    checked = found.plan.checked
    if not checked.balancers:
        return None
    return {
        "loadBalancers": [each.id for each in checked.balancers],
        "blockSeconds": round(checked.block_seconds),
        "allowSeconds": round(checked.allow_seconds),
    }


def _installed(found: Outlook) -> list[dict[str, Any]]:
    """What the targets have now, most first."""
    installed = found.plan.installed
    counts = Counter(
        each.deployment_id for target in found.plan.targets if (each := installed.on(target.target_id)) is not None
    )
    return [_one_installed(found, installed.by[name], count) for name, count in counts.most_common(_MAX_SAID)]


def _one_installed(found: Outlook, by: Deployment, count: int) -> dict[str, Any]:
    return {
        "deploymentId": by.deployment_id,
        "revision": revision(by.revision),
        "pinnedRevision": pinned_revision(by.revision),
        "targetCount": count,
        "runs": runs_of_installed(by.revision.hooks),
        "isRemoved": not found.plan.deployment.is_restart,
        "isPlanned": by.revision.is_same(found.plan.deployment.revision),
        "isRollback": _is_rollback(found, by),
    }


def _is_rollback(found: Outlook, by: Deployment) -> bool:
    good = found.rollback.good
    return bool(good and good.revision and by.revision.is_same(good.revision))


def _rollback(found: Outlook) -> dict[str, Any]:
    good, deployment = found.rollback.good, found.plan.deployment
    return {
        "events": list(deployment.settings.auto_rollback),
        "deploymentId": good.deployment_id if good else None,
        "revision": revision(good.revision) if good and good.revision else None,
        "message": promises.rollback(deployment, found.rollback),
        "targetCount": sum(_effect(found, each) is RollbackEffect.RESTORES for each in found.plan.targets),
    }


def _effect(found: Outlook, target: Target) -> RollbackEffect | None:
    if found.rollback.good is None:
        return None
    by = found.plan.installed.on(target.target_id)
    return RollbackEffect.RESTORES if by and _is_rollback(found, by) else RollbackEffect.CHANGES


def _hosts(found: Outlook) -> Iterator[dict[str, Any]]:
    """In the order in which they begin; those that do not come last."""
    by_id = {each.target_id: each for each in found.plan.targets}
    for each in found.rounds:
        for order, name in enumerate(each.target_ids):
            yield _host(found, by_id.pop(name), each.number, order)
    for target in by_id.values():
        yield _host(found, target, None, None)


def _host(found: Outlook, target: Target, stage: int | None, order: int | None) -> dict[str, Any]:
    """A PlannedHost."""
    plan, contact = found.plan, found.plan.contacts.get(target.target_id)
    host, by = plan.installed.hosts.get(target.target_id), plan.installed.on(target.target_id)
    standing = plan.installed.standing(target.target_id, plan.deployment.revision)
    told = {
        "hostId": target.target_id,
        "name": target.name,
        "availabilityZone": target.zone,
        "autoScalingGroup": target.scaling_group,
        "isStandby": target.is_standby or None,
        "pingStatus": contact.ping if contact else None,
        "platformType": contact.platform if contact else None,
        "agentVersion": contact.agent if contact else None,
        "stage": stage,
        "order": order,
        "standing": standing.name,
        "deploymentId": host.deployment_id if host else None,
        "status": host.status if host else None,
        "outOfLoadBalancers": list(balancers_of(host.out_of)) or None if host else None,
        "stops": runs_of_installed(by.revision.hooks) or None if by else None,
        "rollback": _effect(found, target),
        "failure": responses.failure(target.failure)
        if target.failure and target.status is TargetStatus.FAILED
        else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _mark(found: Outlook) -> str:
    """What a token goes with: the hosts in their order, and what they get."""
    ids = [each.target_ids for each in found.rounds]
    return hashlib.sha256(repr((ids, found.plan.deployment.revision.sha256)).encode()).hexdigest()[:16]


def _page(hosts: list[dict[str, Any]], mark: str, token: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """As many hosts as an answer holds, and the token of the next page, which is asked for with the same members.
    Raises Refused for a token of another plan."""
    begin = _start(mark, token, len(hosts)) if token else 0
    left = PAGE_BYTES
    for number in range(begin, len(hosts)):
        text = json.dumps(hosts[number])
        left -= len(text) + text.count('"') + text.count("\\")
        if left < 0 and number > begin:
            return hosts[begin:number], f"{mark}-{number}"
    return hosts[begin:], None


def _start(mark: str, token: str, most: int) -> int:
    known, _, number = token.partition("-")
    if known != mark or not number.isdecimal() or int(number) >= most:
        raise Refused("InvalidNextTokenException", _NOT_OURS)
    return int(number)

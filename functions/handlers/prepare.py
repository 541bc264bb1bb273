"""Prepare: the first state. Pins and checks the revision, finds the targets, plans the stages, begins.

Everything that can be wrong is found here, before a host is touched: it becomes the deployment's failure or stop mark,
and Finish its end. A second call (the state is retried) plans the same again.
"""

from dataclasses import replace
from typing import Any

from functions.aws import alarms, clock, revisions, stopping, targets
from functions.aws.table import table
from functions.core import stages, stops, texts
from functions.core.errors import NotDeployable
from functions.core.health import HealthConstraintsInvalid
from functions.core.records import Deployment, Failure, Target
from functions.core.selection import new_targets
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from functions.telemetry import logger

MAX_TARGETS = 10_000


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    deployment = table().deployment(event["deployment_id"])
    if deployment is None or deployment.status.is_final or deployment.stop or _stopped_by_alarm(deployment):
        return {"deployment_id": event["deployment_id"], "proceed": False, "stages": []}
    try:
        planned = _plan(deployment)
    except NotDeployable as error:
        table().note_failure(deployment.deployment_id, Failure(code=error.code, message=str(error)))
        planned = []
    return {"deployment_id": deployment.deployment_id, "proceed": bool(planned), "stages": planned}


def _stopped_by_alarm(deployment: Deployment) -> bool:
    """An alarm that is in ALARM now, or cannot be read where that counts, stops the deployment."""
    watched = deployment.settings.alarms.watched
    if not watched:
        return False
    states, now = alarms.read(watched), clock.timestamp()
    if states.active:
        return stopping.stop(deployment, stops.by_alarms(states.active, now))
    if states.unreadable and not deployment.settings.alarms.ignore_poll_alarm_failure:
        return stopping.stop(deployment, stops.by_unreadable_alarms(states.unreadable, now))
    return False


def _plan(deployment: Deployment) -> list[dict[str, Any]]:
    """The stages as the state machine runs them; empty when too few targets can be reached. Raises NotDeployable."""
    if deployment.status is DeploymentStatus.CREATED:
        deployment, fleet = _begin(deployment)
    else:  # a retry after it had begun
        fleet = list(table().targets(deployment.deployment_id))
    counters = deployment.counters
    if counters.failed >= counters.allowed:
        return []
    return [
        revisions.write_manifest(deployment.deployment_id, stage)
        for stage in stages.plan(deployment, counters, fleet)
        if stage.target_ids
    ]


def _begin(deployment: Deployment) -> tuple[Deployment, list[Target]]:
    pinned = replace(deployment, revision=revisions.pin(deployment.revision))
    fleet = _fleet(pinned)
    try:
        begun = replace(pinned, counters=stages.count(pinned, fleet))
    except HealthConstraintsInvalid as error:
        raise NotDeployable(DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID, str(error)) from error
    table().begin(begun, fleet, clock.timestamp())
    return begun, fleet


def _fleet(deployment: Deployment) -> list[Target]:
    found = targets.select(deployment.settings.tag_groups)
    if not found:
        raise NotDeployable(DeploymentErrorCode.NO_INSTANCES, texts.no_instances(deployment.group_key))
    if len(found) > MAX_TARGETS:
        raise NotDeployable(
            DeploymentErrorCode.OVER_MAX_INSTANCES,
            f"The tags of {deployment.group_key} select {len(found)} instances, at most {MAX_TARGETS}: split it.",
        )
    reachable = targets.ping([instance.instance_id for instance in found])
    return new_targets(deployment.deployment_id, found, reachable, clock.timestamp())

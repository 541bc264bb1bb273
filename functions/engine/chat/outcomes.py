"""Outcomes: what the queue's messages tell of deployments, with what Slack wants to know besides."""

import json
from dataclasses import replace

from functions.aws.sqs import Received
from functions.core.chat.outcomes import MAX_CAUSES, Outcome
from functions.core.failures import shared
from functions.core.messages.announcements import State
from functions.core.place import Place
from functions.core.records import Deployment, SharedFailure
from functions.store.records import deployments, targets


def outcome_of(received: Received) -> Outcome:
    """The outcome that a message tells of, with the deployment as it is now. Raises KeyError, TypeError or ValueError
    for what is no such message."""
    event = json.loads(received.body)
    detail = event["detail"]
    deployment = deployments.get(detail["deploymentId"])
    if deployment is None:
        raise KeyError(detail["deploymentId"])
    found = Outcome(
        message_id=received.message_id,
        state=State(detail["state"]),
        moment=event["time"],
        place=Place.of(event["resources"][0]),
        deployment=deployment,
        going_back=rollback_of(deployment),
    )
    if found.is_over and deployment.counts.failed:
        return _with_causes(found)
    return found


def _with_causes(found: Outcome) -> Outcome:
    deployment_id, causes = found.deployment.deployment_id, causes_of(found.deployment)
    firsts = (targets.get(deployment_id, each.target_ids[0]) for each in causes[:MAX_CAUSES])
    return replace(
        found, deployment=replace(found.deployment, causes=causes), failed=tuple(each for each in firsts if each)
    )


def causes_of(deployment: Deployment) -> tuple[SharedFailure, ...]:
    """Why targets failed of one that is over."""
    if deployment.causes or not deployment.counts.failed:
        return deployment.causes
    return shared(targets.failed(deployment.deployment_id))  # an older engine kept none


def rollback_of(deployment: Deployment) -> Deployment | None:
    """The one that goes back from it; a rollback names itself there."""
    back = deployment.rollback and deployment.rollback.rollback_deployment_id
    return deployments.get(back) if back and back != deployment.deployment_id else None

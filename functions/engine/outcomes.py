"""Outcomes: what the queue's messages tell of deployments, with what Slack wants to know besides."""

import json
from dataclasses import replace

from functions.aws.sqs import Received
from functions.core.messages import slack
from functions.core.messages.announcements import Place, State
from functions.core.messages.slack import Outcome
from functions.store import deployments, targets


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
    )
    if found.is_over and deployment.counters.failed:
        failed = targets.failed(deployment.deployment_id, limit=slack.MOST_HOSTS)
        return replace(found, failed=tuple(failed))
    return found

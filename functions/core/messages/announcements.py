"""What is told of a change of status: the event on the engine's bus, and the messages of SNS triggers.

CodeDeploy has a word for four states of a deployment (START, SUCCESS, FAILURE, STOP) and three of an instance (START,
SUCCESS, FAILURE), so that Queued, InProgress and Skipped are told to nobody. START is the moment a deployment becomes
Created: a queued one when its turn comes; one that is refused or superseded has no START, because it never started.

Source: CodeDeploy User Guide, "JSON data formats for CodeDeploy triggers" and "Monitoring deployments with Amazon
CloudWatch Events"; the wire form of messages (JSON in strings, upper case, human times) as observed on real topics.
Instance messages follow the same form by analogy.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from functions.core.chat.amazon_q import Notification, custom_notification
from functions.core.limits import METADATA_KEY, METADATA_VALUE
from functions.core.messages import in_amazon_q, texts
from functions.core.messages.measures import is_rollback_start
from functions.core.place import Place
from functions.core.records import Deployment, Failure, RollbackInfo, SharedFailure, Target, TargetFailure, Trigger
from functions.core.records.traffic import balancers_of
from functions.core.rollout.analysis import decisive, stage_name
from functions.core.rollout.holds import approval_asked
from functions.core.statuses import DeploymentStatus, TargetStatus, TriggerEvent, TriggerFormat
from functions.core.text.plain_text import visible

DEPLOYMENT_CHANGE = "CodeDeploy Deployment State-change Notification"
INSTANCE_CHANGE = "CodeDeploy Instance State-change Notification"


_Told = tuple[str, Mapping[str, Any], Notification]  # the subject of messages, the body of CodeDeploy's, Amazon Q's
MAX_CAUSES, NAMED = 3, 3  # causes that a message tells, and targets of each that it names


class State(StrEnum):
    """`detail.state` of an event."""

    START = "START"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    STOP = "STOP"
    READY = "READY"


_DEPLOYMENT_STATES = {
    DeploymentStatus.CREATED: (State.START, TriggerEvent.DEPLOYMENT_START),
    DeploymentStatus.SUCCEEDED: (State.SUCCESS, TriggerEvent.DEPLOYMENT_SUCCESS),
    DeploymentStatus.FAILED: (State.FAILURE, TriggerEvent.DEPLOYMENT_FAILURE),
    DeploymentStatus.STOPPED: (State.STOP, TriggerEvent.DEPLOYMENT_STOP),
    DeploymentStatus.READY: (State.READY, TriggerEvent.DEPLOYMENT_READY),
}

_INSTANCE_STATES = {
    TargetStatus.IN_PROGRESS: (State.START, TriggerEvent.INSTANCE_START),
    TargetStatus.SUCCEEDED: (State.SUCCESS, TriggerEvent.INSTANCE_SUCCESS),
    TargetStatus.FAILED: (State.FAILURE, TriggerEvent.INSTANCE_FAILURE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BusEvent:
    """One event for the engine's bus; its source is the adapter's."""

    detail_type: str
    resources: tuple[str, ...]
    detail: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMessage:
    """One message for one SNS topic."""

    topic_arn: str
    subject: str
    message: str
    format: TriggerFormat = TriggerFormat.CODEDEPLOY


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Everything that is told of one change."""

    event: BusEvent
    messages: tuple[TriggerMessage, ...]


def of_deployment(deployment: Deployment, place: Place) -> Announcement | None:
    """What is told of a deployment that has just got its status; None when CodeDeploy has no word for it."""
    if deployment.status not in _DEPLOYMENT_STATES:
        return None
    state, trigger_event = _DEPLOYMENT_STATES[deployment.status]
    events = {trigger_event}
    if is_rollback_start(deployment):
        events.add(TriggerEvent.DEPLOYMENT_ROLLBACK)
    return Announcement(
        event=BusEvent(
            detail_type=DEPLOYMENT_CHANGE,
            resources=_resources(deployment, place),
            detail={
                **_detail(deployment, place, state),
                **_failed_hosts(deployment),
                **_analysis(deployment),
            },
        ),
        messages=_messages(deployment, events, lambda: _told_of_deployment(deployment, place)),
    )


def of_target(target: Target, deployment: Deployment, place: Place) -> Announcement | None:
    """What is told of a target of `deployment` that has just got its status; None when CodeDeploy has no word."""
    if target.status not in _INSTANCE_STATES:
        return None
    state, trigger_event = _INSTANCE_STATES[target.status]
    instance_arn = target.arn(place)
    return Announcement(
        event=BusEvent(
            detail_type=INSTANCE_CHANGE,
            resources=(instance_arn, *_resources(deployment, place)),
            detail={"instanceId": target.target_id, **_detail(deployment, place, state)},
        ),
        messages=_messages(deployment, {trigger_event}, lambda: _told_of_target(target, deployment, place)),
    )


def _told_of_deployment(deployment: Deployment, place: Place) -> _Told:
    status = _upper(deployment.status)
    body = {
        "region": place.region,
        "accountId": place.account,
        "eventTriggerName": "",  # each trigger's own name takes this place
        "applicationName": deployment.application,
        "deploymentId": deployment.deployment_id,
        "deploymentGroupName": deployment.group,
        "createTime": _human(deployment.create_time),
        "completeTime": _human(deployment.complete_time),
        "deploymentOverview": json.dumps(deployment.counts.overview),
        "status": status,
        **_error_information(deployment.failure),
        **_failed_hosts(deployment),
        **_causes(deployment.causes),
        "rollbackInformation": json.dumps(_rollback_information(deployment.rollback)),
        **_approval(deployment),
        **_analysis(deployment),
        **_bypass(deployment),
        **_metadata(deployment),
    }
    subject = texts.subject(status, deployment.deployment_id, place.region, deployment.application)
    return subject, body, in_amazon_q.of_deployment(deployment, place, subject)


def _told_of_target(target: Target, deployment: Deployment, place: Place) -> _Told:
    status, out_of = _upper(target.status), balancers_of(target.out_of)
    body = {
        "region": place.region,
        "accountId": place.account,
        "eventTriggerName": "",
        "deploymentId": target.deployment_id,
        "instanceId": target.arn(place),
        "lastUpdatedAt": _human(target.last_updated_at),
        "instanceStatus": status,
        "lifecycleEvents": json.dumps(
            [
                {
                    "LifecycleEvent": event.name,
                    "LifecycleEventStatus": event.status.value,
                    "StartTime": _human(event.start_time),
                    "EndTime": _human(event.end_time),
                }
                for event in target.events
            ]
        ),
        **({"failure": json.dumps(_failure(target.failure))} if target.failure else {}),
        **({"outOfLoadBalancers": json.dumps(out_of)} if target.status is TargetStatus.FAILED and out_of else {}),
        **_metadata(deployment),
    }
    subject = texts.subject(status, target.deployment_id, place.region, target.target_id)
    return subject, body, in_amazon_q.of_target(target, deployment, place, subject)


def _approval(deployment: Deployment) -> dict[str, str]:
    """After which stage a deployment waits for an approval, and who may give it."""
    if (asked := approval_asked(deployment)) is None:
        return {}
    stage, rule = asked
    told = {"afterStage": stage.name, "approvers": rule.approvers, "byAnother": rule.by_another}
    return {"approval": json.dumps(told)}


def _analysis(deployment: Deployment) -> dict[str, str]:
    """What the metrics said for which a deployment waits, or ended."""
    if (found := decisive(deployment)) is None:
        return {}
    told = {"afterStage": stage_name(deployment, found), "verdict": found.verdict, "reason": found.reason}
    return {"analysis": json.dumps(told)}


def _bypass(deployment: Deployment) -> dict[str, str]:
    """Who let the deployment past windows and freezes, and why."""
    given = deployment.bypass
    return {"bypass": json.dumps({"by": given.by, "time": given.at, "reason": given.why})} if given else {}


def _metadata(deployment: Deployment) -> dict[str, str]:
    """What the deployment is for; no member without it, as CodeDeploy's own messages have none."""
    shown = {
        visible(key[:METADATA_KEY]): visible(value[:METADATA_VALUE], keep="\n\t")
        for key, value in deployment.metadata.items()
    }
    return {"metadata": json.dumps(shown)} if shown else {}


def _detail(deployment: Deployment, place: Place, state: State) -> dict[str, str]:
    return {
        "application": deployment.application,
        "deploymentId": deployment.deployment_id,
        "deploymentGroup": deployment.group,
        "instanceGroupId": deployment.group_id,
        "region": place.region,
        "state": state.value,
        **_metadata(deployment),
    }


def _resources(deployment: Deployment, place: Place) -> tuple[str, ...]:
    return (
        place.arn("codedeploy", f"deploymentgroup:{deployment.group_key}"),
        place.arn("codedeploy", f"application:{deployment.application}"),
    )


def _messages(
    deployment: Deployment, events: set[TriggerEvent], tell: Callable[[], _Told]
) -> tuple[TriggerMessage, ...]:
    """One message to each trigger that asks for any of the events, in its form. Most groups have no trigger for most
    changes: for those nothing is built."""
    triggers = [each for each in deployment.settings.triggers if events.intersection(each.events)]
    if not triggers:
        return ()
    subject, body, amazon_q = tell()

    def text(trigger: Trigger) -> str:
        if trigger.format is TriggerFormat.AMAZON_Q:
            return custom_notification(amazon_q)
        return json.dumps({**body, "eventTriggerName": trigger.name})

    return tuple(
        TriggerMessage(topic_arn=trigger.topic_arn, subject=subject, message=text(trigger), format=trigger.format)
        for trigger in triggers
    )


def _error_information(failure: Failure | None) -> dict[str, str]:
    """The member is there only when there is an error."""
    if failure is None:
        return {}
    return {"errorInformation": json.dumps({"ErrorCode": failure.code.value, "ErrorMessage": failure.message})}


def _failed_hosts(deployment: Deployment) -> dict[str, str]:
    """What a success must not hide; the member is there only then."""
    counts, succeeded = deployment.counts, deployment.status is DeploymentStatus.SUCCEEDED
    hidden = texts.hosts_failed(counts.failed, counts.total) if succeeded else ""
    return {"failedHosts": hidden} if hidden else {}


def _causes(causes: Sequence[SharedFailure]) -> dict[str, str]:
    """Why targets failed; the member is there only when some did."""
    if not causes:
        return {}
    told = [
        {
            **_failure(each.failure),
            "TargetCount": each.count,
            "TargetIds": each.target_ids[:NAMED],
            **({"OutOfLoadBalancers": each.out_of} if each.out_of else {}),
        }
        for each in causes[:MAX_CAUSES]
    ]
    return {"causes": json.dumps(told)}


def _failure(failure: TargetFailure) -> dict[str, Any]:
    known = {
        "Cause": failure.cause.value,
        "LifecycleEvent": failure.event,
        "Script": failure.script_name,
        "ExitCode": failure.exit_code,
        "Signal": failure.signal,
        "Message": failure.message,
    }
    return {name: value for name, value in known.items() if value is not None}


def _rollback_information(rollback: RollbackInfo | None) -> dict[str, str]:
    if rollback is None:
        return {}
    known = {
        "RollbackMessage": rollback.rollback_message,
        "RollbackDeploymentId": rollback.rollback_deployment_id,
        "RollbackTriggeringDeploymentId": rollback.rollback_triggering_deployment_id,
    }
    return {name: value for name, value in known.items() if value is not None}


def _upper(status: DeploymentStatus | TargetStatus) -> str:
    """The status as messages spell it.

    >>> _upper(TargetStatus.IN_PROGRESS)
    'IN_PROGRESS'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status.value).upper()


def _human(moment: str | None) -> str | None:
    """A record's time as messages show it.

    >>> _human("2022-10-13T15:50:45.123Z")
    'Thu Oct 13 15:50:45 UTC 2022'
    """
    if moment is None:
        return None
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%a %b %d %H:%M:%S UTC %Y")

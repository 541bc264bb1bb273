"""Announcements for people in a chat, as custom notifications of Amazon Q Developer."""

from functions.core.chat.amazon_q import Notification
from functions.core.failures import sentence
from functions.core.messages import texts
from functions.core.messages.measures import seconds_taken
from functions.core.messages.revision_names import revision_name
from functions.core.messages.verdict import root_cause
from functions.core.place import Place
from functions.core.records import Deployment, Target
from functions.core.rollout.holds import approval_asked
from functions.core.statuses import DeploymentStatus

_EMOJI = {
    DeploymentStatus.CREATED: ":rocket:",
    DeploymentStatus.SUCCEEDED: ":white_check_mark:",
    DeploymentStatus.FAILED: ":x:",
    DeploymentStatus.STOPPED: ":octagonal_sign:",
    DeploymentStatus.READY: ":raised_hand:",
}


def of_deployment(deployment: Deployment, place: Place, subject: str) -> Notification:
    """`subject`: of the message, which sums it up."""
    status, counts = deployment.status, deployment.counts
    seconds = seconds_taken(deployment)
    asked = approval_asked(deployment)
    who = texts.approvers(asked[1].approvers) if asked else ""
    facts = [
        ("Revision", revision_name(deployment)),
        ("By", deployment.requested_by or deployment.creator),
        ("Approval by", who),
        ("Hosts", texts.ended(counts) if status.is_final and counts.total else ""),
        ("Took", f"{seconds:.0f} s" if seconds is not None else ""),
        ("Why", deployment.failure.message if deployment.failure else root_cause(deployment.causes)),
        *deployment.metadata.items(),
    ]
    verb = "approve" if status is DeploymentStatus.READY else "show" if status.is_final else "watch"
    return _notification(
        deployment,
        place,
        id=f"{deployment.deployment_id}:{status}",
        title=f"{_EMOJI.get(status, '')} {deployment.group_key} {status}, {subject}".strip(),
        facts=facts,
        steps=[f"`stepdeploy {verb} {deployment.deployment_id}`"],
        kind="Deployment",
        status=status.value,
        resources=[],
    )


def of_target(target: Target, deployment: Deployment, place: Place, subject: str) -> Notification:
    failure = target.failure
    return _notification(
        deployment,
        place,
        id=f"{target.deployment_id}:{target.target_id}:{target.status}",
        title=f"{deployment.group_key}: {target.name or target.target_id} {target.status}, {subject}",
        facts=[("Why", sentence(failure) if failure else "")],
        steps=[f"`stepdeploy logs {target.deployment_id} {target.target_id}`"],
        kind="Instance",
        status=target.status.value,
        resources=[target.arn(place)],
    )


def _notification(
    deployment: Deployment,
    place: Place,
    *,
    id: str,
    title: str,
    facts: list[tuple[str, str]],
    steps: list[str],
    kind: str,
    status: str,
    resources: list[str],
) -> Notification:
    group = place.arn("codedeploy", f"deploymentgroup:{deployment.group_key}")
    return Notification(
        id=id,
        thread=deployment.deployment_id,
        title=title,
        facts=facts,
        next_steps=steps,
        keywords=[deployment.application, deployment.group, status],
        event_type=f"{kind}{status}",
        resources=[*resources, group],
        context={
            "application": deployment.application,
            "deploymentGroup": deployment.group,
            "deploymentId": deployment.deployment_id,
            "account": place.account,
            "region": place.region,
        },
    )

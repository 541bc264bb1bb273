"""Sentences that must read as CodeDeploy's, because people and programs know them.

Source: messages of the service as observed on real topics.
"""

from collections.abc import Sequence

from functions.core.limits import NAMES
from functions.core.plain_text import listed


def subject(status: str, deployment_id: str, region: str, application_or_instance: str) -> str:
    """Subject of an SNS trigger message; SNS allows at most 100 ASCII characters.

    >>> subject("FAILED", "d-A1B2C3111", "eu-west-1", "shop")
    'FAILED: AWS CodeDeploy d-A1B2C3111 in eu-west-1 to shop'
    """
    text = f"{status}: AWS CodeDeploy {deployment_id} in {region} to {application_or_instance}"
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)[:100]


STOPPING = "No more commands will be scheduled for execution in the deployment instances"


def alarms_activated(names: Sequence[str]) -> str:
    """errorInformation of a deployment that alarms stopped."""
    return (
        "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the"
        f" affected deployments have been stopped. Activated alarms: {listed(list(names), NAMES, ' ')}"
    )


def rollback_triggered(failed_id: str, rollback_id: str) -> str:
    """rollbackMessage of a deployment that is rolled back."""
    return f"Deployment {failed_id} terminated. Automatic rollback is triggered with a DeploymentId {rollback_id}."


def rolls_back(rollback_id: str, failed_id: str) -> str:
    """rollbackMessage of a rollback."""
    return f"Deployment {rollback_id} is triggered to roll back deployment {failed_id}."


def busy(group: str, active_id: str) -> str:
    """DeploymentLimitExceededException: a group that already deploys."""
    return f"The Deployment Group '{group}' already has an active Deployment '{active_id}'"


def not_allowed(application: str, group: str, principal: str | None) -> str:
    who = principal or "Somebody whom the engine cannot identify (an upload, or a call of a function)"
    remedy = "deploy by the control API as one of the group's allowedPrincipals, or add this one to them"
    return f"{who} may not deploy to {application}/{group}: {remedy}."


def no_such_instances(group_key: str, ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")
    return f"Not among the instances of {group_key}: {shown}. Name running instances that the group's tags select."


def no_instances(group_key: str, tags: str = "ec2TagSet") -> str:
    """errorInformation NO_INSTANCES; CodeDeploy's opening, our remedy. `tags`: what says which instances."""
    return (
        f"The deployment failed because no instances were found for your deployment group {group_key}:"
        f" no running or stopped EC2 instance has the tags of its {tags}."
    )

"""Sentences that must read as CodeDeploy's, because people and programs know them.

Source: public messages of the service ("observed"); where only the meaning is known the docstring says so.
"""

from collections.abc import Iterable


def alarm_active(alarm_names: Iterable[str]) -> str:
    """`errorInformation.message` of ALARM_ACTIVE.

    >>> alarm_active(["a", "b"]).partition("stopped. ")[2]
    'Activated alarms: <a> <b>'
    """
    names = " ".join(f"<{name}>" for name in alarm_names)
    return (
        "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected,"
        f" and the affected deployments have been stopped. Activated alarms: {names}"
    )


def group_busy(group: str, deployment_id: str) -> str:
    """DeploymentLimitExceededException."""
    return f"The Deployment Group '{group}' already has an active Deployment '{deployment_id}'"


def no_instances() -> str:
    """`errorInformation.message` of NO_INSTANCES; its end is our own."""
    return (
        "The deployment failed because no instances were found for your deployment group."
        " Check your deployment group settings to make sure the tags for your instances are correct."
    )


def stopped() -> str:
    """`statusMessage` of StopDeployment while events still run."""
    return "No more commands will be scheduled for execution in the deployment instances"


def rollback_triggered(deployment_id: str, rollback_id: str) -> str:
    """`rollbackMessage` of the deployment that is rolled back."""
    return f"Deployment {deployment_id} terminated. Automatic rollback is triggered with a DeploymentId {rollback_id}."


def rollback_of(rollback_id: str, deployment_id: str) -> str:
    """`rollbackMessage` of the rollback."""
    return f"Deployment {rollback_id} is triggered to roll back deployment {deployment_id}."


def subject(status: str, deployment_id: str, region: str, application_or_instance: str) -> str:
    """Subject of an SNS trigger message; SNS allows at most 100 ASCII characters.

    >>> subject("FAILED", "d-A1B2C3111", "eu-west-1", "shop")
    'FAILED: AWS CodeDeploy d-A1B2C3111 in eu-west-1 to shop'
    """
    text = f"{status}: AWS CodeDeploy {deployment_id} in {region} to {application_or_instance}"
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)[:100]

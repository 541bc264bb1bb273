"""ARNs of the engine's things, in CodeDeploy's form (Service Authorization Reference, "AWS CodeDeploy")."""

from functions.api.operations import Caller
from functions.settings import settings


def own(caller: Caller) -> str:
    """How every ARN of this account and Region begins: `arn:aws:codedeploy:us-east-1:123456789012:`."""
    _, partition, _, _, account, _ = caller.arn.split(":", 5)
    return f"arn:{partition}:codedeploy:{settings().region}:{account}:"

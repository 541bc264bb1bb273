"""Secrets whose value only a person can get, from somebody else."""

from aws_cdk import SecretValue
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from infra.checks.nag import acknowledge

UNSET = "{}"  # a secret's value until somebody puts another into it


def unset_secret(scope: Construct, id: str, *, description: str, why_no_rotation: str) -> str:
    """The ARN of a secret that holds nothing yet."""
    secret = secrets.Secret(
        scope,
        id,
        description=description,
        # CloudFormation writes it again only when the template changes, so put-secret-value lasts.
        secret_string_value=SecretValue.unsafe_plain_text(UNSET),
    )
    acknowledge(secret, "SMG4", why_no_rotation)
    resource = secret.node.default_child
    assert isinstance(resource, secrets.CfnSecret)  # noqa: S101  # narrows jsii's IConstruct
    return resource.attr_id

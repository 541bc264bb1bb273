"""Secrets that people put into Secrets Manager by hand; the stack makes them without one."""

from functions.aws.clients import client


def text(secret_arn: str) -> str:
    """What the secret holds, "" if nothing."""
    secrets = client("secretsmanager")
    try:
        return str(secrets.get_secret_value(SecretId=secret_arn).get("SecretString", "")).strip()
    except secrets.exceptions.ResourceNotFoundException:  # a secret without a value
        return ""

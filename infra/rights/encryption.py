"""A key of the account's own at rest (`-c kmsKeyArn=...`): what it asks of who reads and writes.

S3, SQS, SNS and DynamoDB use the key with the rights of their caller. Sources: S3 User Guide, "Using server-side
encryption with AWS KMS keys"; SQS Developer Guide, "Key management"; SNS Developer Guide, "Managing Amazon SNS
encryption keys and costs"; DynamoDB Developer Guide, "DynamoDB encryption at rest: usage notes" (the actions are
those that CDK's Table.grant... adds). What services do by themselves, the key's policy allows (docs/encryption.md).
"""

from collections.abc import Iterable

_DECRYPT, _BOTH = ("kms:Decrypt",), ("kms:Decrypt", "kms:GenerateDataKey")
_OF_TABLE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
_NEEDED = {
    "s3:GetObject": _DECRYPT,
    "s3:GetObjectVersion": _DECRYPT,
    "s3:PutObject": _BOTH,
    "sqs:ReceiveMessage": _DECRYPT,
    "sqs:SendMessage": _BOTH,
    "sns:Publish": _BOTH,
}
SERVICES_OF_POLICY = ("cloudwatch.amazonaws.com", "events.amazonaws.com")  # alarms to a topic, rules to queues


def key_actions(actions: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What a caller of these actions needs on the key, by the service that uses it for him.

    >>> key_actions(["sqs:ReceiveMessage", "sqs:DeleteMessage", "ssm:SendCommand"])
    {'sqs': ('kms:Decrypt',)}
    """
    found: dict[str, set[str]] = {}
    for action in actions:
        service = action.partition(":")[0]
        needed = _OF_TABLE if service == "dynamodb" else _NEEDED.get(action, ())
        if needed:
            found.setdefault(service, set()).update(needed)
    return {service: tuple(sorted(needed)) for service, needed in found.items()}


def via(service: str, region: str) -> dict[str, dict[str, str]]:
    """The condition that it is this service that uses the key; in China its name has another end."""
    return {"StringLike": {"kms:ViaService": f"{service}.{region}.amazonaws.com*"}}

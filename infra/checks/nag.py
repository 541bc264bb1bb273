"""cdk-nag's findings that we answer for: each on one resource, each with its own reason, beside the resource."""

from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accepts one finding of AwsSolutionsChecks on one construct, e.g. rule "S1"."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason))


def acknowledge_wildcard(construct: IConstruct, arn: str, reason: str) -> None:
    """Accepts that a policy of the construct names this one ARN with a `*` in it."""
    acknowledge(construct, f"IAM5[Resource::{spelled(Stack.of(construct).resolve(arn))}]", reason)


def spelled(value: Any) -> str:
    """A resolved ARN as cdk-nag spells it: references in angle brackets.

    >>> spelled({"Fn::Join": ["", [{"Fn::GetAtt": ["Revisions", "Arn"]}, "/*"]]})
    '<Revisions.Arn>/*'
    """
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(spelled(part) for part in parts)
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::Sub": str(text)}:
            return text.replace("${", "<").replace("}", ">")
    return str(value)

"""CloudFormation: answers to it, by one PUT to a pre-signed URL, and whether a stack still has a resource.

Sources: AWS CloudFormation User Guide, "Custom resource response objects", "DeletionPolicy attribute"; API model
2010-05-15 (DescribeStackResource, which knows deleted stacks for 90 days; ResourceStatus).
"""

import json
from collections.abc import Mapping
from typing import Any

from functions.aws.clients import client

_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_MAX_REASON = 800  # characters; the whole answer may have 4,096 bytes
_TRIES = 5
_LEFT = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})  # skipped: its deletion policy retains it


def has_left(stack_id: str, logical_id: str) -> bool:
    """Whether CloudFormation says that a stack has a resource no more: it is deleted or was let go, or the stack is
    gone. Only then: what it does not tell, as of a stack of another account, may still be there."""
    from botocore.exceptions import ClientError

    try:
        found = client("cloudformation").describe_stack_resource(StackName=stack_id, LogicalResourceId=logical_id)
    except ClientError as error:
        told = error.response["Error"]
        if told["Code"] == "ValidationError" and "does not exist" in told["Message"]:
            return True
        if told["Code"] in _DENIED:
            return False
        raise
    return found["StackResourceDetail"]["ResourceStatus"] in _LEFT


def answer(
    event: dict[str, Any], resource_id: str, *, error: str | None = None, data: Mapping[str, str] | None = None
) -> None:
    """Report success, or failure with `error` as the reason. Raises when CloudFormation cannot be reached.

    `data`: the resource's attributes, as the template gets them.
    """
    from urllib3 import PoolManager, Retry, Timeout

    body = {
        "Status": "FAILED" if error else "SUCCESS",
        "Reason": (error or "")[:_MAX_REASON],
        "PhysicalResourceId": resource_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        **({"Data": dict(data)} if data else {}),
    }
    # The URL is signed for a request without a content type.
    response = PoolManager(timeout=Timeout(connect=5, read=10)).request(
        "PUT",
        event["ResponseURL"],
        body=json.dumps(body, ensure_ascii=False).encode(),
        headers={"Content-Type": ""},
        retries=Retry(_TRIES, backoff_factor=0.5, status_forcelist=[500, 502, 503], allowed_methods=["PUT"]),
    )
    if response.status >= 300:
        raise OSError(f"CloudFormation's response URL answered {response.status}")

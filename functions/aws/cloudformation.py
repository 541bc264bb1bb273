"""Answering CloudFormation: a custom resource's function reports by one PUT to a pre-signed URL.

Source: AWS CloudFormation User Guide, "Custom resource response objects".
"""

import json
from collections.abc import Mapping
from typing import Any

_MAX_REASON = 800  # characters; the whole answer may have 4,096 bytes
_TRIES = 5


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

"""boto3 clients, made on first use and kept for the life of the function."""

from functools import cache
from typing import Any


@cache
def client(service: str) -> Any:
    """The client of one service, e.g. `client("dynamodb")`.

    Standard retries (3 tries) cover passing faults; whatever outlives them is retried by the state machine or the
    event source, which know better how long to wait.
    """
    import boto3
    from botocore.config import Config

    # SigV4 and the regional S3 host, so that presigned URLs work in every region and with SSE-KMS.
    s3 = {"addressing_style": "path" if _is_local() else "virtual"}
    config = Config(retries={"mode": "standard", "max_attempts": 3}, signature_version=None, s3=s3)
    return boto3.client(service, config=config)


def _is_local() -> bool:
    import os

    return "AWS_ENDPOINT_URL" in os.environ

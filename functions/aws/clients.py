"""boto3 clients, made on first use and kept for the life of the function."""

from functools import cache
from typing import Any


@cache
def client(service: str) -> Any:
    """The client of one service, e.g. `client("dynamodb")`.

    Standard retries (3 tries) cover passing faults; whatever outlives them is retried by the state machine or the
    event source, which know better how long to wait. The time-outs keep a call that hangs within a function's minute.
    """
    import boto3
    from botocore.config import Config

    # Presigned URLs are SigV4 in every region, as encryption with KMS demands; botocore would still choose SigV2.
    signature = "s3v4" if service == "s3" else None
    config = Config(
        retries={"mode": "standard", "max_attempts": 3},
        connect_timeout=3,
        read_timeout=15,
        signature_version=signature,
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]

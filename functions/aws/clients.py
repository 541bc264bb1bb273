"""boto3 clients: the one place where they are made, on first use, and kept for the life of the function.

Whatever talks to AWS asks here, so that a test can put something else in a service's place: in `stand_ins`.
"""

from copy import deepcopy
from functools import cache
from typing import Any

_USUAL: dict[str, Any] = {
    "retries": {"mode": "standard", "max_attempts": 3},
    "connect_timeout": 3,
    "read_timeout": 15,
}
_CONFIGS: dict[str, dict[str, Any]] = {
    # Presigned URLs are SigV4 everywhere, as encryption with KMS demands, and name the bucket's region: botocore would
    # still choose SigV2, and the global endpoint, which sends a host on to a place that its signature is not for. In
    # us-east-1 botocore calls the global one unless it is told; an interface endpoint of S3 has no such name.
    "s3": {
        "signature_version": "s3v4",
        "s3": {"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    },
    # No retries: a send that is throttled slows the pace, one whose answer is lost may have been taken, and what is not
    # read now the watch reads. Whoever has to be patient says so (`weather.patiently`).
    "ssm": {"retries": {"mode": "standard", "max_attempts": 1}},
    # It is asked for much at once, by a function that has a minute and more tries of its own.
    "cloudwatch": {"read_timeout": 8},
    # A commit of thousands of files is as many requests, of which CodeCommit throttles some.
    "codecommit": {"retries": {"mode": "adaptive", "max_attempts": 10}, "max_pool_connections": 16},
    # Gives up early: what SNS does not take now waits in a queue.
    "sns": {"connect_timeout": 2, "read_timeout": 5, "retries": {"mode": "standard", "max_attempts": 2}},
}


LENT = "md/credentials#lent"  # in the user agent of who acts by another one's credentials
stand_ins: dict[str, Any] = {}  # by the name of the service whose client they are instead


def client(service: str) -> Any:
    """The client of one service, e.g. `client("sns")`."""
    return stand_ins[service] if service in stand_ins else made(service)


def client_of(service: str, access_key_id: str, secret_access_key: str, session_token: str | None) -> Any:
    """A client that acts by credentials which somebody has lent; it is not kept."""
    if service in stand_ins:
        return stand_ins[service].lent(access_key_id, secret_access_key, session_token)
    import boto3
    from botocore.config import Config

    return boto3.client(  # type: ignore[call-overload]
        service,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        aws_session_token=session_token,
        config=Config(**configuration(service), user_agent_extra=LENT),
    )


@cache
def made(service: str) -> Any:
    """boto3's client of one service.

    Standard retries (3 tries) cover passing faults; whatever outlives them is retried by the state machine or the
    event source, which know better how long to wait: a client that waits longer would run into its function's time-out,
    which looks like a crash. The time-outs keep a call that hangs within a function's minute.
    """
    import boto3
    from botocore.config import Config

    return boto3.client(service, config=Config(**configuration(service)))  # type: ignore[call-overload]


def configuration(service: str) -> dict[str, Any]:
    """How the client of a service is set: a copy, because botocore changes what it is given."""
    return deepcopy(_USUAL | _CONFIGS.get(service, {}))

"""The host's runner: it comes with the functions' own package, and hosts fetch it from the revision bucket.

In the package it needs no other bucket: a function may be unable to read the bootstrap bucket (a customer-managed key),
and hosts may be unable to reach it (an endpoint's policy).
"""

import hashlib
from pathlib import Path

from functions.aws import bucket
from functions.aws.clients import client
from functions.core.errors import InvalidInput
from functions.core.revision import runner_key
from functions.settings import settings
from host.instructions import Runner

PACKAGED = Path(__file__).resolve().parents[2] / "runner.pyz"  # infra/bundle.py


def publish(sha256: str) -> None:
    """Put the runner where hosts fetch it. Raises InvalidInput when this package has another one."""
    body = PACKAGED.read_bytes()
    if (found := hashlib.sha256(body).hexdigest()) != sha256:
        raise InvalidInput(f"the package has the runner {found}, not {sha256}: deploy again")
    client("s3").put_object(Bucket=settings().bucket_name, Key=runner_key(sha256), Body=body)


def location() -> Runner:
    """Where a host gets the runner, and what its bytes must be."""
    here = settings()
    return Runner(url=bucket.presigned(here.bucket_name, runner_key(here.runner_sha256)), sha256=here.runner_sha256)

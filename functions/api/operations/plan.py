"""Planning a deployment: how one would go that CreateDeployment would make of the same members. Nothing is written.

A function of its own answers it, which may only read (functions/handlers/plan.py).
"""

from collections.abc import Callable
from typing import Any

from functions.api import plan_responses
from functions.api.operations import Caller
from functions.api.operations.create_deployment import is_restart, request_of, revision_of
from functions.aws import bucket
from functions.aws.bucket import Examined
from functions.core.errors import Refused
from functions.core.records import Deployment, Revision
from functions.core.statuses import BundleType
from functions.engine.starting.outlook import look_ahead
from functions.settings import settings

MAX_EXAMINED_BYTES = 128 * 1024**2  # of an archive: to read and check it is a part of the 30 seconds of an answer


def plan_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Without a revision: what can be told of the group alone."""
    if "revision" in given and "localRevision" in given:
        raise Refused("InvalidInputException", "revision and localRevision: give one of the two")
    revision, examine = (None, _examine) if is_restart(given) else _revision(given)
    found = look_ahead(request_of(given, caller, revision), examine, send_rate=settings().ssm_send_rate)
    return plan_responses.outlook(found, given.get("nextToken"), has_revision="revision" in given or is_restart(given))


Examine = Callable[[Deployment], Examined]


def _revision(given: dict[str, Any]) -> tuple[Revision | None, Examine]:
    """What would be deployed, and how to find out what is in it."""
    if "revision" in given:
        return revision_of(given), _examine
    if "localRevision" not in given:
        return _NO_REVISION, lambda deployment: Examined(revision=deployment.revision)
    local = given["localRevision"]
    if missing := [each for each in ("appSpec", "sha256") if each not in local]:
        raise Refused("InvalidInputException", f"localRevision.{missing[0]}: is missing")
    revision = Revision(
        bucket="", key="", bundle_type=BundleType.ZIP, sha256=local["sha256"], size=local.get("size", 0)
    )
    return revision, lambda deployment: bucket.read_appspec(deployment.revision, local["appSpec"])


_NO_REVISION = Revision(bucket="", key="", bundle_type=BundleType.ZIP)


def _examine(deployment: Deployment) -> Examined:
    return bucket.examine(deployment.revision, MAX_EXAMINED_BYTES)

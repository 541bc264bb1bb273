"""The instructions of a segment: what the host runner is told, as the Run Command document's one parameter.

They are signed as a whole (functions/aws/kms.py). A host takes them only if they name this host, its document's
runner and a time that has not passed, so that a copy is of no use elsewhere or later; within that time, the journal on
the host runs nothing twice.
"""

import base64
import json
from typing import Any

from functions.core.records import Deployment
from host.lifecycle import STEP_SECONDS, LifecycleEvent

VERSION = 1
HOST_WAIT_SECONDS = 20  # on the host, while another deployment has it; then the engine knows, shows it, and asks again


def instructions(
    deployment: Deployment,
    target_id: str,
    *,
    events: tuple[LifecycleEvent, ...],
    expires_at: int,
    runner: dict[str, str],
    bundle_url: str,
    logs: dict[str, Any],
) -> dict[str, Any]:
    """Everything a host needs for one segment; `host/__main__.py` reads it.

    `expires_at`: in seconds since the epoch. A host starts no event after it (host/bootstrap.py).
    """
    revision, settings = deployment.revision, deployment.settings
    return {
        "version": VERSION,
        "runner": runner,
        "deployment": {
            "deployment_id": deployment.deployment_id,
            "deployment_group_id": deployment.group_id,
            "deployment_group_name": deployment.group,
            "application_name": deployment.application,
            "creator": deployment.creator.value,
            "deployment_type": "IN_PLACE",
        },
        "target_id": target_id,
        "events": [event.value for event in events],
        "host_wait_seconds": HOST_WAIT_SECONDS,
        "expires_at": expires_at,
        "bundle": {
            "url": bundle_url,
            "sha256": revision.sha256,
            "size": revision.size,
            "type": revision.bundle_type.value,
            "bucket": revision.bucket,
            "key": revision.key,
            "version": revision.version,
            "etag": revision.etag,
            "commit": revision.github.commit if revision.github else None,
        },
        "appspec_filename": "appspec.yml",
        "file_exists_behavior": settings.file_exists_behavior.value,
        "ignore_application_stop_failures": settings.ignore_application_stop_failures,
        "logs": logs,
    }


def longest_seconds(events: tuple[LifecycleEvent, ...]) -> int:
    """How long a segment can take once it is delivered: after that SSM itself has ended its last step."""
    return len(events) * STEP_SECONDS


def encode(told: dict[str, Any]) -> str:
    """Base64 of the JSON: only letters that a shell leaves alone, as the document's allowedPattern demands."""
    return base64.b64encode(json.dumps(told, separators=(",", ":")).encode()).decode()

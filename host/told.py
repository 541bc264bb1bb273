"""The instructions of a segment, as the control plane writes them (functions/core/instructions.py)."""

import base64
import json
from typing import Any, Dict, NamedTuple, Optional, Tuple

from host.appspec import FileExistsBehavior

VERSION = 1


class Bundle(NamedTuple):
    """The revision: where to get it, and what its bytes must be."""

    url: str
    sha256: str
    size: int
    type: str
    bucket: str
    key: str
    version: Optional[str]
    etag: Optional[str]
    commit: Optional[str] = None  # on GitHub, where the revision comes from


class Told(NamedTuple):
    """Everything the control plane tells a host for one segment."""

    deployment_id: str
    deployment_group_id: str
    deployment_group_name: str
    application_name: str
    bundle: Bundle
    appspec_filename: str
    file_exists_behavior: FileExistsBehavior
    ignore_application_stop_failures: bool
    logs: Optional[Dict[str, Any]]
    events: Tuple[str, ...] = ()  # of the segment, in their order
    host_wait_seconds: int = 0  # for which the first step waits while another deployment has the host

    @classmethod
    def decode(cls, text: str) -> "Told":
        """Raises ValueError for what is not base64 of instructions of this version."""
        told = json.loads(base64.b64decode(text, validate=True))
        if told.get("version") != VERSION:
            raise ValueError(
                "instructions of version {}: this runner reads version {}".format(told.get("version"), VERSION)
            )
        deployment, bundle = told["deployment"], told["bundle"]
        return cls(
            deployment_id=_name(deployment["deployment_id"]),
            deployment_group_id=_name(deployment["deployment_group_id"]),
            deployment_group_name=deployment["deployment_group_name"],
            application_name=deployment["application_name"],
            bundle=Bundle(**{name: bundle.get(name) for name in Bundle._fields}),
            appspec_filename=told["appspec_filename"],
            file_exists_behavior=FileExistsBehavior(told["file_exists_behavior"]),
            ignore_application_stop_failures=told["ignore_application_stop_failures"],
            logs=told.get("logs"),
            events=tuple(told["events"]),
            host_wait_seconds=told["host_wait_seconds"],
        )


def _name(text: str) -> str:
    """An id becomes a folder's name."""
    if not text or "/" in text or text.startswith("."):
        raise ValueError("{!r} cannot be an id".format(text))
    return text

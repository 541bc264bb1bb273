"""The instructions of a segment: what the engine writes and a host reads, the document's one parameter.

They are signed as a whole. A host takes them only if they name this host, its document's runner and a time that has not
passed (host/bootstrap.py), so that a copy is of no use elsewhere or later; within that time, the journal on the host
runs nothing twice.
"""

import base64
import json
from typing import Any, Dict, NamedTuple, Optional, Tuple

from host.appspec import FileExistsBehavior as FileExistsBehavior

VERSION = 2
_NEWER = ("drain", "is_restart")  # members that an older engine of the same version does not send


class Runner(NamedTuple):
    """Where a host gets the runner, and what its bytes must be."""

    url: str
    sha256: str


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


class Logs(NamedTuple):
    """The presigned POST by which a host puts its logs away."""

    url: str
    fields: Dict[str, str]
    key_prefix: str


class Drain(NamedTuple):
    """What a host waits for that was taken out of its load balancers: the last requests on these ports."""

    ports: Tuple[int, ...]
    at_least: int  # seconds for which new requests may still come
    at_most: int  # seconds after which connections are left to break


class Instructions(NamedTuple):
    """Everything the engine tells a host for one segment."""

    deployment_id: str
    deployment_group_id: str
    deployment_group_name: str
    application_name: str
    bundle: Bundle
    appspec_filename: str
    file_exists_behavior: FileExistsBehavior
    ignore_application_stop_failures: bool
    logs: Optional[Logs]
    events: Tuple[str, ...] = ()  # of the segment, in their order
    host_wait_seconds: int = 0  # for which the first step waits while another deployment has the host
    target_id: str = ""  # the host; this and what follows is verified before anything else is read
    runner: Optional[Runner] = None
    expires_at: int = 0  # in seconds since the epoch: a host starts no segment after it
    drain: Optional[Drain] = None  # before the first event; an older engine sends none
    is_restart: bool = False  # of the revision that is installed, from which all events run; an older engine sends none

    def encode(self) -> str:
        """Base64 of the JSON: only letters that a shell leaves alone, as the document's allowedPattern demands."""
        plain = {name: _plain(value) for name, value in self._asdict().items()}
        told = json.dumps({"version": VERSION, **plain}, separators=(",", ":"))
        return base64.b64encode(told.encode()).decode()

    @classmethod
    def decode(cls, text: str) -> "Instructions":
        """Raises ValueError, KeyError or TypeError for what is not base64 of instructions of this version."""
        told = json.loads(base64.b64decode(text, validate=True))
        if told.get("version") != VERSION:
            raise ValueError(
                "instructions of version {}: this runner reads version {}".format(told.get("version"), VERSION)
            )
        drain = told.get("drain")
        found = {name: told[name] for name in cls._fields if name not in _NEWER}
        found.update(
            deployment_id=_name(told["deployment_id"]),
            deployment_group_id=_name(told["deployment_group_id"]),
            bundle=Bundle(**told["bundle"]),
            file_exists_behavior=FileExistsBehavior(told["file_exists_behavior"]),
            logs=Logs(**told["logs"]) if told["logs"] else None,
            events=tuple(told["events"]),
            runner=Runner(**told["runner"]) if told["runner"] else None,
            drain=Drain(**{**drain, "ports": tuple(drain["ports"])}) if drain else None,
            is_restart=bool(told.get("is_restart")),
        )
        return cls(**found)


def _plain(value: Any) -> Any:
    return value._asdict() if isinstance(value, (Bundle, Drain, Logs, Runner)) else value


def _name(text: str) -> str:
    """An id becomes a folder's name."""
    if not text or "/" in text or text.startswith("."):
        raise ValueError("{!r} cannot be an id".format(text))
    return text

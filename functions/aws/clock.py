"""The clock and chance: the only places where the engine asks for the time or a random number."""

import secrets
import string
import uuid
from datetime import UTC, datetime

_ALPHABET = string.ascii_uppercase + string.digits


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime | None = None) -> str:
    """A moment as the records hold it: "2026-11-23T03:35:54.123Z"."""
    return (moment or now()).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def jittered(seconds: int) -> int:
    """About so many whole seconds, at least one: those who wait for the same do not come back together."""
    return max(1, round(seconds * (70 + secrets.randbelow(61)) / 100))


def deployment_id() -> str:
    """A new deployment id: d- and nine of A-Z, 0-9 (CodeDeploy's form)."""
    return "d-" + "".join(secrets.choice(_ALPHABET) for _ in range(9))


def new_uuid() -> str:
    """The id of what CodeDeploy knows by a UUID."""
    return str(uuid.uuid4())


def arn_suffix() -> str:
    """Ten of A-Z, 0-9, by which the ARN of a registered instance differs from those of its name before it."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))

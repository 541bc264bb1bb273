"""What a person asks of a function directly, by `aws lambda invoke`."""

from collections.abc import Mapping
from typing import Any

from functions.api.requests import fields
from functions.core.errors import InvalidInput
from functions.core.new_deployment import Overrides
from functions.core.records import Revision
from functions.core.revision import bundle_type
from functions.core.statuses import OnBusy
from functions.engine.starting.create import Request, known_config


def deployment(event: Mapping[str, Any], bucket: str) -> Request:
    """A deployment of an object of the revision bucket. Raises InvalidInput.

    `on_busy` says what becomes of it while the group is busy, else the group does.
    """
    application, group, key = fields.needed(event, "application", "group", "key")
    on_busy = fields.text(event, "on_busy")
    if on_busy and on_busy not in set(OnBusy):
        raise InvalidInput(f"on_busy {on_busy!r}: give one of {', '.join(OnBusy)}")
    config = fields.text(event, "deployment_config")
    return Request(
        application=application,
        group=group,
        revision=Revision(
            bucket=bucket,
            key=key,
            version=fields.text(event, "version"),
            bundle_type=bundle_type(key),
        ),
        requested_by=fields.text(event, "requested_by") or "a person",
        on_busy=OnBusy(on_busy) if on_busy else None,
        description=fields.text(event, "description"),
        metadata=fields.texts(event, "metadata"),
        own=Overrides(config=known_config(config) if config else None),
    )

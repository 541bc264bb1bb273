"""The outbox: what is to be told of the changes that the table's stream brings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from functions.aws.stream import Change, changes
from functions.aws.table import table
from functions.core import announcements
from functions.core.announcements import Announcement, Place
from functions.core.records import Deployment
from functions.telemetry import logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A change, and what is told of it."""

    sequence_number: str
    moment: datetime
    announcement: Announcement
    deployment: Deployment | None  # None: the change is a target's


def read(event: dict[str, Any]) -> tuple[list[Told], str | None]:
    """What is to be told, up to the first record that cannot be read, and that record's sequence number."""
    told: list[Told] = []
    deployment = cache(_deployment)  # one read for all targets of a deployment in this batch
    for change in changes(event):
        try:
            each = _tell(change, deployment)
        except (LookupError, TypeError, ValueError):  # written by another version: the records before it need not wait
            logger.exception("a record cannot be read", sequence_number=change.sequence_number)
            return told, change.sequence_number
        if each:
            told.append(each)
    return told, None


def _tell(change: Change, deployment_of: Callable[[str], Deployment]) -> Told | None:
    place = Place.of(change.stream_arn)
    deployment = change.deployment() if change.is_deployment else None
    if deployment:
        announcement = announcements.of_deployment(deployment, place)
    else:
        target = change.target()
        announcement = announcements.of_target(target, deployment_of(target.deployment_id), place)
    if announcement is None:
        return None
    return Told(
        sequence_number=change.sequence_number,
        moment=change.moment,
        announcement=announcement,
        deployment=deployment,
    )


def _deployment(deployment_id: str) -> Deployment:
    found = table().deployment(deployment_id)
    if found is None:
        raise KeyError(deployment_id)
    return found

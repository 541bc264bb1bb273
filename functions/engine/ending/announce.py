"""The outbox: what is to be told of the changes that the table's stream brings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from functions.core.errors import Unreadable
from functions.core.messages import announcements
from functions.core.messages.announcements import Announcement
from functions.core.place import Place
from functions.core.records import Deployment
from functions.store import stream
from functions.store.records import deployments
from functions.store.stream import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A change, and what is told of it."""

    sequence_number: str
    moment: datetime
    announcement: Announcement
    deployment: Deployment | None  # None: the change is a target's


def read(event: dict[str, Any]) -> tuple[list[Announced], str | None]:
    """What is to be told, up to the first record that may be read only later, and that record's sequence number."""
    told: list[Announced] = []
    deployment = cache(_deployment)  # one read for all targets of a deployment in this batch

    def tell(change: Change) -> None:
        if each := _tell(change, deployment):
            told.append(each)

    return told, stream.each(event, tell)


def _tell(change: Change, deployment_of: Callable[[str], Deployment]) -> Announced | None:
    place = Place.of(change.stream_arn)
    deployment = change.deployment() if change.is_deployment else None
    if deployment:
        announcement = announcements.of_deployment(deployment, place)
    else:
        target = change.target()
        announcement = announcements.of_target(target, deployment_of(target.deployment_id), place)
    if announcement is None:
        return None
    return Announced(
        sequence_number=change.sequence_number,
        moment=change.moment,
        announcement=announcement,
        deployment=deployment,
    )


def _deployment(deployment_id: str) -> Deployment:
    try:
        found = deployments.get(deployment_id)
    except Unreadable as error:  # the changes behind this one do not wait for an engine that knows it
        raise ValueError(str(error)) from error
    if found is None:
        raise KeyError(deployment_id)
    return found

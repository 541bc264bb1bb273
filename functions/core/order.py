"""Which of two requests for a group is the newer one: uploads may be told late, twice and in any order.

S3 gives each version of one key a `sequencer`; between different keys only the time of the event is known, in whole
seconds. Within one second the sequencers decide between keys of one bucket, too, and after them the keys: S3 does not
promise that this is the order in which they were stored, but it is the same one in whatever order they are told.
Between two buckets sequencers mean nothing: of one second the upload that arrives later wins. A person's request is
made while the person waits for the answer, so it is always the newest.

In a *sequence* the revisions have an order besides: when S3 stored them. There nobody gets an older one in.

Source: S3 User Guide, "Event message structure": the sequencer is a hexadecimal number of varying length; to compare
two of one key, the shorter one is padded with zeros on the right, then both are compared as text.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from functions.core.messages import texts
from functions.core.records import Deployment, Revision

MAX_UPLOADS = 50  # objects of one second that a group remembers; of more the oldest are forgotten
_SECONDS = len("2026-11-23T10:00:00")


class Order(StrEnum):
    """Where a request stands to the last one that its group accepted."""

    NEWER = "newer"
    OLDER = "older"
    SAME = "same"  # nothing tells which was first: the one that arrives later wins


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A version of an object that arrived in a bucket."""

    bucket: str
    key: str
    version: str  # where the bucket keeps no versions: its etag and sequencer, because the same content may come again
    sequencer: str = ""  # S3's order of the versions of one key; "" where the event has none

    @property
    def place(self) -> str:
        return f"{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The newest request that a group has accepted: it was started, or waits or waited for its turn."""

    deployment_id: str
    time: str  # ISO 8601: the latest time of a request that was accepted
    uploads: dict[str, str] = field(default_factory=dict)  # sequencers of the objects of that second, by place
    revision: Revision | None = None  # in a sequence: the newest that was accepted
    stored_at: str | None = None  # when S3 stored that


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The order and the reason for it, a sentence for people."""

    order: Order
    reason: str


def judge(deployment: Deployment, upload: Upload | None, accepted: Accepted | None) -> Judgement:
    """Where the request for `deployment` stands to what its group accepted last.

    `upload` is None for a person's request. `accepted` is None when the group has accepted nothing yet, or an engine
    accepted it that kept no such record.
    """
    if accepted is None:
        return Judgement(order=Order.NEWER, reason="The group has accepted no other request.")
    if upload is None:
        return Judgement(order=Order.NEWER, reason="A person asks for it now.")
    mine, its = _as_exact_as_both(deployment.create_time, accepted.time)
    other, by_key = accepted.uploads.get(upload.place), Order.SAME
    if other and upload.sequencer:
        by_key = _by_sequencer(upload.sequencer, other)
    within = _within_a_second(upload, accepted) if mine == its else Order.SAME
    if by_key is Order.OLDER or (by_key is Order.NEWER and within is not Order.OLDER):
        return Judgement(
            order=by_key, reason=f"S3 stored this version {_ADVERBS[by_key]} than the other of the same key."
        )
    order = Order.NEWER if mine > its else Order.OLDER if mine < its else within
    times = f"{deployment.create_time}, the other requested at {accepted.time}"
    return Judgement(order=order, reason=f"It was uploaded at {times}.")


def after(
    deployment: Deployment, upload: Upload | None, accepted: Accepted | None, stored_at: str | None = None
) -> Accepted:
    """What the group remembers once the request for `deployment` is accepted. `stored_at`: of its revision, in a
    sequence.

    The time never goes back, so that nothing that is older than an earlier request gets in by way of this one.
    """
    own = {upload.place: upload.sequencer} if upload and upload.sequencer else {}
    mine = deployment.create_time
    if stored_at:
        newest: tuple[Revision | None, str | None] = deployment.revision, stored_at
    else:
        newest = (accepted.revision, accepted.stored_at) if accepted else (None, None)
    this = Accepted(
        deployment_id=deployment.deployment_id, time=mine, uploads=own, revision=newest[0], stored_at=newest[1]
    )
    if accepted is None or mine[:_SECONDS] > accepted.time[:_SECONDS]:
        return this
    others = {place: sequencer for place, sequencer in accepted.uploads.items() if place not in own}
    kept = dict([*others.items(), *own.items()][-MAX_UPLOADS:])
    return replace(this, time=max(mine, accepted.time), uploads=kept)


def going_back(deployment: Deployment, stored_at: str, accepted: Accepted | None) -> str | None:
    """Why a revision that S3 stored at that time is not accepted in a sequence; None where it is.

    Of two of one second nothing tells which is the newer one: both get in.
    """
    if accepted is None or accepted.revision is None or accepted.stored_at is None:
        return None
    mine, its = _as_exact_as_both(stored_at, accepted.stored_at)
    if mine >= its:
        return None
    return texts.goes_back(
        deployment.group_key,
        (_told(deployment.revision), stored_at),
        (_told(accepted.revision), accepted.stored_at),
        accepted.deployment_id,
    )


def _told(revision: Revision) -> str:
    return f"{revision.place}{f' version {revision.version}' if revision.version else ''}"


def _within_a_second(upload: Upload, accepted: Accepted) -> Order:
    """Between keys of one bucket and one second: S3's sequencer, then the key. Nothing tells where an event has no
    sequencer, nor between buckets."""
    others = [
        (sequencer, place)
        for place, sequencer in accepted.uploads.items()
        if place != upload.place and place.partition("/")[0] == upload.bucket
    ]
    if not (upload.sequencer and others):
        return Order.SAME
    length = max(len(sequencer) for sequencer, _ in [*others, (upload.sequencer, "")])
    newest = max((_padded(sequencer, length), place) for sequencer, place in others)
    return Order.NEWER if (_padded(upload.sequencer, length), upload.place) > newest else Order.OLDER


def _padded(sequencer: str, length: int) -> str:
    return sequencer.upper().ljust(length, "0")


def _as_exact_as_both(mine: str, its: str) -> tuple[str, str]:
    """Two times as they can be compared: a time in whole seconds says nothing of what was first within its second.

    >>> _as_exact_as_both("2026-11-23T10:00:00.000Z", "2026-11-23T10:00:00.700Z")
    ('2026-11-23T10:00:00', '2026-11-23T10:00:00')
    """
    is_whole = any(each.endswith(".000Z") for each in (mine, its))
    return (mine[:_SECONDS], its[:_SECONDS]) if is_whole else (mine, its)


_ADVERBS = {Order.NEWER: "later", Order.OLDER: "earlier"}


def _by_sequencer(mine: str, other: str) -> Order:
    """
    >>> _by_sequencer("0055AED6DCD90281E5", "0055AED6DCD90281E4"), _by_sequencer("AB", "AB00"), _by_sequencer("9", "A1")
    (<Order.NEWER: 'newer'>, <Order.SAME: 'same'>, <Order.OLDER: 'older'>)
    """
    length = max(len(mine), len(other))
    left, right = _padded(mine, length), _padded(other, length)
    return Order.NEWER if left > right else Order.OLDER if left < right else Order.SAME

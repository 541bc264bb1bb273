"""Uploads told in any order, late and twice: the newest one is deployed last, over the store."""

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from functions.core.new_deployment import new_deployment
from functions.core.order import Accepted, Order, Upload, after, judge
from functions.core.records import Deployment
from functions.core.statuses import DeploymentStatus
from functions.store.records import deployments, groups, lock
from tests.conftest import all_items, put_group, revision
from tests.store import Store


@dataclass(frozen=True)
class Told:
    """An upload as S3 tells it."""

    upload: Upload
    second: int

    @property
    def time(self) -> str:
        return f"2026-11-23T10:00:{self.second:02}.000Z"

    def is_older_than(self, other: "Told") -> bool:
        """What may never be deployed after the other one. Between buckets, nothing tells of two of one second."""
        if self.upload.place == other.upload.place:
            return self.upload.version < other.upload.version
        if self.upload.bucket != other.upload.bucket:
            return self.second < other.second
        return self.order < other.order

    @property
    def order(self) -> tuple[int, str]:
        """Between keys of one bucket and second the sequencer decides, padded."""
        return self.second, self.upload.sequencer.ljust(4, "0")


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Told], list[Told]]:
    """Uploads of a few keys in the order in which they were made, and in that in which they are told: each at least
    once."""
    made, second = [], 0
    for number in range(draw(st.integers(1, 7))):
        second += draw(st.sampled_from([0, 0, 1, 2]))
        # Sequencers of a bucket grow with time; without the zeros at their ends they are in order only if those are put
        # back. The other bucket's say nothing about this one's.
        bucket, ahead = draw(st.sampled_from([("revisions", 0), ("revisions", 0), ("builds", 64), ("another", -1)]))
        sequencer = f"{(number + 1) * 11 + ahead:04X}".rstrip("0")
        key = f"shop/web/{draw(st.sampled_from('ab'))}.zip"
        upload = Upload(bucket=bucket, key=key, version=f"{number:02}", sequencer=sequencer)
        made.append(Told(upload, second))
    repeats = draw(st.lists(st.sampled_from(made), max_size=4))
    return made, draw(st.permutations([*made, *repeats]))


def deployment(told: Told, number: int) -> Deployment:
    group = put_group()
    one = revision(told.upload.version, version=told.upload.version)
    return new_deployment(group, one, deployment_id=f"d-{number:09}", now=told.time, requested_by="an upload")


def check(made: list[Told], started: list[Told]) -> None:
    for earlier, later in pairwise(started):
        assert not later.is_older_than(earlier)
    assert not [each for each in made if started[-1].is_older_than(each)]


class Deployments:
    """The group's deployments, one after the other, as they hold its lock."""

    def __init__(self, store: Store) -> None:
        self.store, self.started = store, list[str]()

    def look(self) -> None:
        holder = lock.holder("shop/web")
        if holder and holder not in self.started:
            self.started.append(holder)

    def end(self, status: DeploymentStatus) -> bool:
        self.look()
        holder = lock.holder("shop/web")
        running = deployments.get(holder) if holder else None
        if running is None:
            return False
        ended = replace(running, status=status, complete_time="2026-11-23T11:00:00.000Z")
        assert lock.close(ended, groups.get("shop", "web"), None)
        self.look()
        return True


@given(histories(), st.lists(st.sampled_from([None, DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED]), min_size=11))
@run_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_newest_upload_is_deployed_last_in_whatever_order_they_are_told(
    store: Store, history: tuple[list[Told], list[Told]], ends: list[DeploymentStatus | None]
) -> None:
    store.clear()
    made, told = history
    deployments = Deployments(store)
    for number, each in enumerate(told):
        lock.create(deployment(each, number), each.upload, queue=True)
        deployments.look()
        if status := ends[number]:
            deployments.end(status)
    while deployments.end(DeploymentStatus.SUCCEEDED):
        pass
    by_id = {f"d-{number:09}": each for number, each in enumerate(told)}
    check(made, [by_id[each] for each in deployments.started])
    assert all(item["status"] != "Queued" for item in all_items() if item["sk"] == "DEPLOYMENT")


def three(*told: int) -> tuple[list[Told], list[Told]]:
    """Two versions of one key and another key, all in one second, in the order of their sequencers."""
    uploads = [
        Upload(bucket="b", key=key, version=version, sequencer=sequencer)
        for key, version, sequencer in (
            ("shop/web/a.zip", "00", "0A"),
            ("shop/web/a.zip", "01", "0B"),
            ("c", "02", "0C"),
        )
    ]
    made = [Told(each, 0) for each in uploads]
    return made, [made[number] for number in told]


@pytest.mark.usefixtures("store")
@given(histories())
@example(three(1, 2, 0))  # the other key comes between the newer and the older version of one
@run_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_group_accepts_never_goes_back(history: tuple[list[Told], list[Told]]) -> None:
    made, told = history
    accepted: Accepted | None = None
    taken: list[Told] = []
    for number, each in enumerate(told):
        if each in taken:  # the mark of the upload catches a repeat
            continue
        one = deployment(each, number)
        if judge(one, each.upload, accepted).order is not Order.OLDER:
            accepted = after(one, each.upload, accepted)
            taken.append(each)
    for number, each in enumerate(taken):
        assert not [later for later in taken[number + 1 :] if later.is_older_than(each)]
    check(made, taken)

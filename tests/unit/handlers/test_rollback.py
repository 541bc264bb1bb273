"""rollback: a person goes back to the revision before."""

import pytest

from functions.core.errors import InvalidInput
from functions.core.statuses import (
    Creator,
    DeploymentStatus,
)
from functions.engine.starting.uses import record_use
from functions.handlers import finish, rollback, stop
from functions.store.records import lock
from tests.conftest import LambdaContext
from tests.store import Store
from tests.unit.ending import created, done, last_uses, read, running

pytestmark = pytest.mark.usefixtures("executing", "alarms")


def test_a_person_goes_back_to_the_revision_before(store: Store, context: LambdaContext) -> None:
    first, _second = done(1, context), done(2, context)
    answer = rollback.handler({"application": "shop", "group": "web", "requested_by": "ann"}, context)
    back = read(answer["deployment_id"])
    assert back.creator is Creator.USER and back.requested_by == "ann" and back.revision == first.revision
    assert back.settings.auto_rollback == ()


def test_a_person_rolls_back_a_running_deployment_by_stopping_it(
    store: Store, context: LambdaContext, cancelled: list[str]
) -> None:
    done(1, context)
    one = running(2)
    answer = rollback.handler({"application": "shop", "group": "web"}, context)
    assert answer == {"stopped_deployment_id": one.deployment_id} and cancelled == []
    rollback.handler({"application": "shop", "group": "web", "cancel": True}, context)
    assert cancelled == ["c-i-0"]
    finish.handler({"deployment_id": one.deployment_id}, context)
    ended = read(one.deployment_id)
    assert ended.status is DeploymentStatus.STOPPED and ended.rollback and ended.rollback.rollback_deployment_id


def test_a_rollback_that_runs_is_not_stopped_by_asking_for_one(store: Store, context: LambdaContext) -> None:
    done(1, context)
    bad = running(2)
    finish.handler({"deployment_id": bad.deployment_id}, context)
    holder = lock.holder("shop/web")
    with pytest.raises(InvalidInput, match=f"{holder} is already a rollback"):
        rollback.handler({"application": "shop", "group": "web"}, context)
    assert holder and read(holder).stop is None


def test_asking_to_go_back_counts_after_a_plain_stop_too(
    store: Store, context: LambdaContext, cancelled: list[str]
) -> None:
    done(1, context)
    one = running(2)
    stop.handler({"deployment_id": one.deployment_id, "auto_rollback": False, "requested_by": "ann"}, context)
    rollback.handler({"application": "shop", "group": "web", "requested_by": "bob"}, context)
    mark = read(one.deployment_id).stop
    assert mark and (mark.by, mark.cancel, mark.auto_rollback) == ("ann", False, True)


def test_a_running_deployment_goes_back_to_the_good_one_that_is_named(store: Store, context: LambdaContext) -> None:
    first, _second = done(1, context), done(2, context)
    one = running(3)
    rollback.handler({"application": "shop", "group": "web", "to": first.deployment_id}, context)
    finish.handler({"deployment_id": one.deployment_id}, context)
    ended = read(one.deployment_id).rollback
    assert ended and ended.rollback_deployment_id and ended.reason
    assert ended.reason.endswith("(s3://revisions/shop/web/v1.zip) was requested.")
    assert read(ended.rollback_deployment_id).revision.key == first.revision.key


def test_hosts_that_nothing_touched_go_where_the_person_chose(store: Store, context: LambdaContext) -> None:
    """Without a choice they have the last good revision already."""
    first, _second, third = done(1, context), done(2, context), created(3)
    rollback.handler({"application": "shop", "group": "web", "to": first.deployment_id}, context)
    finish.handler({"deployment_id": third.deployment_id}, context)
    ended = read(third.deployment_id).rollback
    assert ended and ended.rollback_deployment_id
    assert read(ended.rollback_deployment_id).revision.key == first.revision.key


def test_what_waits_behind_the_stopped_one_is_named(store: Store, context: LambdaContext) -> None:
    done(1, context)
    one, waiting = running(2), created(3)
    answer = rollback.handler({"application": "shop", "group": "web"}, context)
    expected = {"stopped_deployment_id": one.deployment_id, "queued_deployment_id": waiting.deployment_id}
    assert answer == expected


def test_only_a_good_deployment_of_the_group_can_be_named(store: Store, context: LambdaContext) -> None:
    done(1, context)
    with pytest.raises(InvalidInput, match="d-000000009 is not one of the last successful deployments of shop/web"):
        rollback.handler({"application": "shop", "group": "web", "to": "d-000000009"}, context)


def test_there_must_be_something_to_go_back_to(store: Store, context: LambdaContext) -> None:
    done(1, context)
    with pytest.raises(InvalidInput, match="no earlier successful revision to roll back to"):
        rollback.handler({"application": "shop", "group": "web"}, context)


def test_a_person_who_goes_back_uses_the_old_revision_anew(store: Store, context: LambdaContext) -> None:
    first, _second = done(1, context), done(2, context)
    record_use(first)
    answer = rollback.handler({"application": "shop", "group": "web"}, context)
    assert last_uses() == [read(answer["deployment_id"]).create_time]

"""execution_status: a deployment whose execution was aborted or failed ends all the same."""

import pytest

from functions.aws.fleet import ssm as aws_ssm
from functions.core.statuses import (
    DeploymentStatus,
)
from functions.engine.starting.uses import record_use
from functions.handlers import execution_status
from functions.store.records import lock
from tests.conftest import LambdaContext, stand_in
from tests.fakes.run_command import FakeRunCommand
from tests.store import Store
from tests.unit.ending import done, last_uses, read, running, throttled

pytestmark = pytest.mark.usefixtures("executing", "alarms")


def test_an_aborted_execution_ends_its_deployment(store: Store, context: LambdaContext, cancelled: list[str]) -> None:
    one = running()
    event = {"detail": {"name": one.deployment_id, "status": "ABORTED", "error": None, "cause": None}}
    execution_status.handler(event, context)
    ended = read(one.deployment_id)
    assert ended.status is DeploymentStatus.FAILED and ended.failure
    assert "The execution of the deployment ended ABORTED" in ended.failure.message
    assert cancelled == ["c-i-0"] and lock.holder("shop/web") is None


def test_commands_that_cannot_be_cancelled_do_not_keep_a_deployment_from_its_end(
    store: Store, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 3."""
    one = running()
    stand_in("ssm", FakeRunCommand())
    monkeypatch.setattr(aws_ssm, "cancel", throttled)
    with pytest.raises(TimeoutError):
        execution_status.handler({"detail": {"name": one.deployment_id, "status": "ABORTED"}}, context)
    assert read(one.deployment_id).status is DeploymentStatus.FAILED and lock.holder("shop/web") is None
    again: list[str] = []
    monkeypatch.setattr(aws_ssm, "cancel", lambda command_id, instance_id: again.append(command_id))
    execution_status.handler({"detail": {"name": one.deployment_id, "status": "ABORTED"}}, context)
    assert again == ["c-i-0"]


def test_going_back_uses_the_old_revision_anew(store: Store, context: LambdaContext, cancelled: list[str]) -> None:
    """It moves to the end of the revisions by their last use, whoever goes back."""
    good = done(1, context)
    record_use(good)
    bad = running(2)
    detail = {"name": bad.deployment_id, "status": "FAILED", "error": "Boom", "cause": ""}
    execution_status.handler({"detail": detail}, context)
    ended = read(bad.deployment_id)
    assert ended.rollback and ended.rollback.rollback_deployment_id
    assert last_uses() == [read(ended.rollback.rollback_deployment_id).create_time]

"""Invariants 2, 3 and 6 over the table's twin: any order of uploads, stops, endings and rollbacks."""

from dataclasses import replace

from hypothesis import settings as run_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions.core.messages.verdict import Verdict, rolls_back, stopped
from functions.core.new_deployment import new_deployment, rollback_deployment
from functions.core.order import Upload
from functions.core.records import Counts, Deployment, Group, GroupSettings
from functions.core.rollout import stop_mark
from functions.core.statuses import AutoRollbackEvent, Creator, DeploymentStatus
from functions.core.text.shapes import from_plain
from functions.store.records import deployments, groups, lock
from tests.conftest import all_items, put_group, revision
from tests.store import Store

RUNNING = {DeploymentStatus.CREATED, DeploymentStatus.IN_PROGRESS}


class OneGroup(RuleBasedStateMachine):
    """A group that is deployed to, stopped and rolled back in any order."""

    store: Store  # set by the test below

    @initialize()
    def declare(self) -> None:
        self.number = 0
        self.store.clear()
        put_group(settings=GroupSettings(auto_rollback=tuple(AutoRollbackEvent)))

    def _next(self) -> str:
        self.number += 1
        return f"d-{self.number:09}"

    def _now(self) -> str:
        return f"2026-11-23T10:00:00.{self.number:03}Z"

    def _group(self) -> Group:
        group = groups.get("shop", "web")
        assert group
        return group

    def _deployments(self) -> list[Deployment]:
        return [from_plain(Deployment, item) for item in all_items() if item["sk"] == "DEPLOYMENT"]

    def _holder(self) -> Deployment | None:
        holder = lock.holder("shop/web")
        return deployments.get(holder) if holder else None

    @rule(late=st.booleans(), queue=st.booleans())
    def upload(self, late: bool, queue: bool) -> None:
        deployment_id = self._next()
        now = "2026-11-23T09:00:00.000Z" if late else self._now()
        one = new_deployment(self._group(), revision(), deployment_id=deployment_id, now=now, requested_by="me")
        mark = Upload(bucket="revisions", key="shop/web/v1.zip", version=deployment_id)
        lock.create(one, mark, queue=queue)

    @precondition(lambda self: self._holder() is not None)
    @rule(status=st.sampled_from([DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED]), touched=st.booleans())
    def end(self, status: DeploymentStatus, touched: bool) -> None:
        running = self._holder()
        assert running
        if running.stop:
            status = DeploymentStatus.STOPPED
        running = replace(running, counts=Counts(total=1, max_out_of_service=1, started=int(touched)))
        ended = replace(running, status=status, complete_time=self._now())
        rollback = None
        if rolls_back(running, Verdict(status=status)):
            rollback = rollback_deployment(self._group(), ended, deployment_id=self._next(), now=self._now())
            assert rollback is None or running.creator is not Creator.ROLLBACK
        assert lock.close(ended, self._group(), rollback)
        assert not lock.close(ended, self._group(), None)  # a repeat changes nothing

    @precondition(lambda self: self._holder() is not None)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from([one for one in self._deployments() if not one.status.is_final]))
        mark = stop_mark.by_person("me", self._now())
        if one.status is DeploymentStatus.QUEUED:
            lock.stop_queued(one, stopped(mark), self._now())
        else:
            deployments.mark_stop(one.deployment_id, mark)

    @invariant()
    def the_lock_tells_who_runs_and_who_waits(self) -> None:
        items = all_items()
        known = {item["deployment_id"]: from_plain(Deployment, item) for item in items if item["sk"] == "DEPLOYMENT"}
        lock = next((item for item in items if item["sk"] == "LOCK"), {})
        running = [key for key, one in known.items() if one.status in RUNNING]
        waiting = [key for key, one in known.items() if one.status is DeploymentStatus.QUEUED]
        assert running == ([lock["holder"]] if "holder" in lock else [])
        assert waiting == ([lock["waiting"]] if "waiting" in lock else [])
        assert not waiting or running
        for one in known.values():
            if one.creator is Creator.ROLLBACK:
                assert one.rollback and one.rollback.rollback_triggering_deployment_id
                assert known[one.rollback.rollback_triggering_deployment_id].creator is not Creator.ROLLBACK


def test_a_group_never_has_two_deployments_running(store: Store) -> None:
    machine = type("OneGroupOfThisTest", (OneGroup,), {"store": store})
    histories = run_settings().max_examples // 2
    run_state_machine_as_test(machine, settings=run_settings(max_examples=histories, stateful_step_count=12))

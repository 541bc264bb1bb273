"""Stages on the deployed stack: a canary that bakes and is approved, a pause, an alarm in the second stage."""

from cli.exits import Exit
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from local.driver import wait_for
from tests.e2e.conftest import MakeFleet, failing
from tests.e2e.test_command_line import CommandLine


def test_a_canary_is_approved_and_the_rest_follows_stage_by_stage(fleet: MakeFleet) -> None:
    group = fleet("staged", hosts=4)
    stepdeploy, client = CommandLine(group), group.cloud.client("codedeploy")

    one = group.begin("v1")
    ready = group.engine.wait_until(one, lambda each: each.status is DeploymentStatus.READY)
    assert [each.name for each in ready.stages] == ["canary", "half", "rest"]
    assert sorted(group.installed()) == ["", "", "", "v1"], "only the canary is touched before it is approved"
    assert "for approval" in stepdeploy("show", one)

    stepdeploy("pause", one, "--reason", "one moment")
    client.continue_deployment(deploymentId=one, deploymentWaitType="READY_WAIT")  # as CodeDeploy's own clients do
    group.engine.wait_until(one, lambda each: each.status is DeploymentStatus.IN_PROGRESS)
    stepdeploy("approve", one, exit=Exit.REFUSED)
    assert sorted(group.installed()) == ["", "", "", "v1"], "a paused deployment goes no further"
    stepdeploy("resume", one, "--watch")
    ended = group.engine.wait(one)
    assert ended.status is DeploymentStatus.SUCCEEDED and group.installed() == ["v1"] * 4
    assert [each.stage for each in ended.approvals] == [0]

    until_told = "until [ -e /srv/go ]; do sleep 0.1; done"
    waits = {"scripts/start.sh": failing(f'[ "$(cat /srv/stage)" = canary ] || {until_told}')}
    stages = {target.target_id: target.stage for target in group.targets(one)}
    for host in group.hosts:
        host.path("srv/stage").write_text("canary" if stages[host.id] == 0 else "later")
    two = group.begin("v2", waits)
    group.engine.wait_until(two, lambda each: each.status is DeploymentStatus.READY)
    stepdeploy("approve", two)
    wait_for(lambda: any(each.stage == 1 and each.started_at for each in group.targets(two)), "the second stage")
    group.cloud.set_alarm("staged-errors", "ALARM")
    stopped = group.engine.wait(two)
    group.cloud.set_alarm("staged-errors", "OK")
    assert stopped.status is DeploymentStatus.STOPPED and stopped.failure
    assert stopped.failure.code is DeploymentErrorCode.ALARM_ACTIVE
    assert {target.target_id: target.stage for target in group.targets(two)} == stages
    third = [host for host in group.hosts if stages[host.id] == 2]
    assert [group.read(host, "srv/app/version.txt") for host in third] == ["v1", "v1"]

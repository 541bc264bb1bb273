"""What goes wrong around a deployment, injected: it ends as it should, late at worst, and every hook has run once."""

import json
import time

import pytest

from functions.core.causes import Cause
from functions.core.records import Deployment
from functions.core.statuses import DeploymentStatus, LifecycleErrorCode, TargetStatus
from functions.store.table.wire import to_wire
from local.cloud import ROOT
from local.driver import wait_for
from local.weather import Weather
from simulation.aws.limits import Rate
from tests.e2e.conftest import Fleet, MakeFleet, application, failing

HOOKS = ["BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"]


def assert_deployed_once(group: Fleet, one: Deployment, version: str = "v1") -> None:
    """Invariant 4: the deployment succeeded, and no hook has run twice on any host."""
    assert one.status is DeploymentStatus.SUCCEEDED, one.failure
    assert group.installed() == [version] * len(group.hosts)
    for host in group.hosts:
        assert [line for line in group.ran(host) if line.startswith(version)] == [f"{version} {hook}" for hook in HOOKS]


def assert_only_late(group: Fleet, one: Deployment, *refused: str) -> None:
    """Invariant 9, in weather that has refused requests of these kinds: no target failed, no command was cancelled."""
    assert_deployed_once(group, one)
    assert {target.status for target in group.targets(one)} == {TargetStatus.SUCCEEDED}
    records = group.cloud.records()
    assert not records.ssm["CancelCommand"]
    assert records.ssm["SendCommand"] - records.refused["ssm:SendCommand"] == len(group.hosts)
    assert {name.partition(":")[0] for name in records.refused} == set(refused), records.refused


def assert_free(group: Fleet) -> None:
    """Invariant 3: the group takes the next deployment."""
    wait_for(lambda: group.engine.holder(group.key) is None, "the group's lock to be free")


def test_a_lost_event_only_makes_us_late(fleet: MakeFleet) -> None:
    group = fleet("lost-event", hosts=1)
    group.cloud.faults.set(lost_events=1)
    one = group.deploy("v1")
    assert_deployed_once(group, one)


def test_an_event_that_comes_before_the_token_is_kept_is_made_up_for(fleet: MakeFleet) -> None:
    """The send is slow to return: the command has ended, and its event gone by, before it is on record."""
    group = fleet("late-event", hosts=1)
    group.cloud.faults.set(slow_sends=1)
    assert_deployed_once(group, group.deploy("v1"))


@pytest.mark.parametrize("how", ["go_offline", "terminate"])
def test_a_host_that_goes_away_in_a_hook_fails_as_unreachable(fleet: MakeFleet, how: str) -> None:
    group = fleet("offline", hosts=1)
    one = group.begin("v1", {"scripts/validate.sh": failing("touch /var/lib/validating", "sleep 3600")})
    (host,) = group.hosts
    wait_for(lambda: host.path("/var/lib/validating").exists(), "the hook to run")
    group.cloud.act(host, how)
    ended = group.engine.wait(one)
    assert ended.status is DeploymentStatus.FAILED
    (target,) = group.targets(ended)
    assert target.failure and target.failure.cause is Cause.UNREACHABLE
    assert_free(group)


def test_a_reboot_in_a_hook_fails_the_target_and_runs_nothing_twice(fleet: MakeFleet) -> None:
    group = fleet("reboot", hosts=1)
    script = failing("echo run >>/var/lib/validations", "sleep 3600")
    one = group.begin("v1", {"scripts/validate.sh": script})
    (host,) = group.hosts
    wait_for(lambda: host.path("/var/lib/validations").exists(), "the hook to run")
    group.cloud.act(host, "reboot")
    ended = group.engine.wait(one)
    assert ended.status is DeploymentStatus.FAILED
    (target,) = group.targets(ended)
    assert target.status is TargetStatus.FAILED and target.failure
    assert target.failure.cause is Cause.UNREACHABLE, target.failure
    assert group.read(host, "/var/lib/validations") == "run"
    assert group.deploy("v2").status is DeploymentStatus.SUCCEEDED  # the host is in order again


def test_a_hook_that_hangs_is_ended_at_its_timeout(fleet: MakeFleet) -> None:
    group = fleet("hang", hosts=1)
    spec = """version: 0.0
os: linux
files: [{source: /app, destination: /srv/app}]
hooks:
  ValidateService: [{location: scripts/validate.sh, timeout: 2}]
"""
    script = failing("trap '' TERM", "echo waiting for ever", "sleep 3600 & wait; sleep 3600")
    one = group.deploy("v1", {"appspec.yml": spec, "scripts/validate.sh": script})
    assert one.status is DeploymentStatus.FAILED
    (target,) = group.targets(one)
    assert target.failure and target.failure.cause is Cause.TIMEOUT
    last = target.events[-1].diagnostics
    assert last and last.error_code is LifecycleErrorCode.SCRIPT_TIMED_OUT and "waiting for ever" in last.log_tail
    assert one.failure and "failed to complete in 2 seconds" in one.failure.message


def test_a_function_killed_after_sending_and_before_recording_finds_its_command(fleet: MakeFleet) -> None:
    group = fleet("killed", hosts=1)
    group.cloud.faults.set(killed_senders=1)
    group.cloud.reset_records()
    assert_deployed_once(group, group.deploy("v1"))
    assert group.cloud.records().ssm["SendCommand"] == 1


def test_ssm_that_throttles_only_makes_us_late(fleet: MakeFleet) -> None:
    """Invariant 9: four hosts that want to begin at once, and one command in three seconds."""
    group = fleet("ssm-throttles", hosts=4)
    group.cloud.reset_records()
    group.cloud.turn(Weather(throttle={"ssm": Rate(1, 1), "ssm:SendCommand": Rate(0.3, 1)}))
    assert_only_late(group, group.deploy("v1"), "ssm")


def test_conflicts_throttled_functions_and_late_lost_or_doubled_events_only_make_us_late(fleet: MakeFleet) -> None:
    """Invariant 9."""
    group = fleet("all-weather", hosts=4)
    group.cloud.reset_records()
    limits = {f"lambda:{name}": Rate(0.5, 1) for name in ("prepare", "run_segment", "target_done")}
    group.cloud.turn(
        Weather(throttle=limits, conflicts=0.3, lost_events=0.25, doubled_events=0.5, late_events=1.0, late_stream=1.0)
    )
    assert_only_late(group, group.deploy("v1"), "lambda", "conflict")


def test_an_execution_aborted_by_hand_ends_its_deployment(fleet: MakeFleet) -> None:
    group = fleet("aborted", hosts=2)
    one = group.begin("v1", {"scripts/validate.sh": failing("sleep 3600")})
    group.engine.wait_until(one, lambda each: each.counts.started == 1)
    execution = group.engine.machine.replace(":stateMachine:", ":execution:") + f":{one}"
    group.cloud.client("stepfunctions").stop_execution(executionArn=execution, cause="by hand")
    ended = group.engine.wait(one)
    assert ended.status is DeploymentStatus.FAILED
    assert ended.failure and "ABORTED" in ended.failure.message
    assert {target.status for target in group.targets(ended)} == {TargetStatus.FAILED, TargetStatus.SKIPPED}
    assert_free(group)
    assert group.deploy("v2").status is DeploymentStatus.SUCCEEDED


def find_lost(group: Fleet) -> None:
    """As the schedule would, minutes later."""
    answer = group.cloud.client("lambda").invoke(FunctionName="stepdeploy-find_lost", Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()


def abort_unheard(group: Fleet, version: str) -> str:
    """The deployment of an execution that is aborted in a hook, and of which no event tells."""
    one = group.begin(version, {"scripts/validate.sh": failing("sleep 3600")})
    group.engine.wait_until(one, lambda each: each.counts.started == 1)
    wait_for(lambda: any(each.segments for each in group.targets(one)), "the command to be on record")
    group.cloud.faults.set(lost_executions=1)
    execution = group.engine.machine.replace(":stateMachine:", ":execution:") + f":{one}"
    group.cloud.client("stepfunctions").stop_execution(executionArn=execution, cause="by hand")
    wait_for(lambda: group.cloud.faults.left("lost_executions") == 0, "the event to get lost")
    assert group.engine.deployment(one).status is DeploymentStatus.IN_PROGRESS
    return one


def test_an_aborted_execution_of_which_no_event_tells_is_found(fleet: MakeFleet) -> None:
    group = fleet("aborted-unheard", hosts=1)
    one = abort_unheard(group, "v1")
    find_lost(group)
    assert group.engine.deployment(one).status is DeploymentStatus.IN_PROGRESS, "its event may still come"
    group.cloud.client("dynamodb").update_item(
        TableName=group.engine.table,
        Key=to_wire({"pk": f"DEPLOYMENT#{one}", "sk": "DEPLOYMENT"}),
        UpdateExpression="SET start_time = :minutes_ago",
        ExpressionAttributeValues=to_wire({":minutes_ago": "2026-01-01T10:00:00.000Z"}),
    )
    find_lost(group)
    ended = group.engine.wait(one)
    assert ended.status is DeploymentStatus.FAILED and ended.failure and "ABORTED" in ended.failure.message
    assert_free(group)
    two = abort_unheard(group, "v2")
    assert group.engine.invoke("Stop", {"deployment_id": two})["status"] == "Succeeded", "it looks itself"
    assert group.engine.deployment(two).status is DeploymentStatus.STOPPED
    assert_free(group)


def test_an_alarm_of_which_no_event_tells_is_found(fleet: MakeFleet) -> None:
    group = fleet("alarm-unheard", hosts=2)
    one = group.begin("v1", {"scripts/validate.sh": failing("sleep 3600")})
    group.engine.wait_until(one, lambda each: each.counts.started == 1)
    group.cloud.faults.set(lost_alarms=1)
    group.cloud.set_alarm("unheard-errors", "ALARM")
    wait_for(lambda: group.cloud.faults.left("lost_alarms") == 0, "the event to get lost")
    assert group.engine.deployment(one).stop is None
    find_lost(group)
    group.cloud.set_alarm("unheard-errors", "OK")
    ended = group.engine.wait(one)
    assert ended.status is DeploymentStatus.STOPPED and ended.failure and "unheard-errors" in ended.failure.message
    assert_free(group)


def test_nothing_is_lost_while_slack_and_sns_are_down(fleet: MakeFleet) -> None:
    group = fleet("down", hosts=1)
    inbox = group.cloud.subscribe(group.engine.outputs["TopicArn"])
    group.cloud.faults.set(slack_down=True, sns_down=True)
    one = group.deploy("v1")
    assert_deployed_once(group, one)  # telling nobody holds nothing up
    time.sleep(3)
    group.cloud.faults.set(slack_down=False, slack_busy=1, sns_down=False)

    def told() -> bool:
        slack = any(one.deployment_id in json.dumps(each) for each in group.cloud.slack.messages())
        sns = any(each["deploymentId"] == one.deployment_id for each in inbox.messages())
        return slack and sns

    wait_for(told, "Slack and SNS to hear of it in the end")


def test_two_groups_that_share_a_host_never_interleave_and_the_second_shows_for_what_it_waits(
    fleet: MakeFleet,
) -> None:
    """One deployment has the host from its first event to its last."""
    shared = fleet("shares", hosts=1)
    waits = failing("until [ -e /srv/go ]; do sleep 0.2; done", 'exec "$(dirname "$0")/note.sh"')
    spec = (ROOT / "examples/hooks/appspec.yml").read_text().replace("timeout: 60", "timeout: 600")
    first = shared.begin("v1", {"scripts/start.sh": waits, "appspec.yml": spec})
    wait_for(lambda: shared.ran(shared.hosts[0]), "the first deployment to have the host")
    second = shared.engine.upload("shop/shares-too/v2.zip", application("v2"))
    waiting = wait_for(
        lambda: [each.waits_for for each in shared.targets(second) if each.waits_for], "the second to wait"
    )
    assert waiting == [f"deployment {first} of shop/shares has the host"]
    shared.hosts[0].path("srv/go").touch()
    for deployment_id in (first, second):
        ended = shared.engine.wait(deployment_id)
        assert ended.status is DeploymentStatus.SUCCEEDED, ended.failure
    assert shared.ran(shared.hosts[0]) == [f"{version} {hook}" for version in ("v1", "v2") for hook in HOOKS]

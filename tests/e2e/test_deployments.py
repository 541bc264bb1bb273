"""The main job on the deployed stack: revisions reach hosts, bad ones are stopped and rolled back."""

import json

from functions.core.causes import Cause
from functions.core.records import Deployment
from functions.core.statuses import (
    Creator,
    DeploymentErrorCode,
    DeploymentStatus,
    LifecycleErrorCode,
    LifecycleEventStatus,
    TargetStatus,
)
from local.driver import wait_for
from tests.e2e.conftest import BUILDS, Fleet, MakeFleet, application, failing

HOOKS = ["BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"]
FAILS = {"scripts/validate.sh": failing("echo checking the service", "echo it is ill >&2", "exit 3")}


def assert_every_target_has_ended(fleet: Fleet, deployment: Deployment) -> None:
    """Invariant 3: every target is recorded, and the group is free again."""
    targets = fleet.targets(deployment)
    assert [target.target_id for target in targets] == sorted(host.id for host in fleet.hosts)
    assert all(target.status.is_final for target in targets)
    counters = deployment.counts
    assert counters.succeeded + counters.failed + counters.skipped == counters.total == len(targets)


def test_an_uploaded_revision_reaches_every_host(fleet: MakeFleet) -> None:
    group = fleet("main")
    one = group.deploy("v1")
    assert one.status is DeploymentStatus.SUCCEEDED and one.failure is None
    assert group.installed() == ["v1", "v1"]
    assert group.ran(group.hosts[0]) == [f"v1 {event}" for event in HOOKS]  # the first has nothing to stop
    assert one.revision.version and one.revision.sha256 and one.revision.size
    assert one.start_time and one.complete_time and one.create_time <= one.start_time <= one.complete_time
    assert_every_target_has_ended(group, one)
    for target in group.targets(one):
        assert {event.status for event in target.events} == {LifecycleEventStatus.SUCCEEDED}
        assert all(event.start_time and event.end_time for event in target.events)


def test_an_upload_to_another_bucket_is_deployed_from_there(fleet: MakeFleet) -> None:
    group, key = fleet("builds", hosts=1), "ci/shop/builds/v1.zip"
    s3 = group.cloud.client("s3")
    s3.put_object(Bucket=BUILDS, Key="shop/builds/elsewhere.zip", Body=application("v0"))
    version = s3.put_object(Bucket=BUILDS, Key=key, Body=application("v1"))["VersionId"]
    (one,) = wait_for(lambda: group.engine.deployments(group.key), "the upload to start a deployment")
    one = group.engine.wait(one.deployment_id)
    assert one.status is DeploymentStatus.SUCCEEDED and group.installed() == ["v1"]
    assert (one.revision.bucket, one.revision.key, one.revision.version) == (BUILDS, key, version)
    assert one.requested_by == f"upload of s3://{BUILDS}/{key}"


def test_a_bad_revision_is_stopped_and_the_good_one_comes_back(fleet: MakeFleet) -> None:
    group = fleet("main")
    good = group.deploy("v1")
    bad = group.deploy("v2", FAILS)
    assert bad.status is DeploymentStatus.FAILED
    assert (bad.counts.failed, bad.counts.skipped) == (1, 1)
    assert bad.failure and bad.failure.code is DeploymentErrorCode.HEALTH_CONSTRAINTS
    assert bad.failure.message.startswith("ValidateService: scripts/validate.sh failed")
    assert "exit code 3" in bad.failure.message
    failed = next(target for target in group.targets(bad) if target.status is TargetStatus.FAILED)
    assert failed.failure and failed.failure.cause is Cause.SCRIPT
    last = failed.events[-1]
    assert last.status is LifecycleEventStatus.FAILED and last.diagnostics
    assert last.diagnostics.error_code is LifecycleErrorCode.SCRIPT_FAILED
    assert "it is ill" in last.diagnostics.log_tail
    assert bad.rollback and bad.rollback.rollback_deployment_id
    back = group.engine.wait(bad.rollback.rollback_deployment_id)
    assert back.status is DeploymentStatus.SUCCEEDED and back.creator is Creator.ROLLBACK
    assert back.revision == good.revision and group.installed() == ["v1", "v1"]
    for host in group.hosts:
        log = f"opt/stepdeploy/deployment-root/{back.group_id}/{back.deployment_id}/logs/scripts.log"
        assert "nothing was downloaded" in group.read(host, log)
    assert group.engine.holder(group.key) is None


def test_a_hooks_whole_output_is_kept(fleet: MakeFleet) -> None:
    import gzip

    group = fleet("main", hosts=1)
    one = group.deploy("v1")
    s3 = group.cloud.client("s3")
    key = f".stepdeploy/logs/{one.deployment_id}/{group.hosts[0].id}/AfterInstall.log.gz"
    text = gzip.decompress(s3.get_object(Bucket=group.engine.bucket, Key=key)["Body"].read()).decode()
    assert "AfterInstall of v1" in text


def test_scripts_find_their_revision_where_the_reference_agent_keeps_it(fleet: MakeFleet) -> None:
    group = fleet("main", hosts=1)
    archive = '/opt/codedeploy-agent/deployment-root/"$DEPLOYMENT_GROUP_ID/$DEPLOYMENT_ID"/deployment-archive'
    one = group.deploy("v1", {"scripts/validate.sh": failing(f"cat {archive}/app/version.txt > /var/lib/found")})
    assert one.status is DeploymentStatus.SUCCEEDED
    assert group.read(group.hosts[0], "var/lib/found") == "v1"


def test_all_at_once_needs_one_success(fleet: MakeFleet) -> None:
    group = fleet("all")
    one = group.deploy("v1", FAILS)
    assert one.status is DeploymentStatus.FAILED and one.counts.failed == 2
    assert one.failure and "on 2 targets" in one.failure.message


def test_the_last_host_may_fail_one_at_a_time(fleet: MakeFleet) -> None:
    group = fleet("last-host", hosts=2)
    last = max(group.hosts, key=lambda host: host.id)
    script = failing(f'[ "$(cat /etc/hostname)" != "{last.name}" ]')
    one = group.deploy("v1", {"scripts/validate.sh": script})
    assert one.status is DeploymentStatus.SUCCEEDED
    assert (one.counts.succeeded, one.counts.failed) == (1, 1)


def test_a_second_upload_waits_and_the_newest_waiting_one_goes_next(fleet: MakeFleet) -> None:
    group = fleet("queue", hosts=1)
    slow = failing("sleep 4")
    first = group.begin("v1", {"scripts/validate.sh": slow})
    group.engine.wait_in_progress(first)
    second, third = group.begin("v2"), group.begin("v3")
    ended = [group.engine.wait(each) for each in (first, second, third)]
    assert [each.status for each in ended] == [
        DeploymentStatus.SUCCEEDED,
        DeploymentStatus.STOPPED,
        DeploymentStatus.SUCCEEDED,
    ]
    assert ended[1].failure and ended[1].failure.message == f"Superseded by the newer deployment {third}."
    assert group.installed() == ["v3"]


def test_a_group_that_rejects_says_which_deployment_is_in_the_way(fleet: MakeFleet) -> None:
    group = fleet("reject", hosts=1)
    first = group.begin("v1", {"scripts/validate.sh": failing("sleep 3")})
    group.engine.wait_in_progress(first)
    second = group.deploy("v2")
    assert second.status is DeploymentStatus.FAILED
    assert second.failure and f"already has an active Deployment '{first}'" in second.failure.message
    assert group.engine.wait(first).status is DeploymentStatus.SUCCEEDED


def test_a_person_stops_a_deployment_and_goes_back(fleet: MakeFleet) -> None:
    group = fleet("stop", hosts=2)
    group.deploy("v1")
    second = group.begin("v2", {"scripts/validate.sh": failing("sleep 2")})
    group.engine.wait_until(second, lambda one: one.counts.started == 1)
    request = {"deployment_id": second, "reason": "wrong build", "auto_rollback": True, "requested_by": "ann"}
    assert group.engine.invoke("Stop", request)["status"] == "Pending"
    ended = group.engine.wait(second)
    assert ended.status is DeploymentStatus.STOPPED
    assert ended.failure and ended.failure.message == "Stopped by ann: wrong build"
    assert (ended.counts.succeeded, ended.counts.skipped) == (1, 1)  # the running script came to its end
    assert ended.rollback and ended.rollback.rollback_deployment_id
    group.engine.wait(ended.rollback.rollback_deployment_id)
    assert group.installed() == ["v1", "v1"]


def test_a_person_goes_back_to_the_revision_before(fleet: MakeFleet) -> None:
    group = fleet("stop", hosts=1)
    group.deploy("v1")
    group.deploy("v2")
    answer = group.engine.invoke("Rollback", {"application": "shop", "group": "stop", "requested_by": "ann"})
    back = group.engine.wait(answer["deployment_id"])
    assert back.status is DeploymentStatus.SUCCEEDED and group.installed() == ["v1"]


def test_no_rollback_goes_to_the_revision_that_fails(fleet: MakeFleet) -> None:
    """v2 counts as Succeeded although it fails on one host of two, half at a time: v3's rollback and a person's go to
    v1."""
    group = fleet("goes-back")
    bad = max(group.hosts, key=lambda host: host.id)  # the last
    fails_there = {"scripts/validate.sh": failing(f'[ "$(cat /etc/hostname)" != "{bad.name}" ]')}
    first = group.deploy("v1")
    second = group.deploy("v2", fails_there)
    assert second.status is DeploymentStatus.SUCCEEDED and second.counts.failed == 1
    assert_every_target_has_ended(group, second)
    third = group.deploy("v3", FAILS)
    assert third.status is DeploymentStatus.FAILED and third.rollback and third.rollback.rollback_deployment_id
    back = group.engine.wait(third.rollback.rollback_deployment_id)
    assert back.revision.sha256 == first.revision.sha256 and group.installed() == ["v1", "v1"]
    assert back.rollback and back.rollback.reason
    assert f"{second.deployment_id}" in back.rollback.reason and "it left 1 host failed" in back.rollback.reason
    message, _ = group.live(back.deployment_id, "Rolled back", "*Rolled back*")
    assert "its message" in json.dumps(message["blocks"]), "the rollback leads to what it undoes"
    message, thread = group.live(third.deployment_id, "Deployment failed", "*Rollback*")
    assert "1 failed" in json.dumps(message["blocks"])
    said = "\n".join(each["text"] for each in thread)
    assert said.count("ValidateService") == 1 and said.count("<!here> :x:") == 1
    assert f"*Rollback*: {back.deployment_id} (<https://local.slack.com/" in said
    assert group.deploy("v4").status is DeploymentStatus.SUCCEEDED
    answer = group.engine.invoke("Rollback", {"application": "shop", "group": "goes-back"})
    assert group.engine.wait(answer["deployment_id"]).revision.sha256 == first.revision.sha256
    assert group.installed() == ["v1", "v1"]


def test_an_alarm_stops_the_deployment_cancels_what_runs_and_rolls_back(fleet: MakeFleet) -> None:
    group = fleet("alarm", hosts=2)
    group.deploy("v1")
    second = group.begin("v2", {"scripts/validate.sh": failing("sleep 3600")})
    group.engine.wait_until(second, lambda one: one.counts.started == 1)
    wait_for(lambda: "v2" in group.installed(), "the first host to have v2")
    group.cloud.set_alarm("alarm-errors", "ALARM")
    ended = group.engine.wait(second)  # the script would sleep longer
    group.cloud.set_alarm("alarm-errors", "OK")
    assert ended.status is DeploymentStatus.STOPPED
    assert ended.failure and ended.failure.code is DeploymentErrorCode.ALARM_ACTIVE
    assert (ended.counts.failed, ended.counts.skipped) == (1, 1)
    cancelled = next(target for target in group.targets(ended) if target.status is TargetStatus.FAILED)
    assert cancelled.failure and cancelled.failure.cause is Cause.STOPPED
    assert ended.rollback and ended.rollback.rollback_deployment_id
    back = group.engine.wait(ended.rollback.rollback_deployment_id)
    assert back.status is DeploymentStatus.SUCCEEDED and group.installed() == ["v1", "v1"]


def test_an_alarm_that_is_active_at_the_start_stops_it_before_any_host(fleet: MakeFleet) -> None:
    group = fleet("alarm-at-start", hosts=1)
    group.cloud.set_alarm("start-errors", "ALARM")
    one = group.deploy("v1")
    group.cloud.set_alarm("start-errors", "OK")
    assert one.status is DeploymentStatus.STOPPED and one.counts.started == 0
    assert one.failure and one.failure.code is DeploymentErrorCode.ALARM_ACTIVE
    assert group.installed() == [""]


def test_an_alarm_that_cannot_be_read_stops_the_deployment_unless_that_is_ignored(fleet: MakeFleet) -> None:
    strict, lenient = fleet("alarm-missing", hosts=1), fleet("alarm-ignored", hosts=1)
    stopped = strict.deploy("v1")
    assert stopped.status is DeploymentStatus.STOPPED and strict.installed() == [""]
    assert stopped.failure and "nobody-made-this do not exist" in stopped.failure.message
    assert lenient.deploy("v1").status is DeploymentStatus.SUCCEEDED


def test_an_alarm_ends_the_bake_at_once(fleet: MakeFleet) -> None:
    group = fleet("bake", hosts=1)
    one = group.begin("v1")
    group.engine.wait_until(one, lambda each: each.hold is not None)
    group.cloud.set_alarm("bake-errors", "ALARM")
    ended = group.engine.wait(one)
    group.cloud.set_alarm("bake-errors", "OK")
    assert ended.status is DeploymentStatus.STOPPED and ended.counts.succeeded == 1


def test_every_change_is_announced_in_order(fleet: MakeFleet) -> None:
    """Invariant 5: on the bus and, where a trigger asks for it, by SNS."""
    group = fleet("told", hosts=1)
    queue = group.cloud.subscribe(group.engine.outputs["TopicArn"])
    one = group.deploy("v1")

    def heard() -> list[tuple[str, str]] | None:
        mine = [message for message in queue.messages() if message["deploymentId"] == one.deployment_id]
        told = [(each["eventTriggerName"], each.get("status") or each["instanceStatus"]) for each in mine]
        return told if len(told) >= 4 else None

    told = wait_for(heard, "four SNS messages")
    assert set(told) == {("all", "CREATED"), ("all", "IN_PROGRESS"), ("all", "SUCCEEDED")} and len(told) == 4
    done = next(each for each in queue.messages() if each.get("status") == "SUCCEEDED")
    assert json.loads(done["deploymentOverview"])["Succeeded"] == 1


def test_slack_hears_of_outcomes_and_never_of_instances(fleet: MakeFleet) -> None:
    group = fleet("heard", hosts=2)
    one = group.deploy("v1", {"scripts/validate.sh": failing("echo all is lost", "exit 9")})

    def messages() -> list[str] | None:
        mine = [each for each in group.cloud.slack.messages() if one.deployment_id in each["text"]]
        return [json.dumps(each) for each in mine] if len(mine) >= 2 else None

    begun, failed = wait_for(messages, "Slack to show the start and the failure")
    assert "Deployment started" in begun and "Deployment failed" in failed
    assert "all is lost" in failed and "scripts/validate.sh" in failed and "shop" in failed


def test_the_same_revision_again_is_a_deployment_of_its_own(fleet: MakeFleet) -> None:
    group = fleet("main", hosts=1)
    first, second = group.deploy("v1"), group.deploy("v1")
    assert first.deployment_id != second.deployment_id
    assert first.revision.sha256 == second.revision.sha256 and first.revision.version != second.revision.version
    assert group.ran(group.hosts[0])[len(HOOKS)] == "v1 ApplicationStop"


def test_application_makes_the_same_bytes_of_the_same_files() -> None:
    assert application("v1") == application("v1")

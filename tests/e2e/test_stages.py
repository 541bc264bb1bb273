"""Roll-outs in stages on the deployed stack: a canary that bakes and is approved, a pause, an alarm in the second
stage; a freeze in the middle and its bypass; two groups under one budget; zone by zone, of which one fails; a canary
that its metrics judge."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from cli.exits import Exit
from functions.core.records import AnalysisVerdict, HoldKind
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, TargetStatus
from local.cloud import LocalInstance
from local.driver import wait_for
from local.server import REGION
from tests.e2e.conftest import Fleet, MakeFleet, failing
from tests.e2e.principals import Principal, operations
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
    archive = f"s3://{ended.revision.bucket}/{ended.revision.key}?versionId={ended.revision.version}"
    plan = json.loads(stepdeploy("plan", group.key, archive, "--json"))
    assert plan["canBegin"] and plan["hostsTimed"] == 4 and plan["pinnedRevision"]["sha256"] == ended.revision.sha256
    two = group.begin("v2", waits)
    held = group.engine.wait_until(two, lambda each: each.status is DeploymentStatus.READY)
    planned = {each["hostId"]: (each["stage"], each["order"]) for each in plan["hosts"]}
    assert planned == {each.target_id: (each.stage, each.rank) for each in group.targets(two)}, "it does what it said"
    assert [each["name"] for each in plan["stages"]] == [each.name for each in held.stages]
    group.live(two, "Deployment waits for approval", "*Waits for an approval* after the stage canary")
    stepdeploy("approve", two)
    wait_for(lambda: any(each.stage == 1 and each.started_at for each in group.targets(two)), "the second stage")
    group.cloud.set_alarm("staged-errors", "ALARM")
    stopped = group.engine.wait(two)
    group.cloud.set_alarm("staged-errors", "OK")
    assert stopped.status is DeploymentStatus.STOPPED and stopped.failure
    assert stopped.failure.code is DeploymentErrorCode.ALARM_ACTIVE
    assert {target.target_id: target.stage for target in group.targets(two)} == stages
    _, thread = group.live(two, "Deployment stopped", "*Deployment stopped*")
    said = [each["text"] for each in thread]
    assert said[0].startswith("<!here> :raised_hand:") and any("*Approved* by" in each for each in said)
    assert any("*Stopped by alarm staged-errors*" in each for each in said)
    assert [each["is_broadcast"] for each in thread].count(True) == 2, "the request and the end call somebody"
    third = [host for host in group.hosts if stages[host.id] == 2]
    assert [group.read(host, "srv/app/version.txt") for host in third] == ["v1", "v1"]


def test_a_freeze_in_the_middle_holds_the_next_stage_until_it_is_lifted_or_bypassed(fleet: MakeFleet) -> None:
    group = fleet("frozen")
    stepdeploy = CommandLine(group)
    finds_the_engine = {"cloudformation:DescribeStacks": ["*"]}
    on_call, deployer = (
        Principal(group.cloud, name, operations("Get*", "List*", may) | finds_the_engine)
        for name, may in (("on-call", "BypassWindows"), ("deployer", "CreateDeployment"))
    )

    one, freeze = _frozen_in_its_first_stage(group, stepdeploy, "v1")
    assert sorted(group.installed()) == ["", "v1"], "what has begun goes on to its end, and nothing else begins"
    assert "after stage 1 of 2 (one) frozen" in stepdeploy("show", one)
    stepdeploy("unfreeze", freeze)
    assert group.engine.wait(one).status is DeploymentStatus.SUCCEEDED and group.installed() == ["v1", "v1"]

    two, _ = _frozen_in_its_first_stage(group, stepdeploy, "v2")
    why = ("--reason", "an outage")
    refused = stepdeploy("bypass", two, *why, "--json", by=deployer, exit=Exit.REFUSED)
    assert "BypassWindows needs execute-api:Invoke" in refused and sorted(group.installed()) == ["v1", "v2"]
    stepdeploy("bypass", two, *why, by=on_call)
    ended = group.engine.wait(two)
    assert ended.status is DeploymentStatus.SUCCEEDED and group.installed() == ["v2", "v2"]
    assert ended.bypass and (ended.bypass.by, ended.bypass.why) == (on_call.arn, "an outage")


def _frozen_in_its_first_stage(group: Fleet, stepdeploy: CommandLine, version: str) -> tuple[str, str]:
    """A deployment that is held after its first stage by a freeze which began in that, and the freeze."""
    for host in group.hosts:
        host.path("srv/go").unlink(missing_ok=True)
    begun = group.begin(version, {"scripts/start.sh": failing("until [ -e /srv/go ]; do sleep 0.1; done")})
    wait_for(lambda: any(each.started_at for each in group.targets(begun)), "the first stage")
    freeze = stepdeploy("freeze", group.key, "--reason", "a move").partition(":")[0]
    for host in group.hosts:
        host.path("srv/go").touch()
    held = group.engine.wait_until(begun, lambda each: each.hold is not None)
    assert held.hold and held.hold.kinds == (HoldKind.FREEZE,)
    return begun, freeze


TIMED = {  # hooks that write down from when to when their host is out of service
    "scripts/note.sh": failing('[ "$LIFECYCLE_EVENT" != BeforeInstall ] || date +%s.%N >>/srv/times'),
    "scripts/validate.sh": failing("sleep 0.3", "date +%s.%N >>/srv/times"),
}


def test_of_hosts_under_one_budget_no_more_are_out_whichever_groups_deploy(fleet: MakeFleet) -> None:
    """Two groups of the same two hosts, of which one may be out; the hosts themselves say when they were."""
    group = fleet("budget", hosts=2)
    other = Fleet(group.cloud, group.engine, "budget-too", group.hosts)
    begun = [group.begin("v1", TIMED), other.begin("v2", TIMED)]
    for one in begun:
        ended = group.engine.wait(one)
        assert ended.status is DeploymentStatus.SUCCEEDED and ended.counts.succeeded == 2
    out = sorted(each for host in group.hosts for each in _times(group, host))
    assert len(out) == 4 and all(end <= start for (_, end), (start, _) in pairwise(out)), out
    assert "together: 0 of 1 place held" in CommandLine(group)("budgets")


def _times(group: Fleet, host: LocalInstance) -> list[tuple[float, float]]:
    times = [float(line) for line in group.read(host, "srv/times").splitlines()]
    return list(zip(times[::2], times[1::2], strict=True))


def test_a_zone_that_fails_ends_the_roll_out_before_the_later_zones(fleet: MakeFleet) -> None:
    """The smallest zone comes first, of equal ones the first by name. One host of each stays in service."""
    a, b, c = (f"{REGION}{letter}" for letter in "abc")
    group = fleet("zonal", zones=[a, a, a, b, b, c, c])
    for host in group.hosts[5:]:
        host.path("srv").mkdir(exist_ok=True)
        host.path("srv/ill").touch()
    checked = TIMED["scripts/validate.sh"] + "[ ! -e /srv/ill ] || exit 3\n"
    ended = group.deploy("v1", {**TIMED, "scripts/validate.sh": checked})
    assert ended.status is DeploymentStatus.FAILED and ended.failure
    assert ended.failure.code is DeploymentErrorCode.HEALTH_CONSTRAINTS and c in ended.failure.message
    assert [stage.name for stage in ended.stages] == [b, c, a]
    found = {each.target_id: each.status for each in group.targets(ended)}
    statuses = [found[host.id] for host in group.hosts]
    assert statuses[:5] == [TargetStatus.SKIPPED] * 3 + [TargetStatus.SUCCEEDED] * 2
    assert sorted(statuses[5:]) == [TargetStatus.FAILED, TargetStatus.SKIPPED]
    (first, second), (ill,) = (
        sorted(each for host in hosts for each in _times(group, host)) for hosts in (group.hosts[3:5], group.hosts[5:])
    )
    assert first[1] <= second[0] and second[1] + 1 <= ill[0], "one at a time, and alarms are watched between the zones"
    assert group.installed()[:3] == ["", "", ""]


def test_a_canary_without_data_waits_for_somebody_and_a_bad_one_goes_back(fleet: MakeFleet) -> None:
    group = fleet("judged", hosts=2)
    stepdeploy = CommandLine(group)

    one = group.begin("v1")
    waits = group.engine.wait_until(one, lambda each: each.status is DeploymentStatus.READY)
    assert [each.verdict for each in waits.analyses] == [AnalysisVerdict.INCONCLUSIVE]
    assert sorted(group.installed()) == ["", "v1"], "no other host begins"
    assert "metrics are inconclusive (errors: 1 of 1 new host with fewer than 1 data point)" in stepdeploy("show", one)
    stepdeploy("approve", one, "--watch")
    assert group.installed() == ["v1", "v1"]

    (canary,) = [target.target_id for target in group.targets(one) if target.stage == 0]
    tell_errors(group, {host.id: 9.0 if host.id == canary else 1.0 for host in group.hosts})
    stopped = group.deploy("v2")
    assert stopped.status is DeploymentStatus.STOPPED and stopped.failure and stopped.rollback
    assert stopped.failure.code is DeploymentErrorCode.ALARM_ACTIVE
    assert "errors: 9 on 1 new host, above 2 (1 on 1 old host, and 1 of tolerance)" in stopped.failure.message
    back = group.engine.wait(str(stopped.rollback.rollback_deployment_id))
    assert back.status is DeploymentStatus.SUCCEEDED and group.installed() == ["v1", "v1"]
    events = [set(group.ran(host)) for host in group.hosts]
    assert sorted(any(each.startswith("v2 ") for each in ran) for ran in events) == [False, True]


def tell_errors(group: Fleet, values: dict[str, float]) -> None:
    """A value of each host in every second of the next minutes."""
    now = datetime.now(UTC)
    for host_id, value in values.items():
        points = [
            {
                "MetricName": "Errors",
                "Dimensions": [{"Name": "InstanceId", "Value": host_id}],
                "Timestamp": now + timedelta(seconds=second),
                "Value": value,
                "StorageResolution": 1,
            }
            for second in range(300)
        ]
        group.cloud.client("cloudwatch").put_metric_data(Namespace="e2e", MetricData=points)

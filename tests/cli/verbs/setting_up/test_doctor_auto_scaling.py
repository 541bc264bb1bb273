"""`stepdeploy doctor` of Auto Scaling: hooks, suspended processes and members that are not as they should be."""
# ruff: noqa: F811 - a test asks for a fixture by its name

from copy import copy
from typing import Any

import pytest

from cli.account.connection import Engine
from functions.core.auto_scaling import TRANSITIONS, hook_name
from functions.core.records import AutoScaling, DeploymentSummary, GroupSettings, HookKind, Host
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import host_key
from tests.cli.verbs.setting_up.test_doctor import Account, account  # noqa: F401 - a fixture
from tests.conftest import WEB, put_group, put_item, revision, stand_in
from tests.fakes.autoscaling import FakeAutoScaling
from tests.unit.news import deployment, item_of

HOOK = hook_name(HookKind.LAUNCH, "shop/web")
GOOD = deployment(DeploymentStatus.SUCCEEDED, deployment_id="d-GOOD00000", revision=revision(sha256="1" * 64))
OTHER = deployment(DeploymentStatus.SUCCEEDED, deployment_id="d-OTHER0000", revision=revision(sha256="2" * 64))
LAUNCH = {"LifecycleTransition": TRANSITIONS[HookKind.LAUNCH], "HeartbeatTimeout": 600, "DefaultResult": "ABANDON"}


@pytest.fixture
def fleet(account: Account, monkeypatch: pytest.MonkeyPatch) -> FakeAutoScaling:
    """An Auto Scaling group of two members that have the group's last good revision, as the command line sees it."""
    service = FakeAutoScaling()
    stand_in("autoscaling", copy(service))  # the engine may see more than these credentials
    made = Engine.client
    see = lambda self, name, **how: service if name == "autoscaling" else made(self, name, **how)  # noqa: E731
    monkeypatch.setattr(Engine, "client", see)
    zones = ["us-east-1a"]
    service.create_auto_scaling_group(AutoScalingGroupName="fleet", MinSize=0, MaxSize=9, AvailabilityZones=zones)
    put_hook(service)
    for found in (GOOD, OTHER):
        put_item(item_of(found))
    scale()
    for each in account.instances:
        service.put_member("fleet", each)
        put_host(each, GOOD.deployment_id)
    return service


def scale(status: DeploymentStatus = DeploymentStatus.SUCCEEDED) -> None:
    """The deployment group; `status`: of its last deployment."""
    good = DeploymentSummary(
        deployment_id=GOOD.deployment_id,
        status=GOOD.status,
        create_time=GOOD.create_time,
        revision=GOOD.revision,
    )
    last = DeploymentSummary(deployment_id=OTHER.deployment_id, status=status, create_time=OTHER.create_time)
    scaled = AutoScaling(groups=("fleet",), suspended=("AZRebalance",))
    put_group(settings=GroupSettings(tag_groups=(WEB,), auto_scaling=scaled), last_successful=good, last_attempted=last)


def put_hook(service: Any, name: str = HOOK, group_key: str = "shop/web", **fields: Any) -> None:
    told = {**LAUNCH, "NotificationMetadata": group_key, **fields}
    service.put_lifecycle_hook(AutoScalingGroupName="fleet", LifecycleHookName=name, **told)


def put_host(host_id: str, deployment_id: str, status: TargetStatus = TargetStatus.SUCCEEDED) -> None:
    host = Host(target_id=host_id, deployment_id=deployment_id, status=status, since="2026-01-01T00:00:00.000Z")
    put_item({**host_key("uuid-of-web", host_id).item, **to_plain(host)})


def test_a_group_whose_members_have_the_revision_has_no_problem(account: Account, fleet: FakeAutoScaling) -> None:
    assert account.doctor() == (0, [])
    assert account.doctor("shop/web") == (0, [])


def test_a_hook_that_is_missing_is_a_problem_with_the_command_that_makes_it(
    account: Account, fleet: FakeAutoScaling
) -> None:
    fleet.delete_lifecycle_hook(AutoScalingGroupName="fleet", LifecycleHookName=HOOK)
    found = account.only("problem")
    assert f"fleet: has no lifecycle hook {HOOK}" in found["message"]
    assert found["remedy"] == (
        f"aws autoscaling put-lifecycle-hook --auto-scaling-group-name fleet --lifecycle-hook-name {HOOK}"
        " --lifecycle-transition autoscaling:EC2_INSTANCE_LAUNCHING --notification-metadata shop/web"
        " --heartbeat-timeout 600 --default-result ABANDON"
    )


def test_a_hook_that_somebody_has_changed_is_a_problem(account: Account, fleet: FakeAutoScaling) -> None:
    put_hook(fleet, group_key="shop/api", HeartbeatTimeout=60, DefaultResult="CONTINUE")
    changed = "NotificationMetadata shop/api, DefaultResult CONTINUE, HeartbeatTimeout 60"
    assert f"lifecycle hook {HOOK} was changed ({changed})" in account.only("problem")["message"]


def test_a_hook_that_no_group_has_any_more_is_named_with_the_command_that_deletes_it(
    account: Account, fleet: FakeAutoScaling
) -> None:
    old = hook_name(HookKind.LAUNCH, "shop/old")
    put_hook(fleet, old, "shop/old")
    put_hook(fleet, "theirs", "")
    found = account.only("warning")
    assert found["message"] == f"fleet: lifecycle hook {old} of shop/old, which has none here"
    assert found["remedy"].endswith(f"--auto-scaling-group-name fleet --lifecycle-hook-name {old}")


def test_processes_that_no_deployment_has_suspended_are_named(account: Account, fleet: FakeAutoScaling) -> None:
    fleet.suspend_processes(AutoScalingGroupName="fleet", ScalingProcesses=["AZRebalance", "Terminate"])
    found = account.only("warning")
    assert found["message"] == "fleet: AZRebalance, Terminate suspended, and not by a deployment that runs"
    assert found["remedy"].endswith("--auto-scaling-group-name fleet --scaling-processes AZRebalance Terminate")
    scale(DeploymentStatus.IN_PROGRESS)
    assert "fleet: Terminate suspended" in account.only("warning")["message"]


def test_members_without_the_revision_are_named(account: Account, fleet: FakeAutoScaling) -> None:
    first, second = account.instances
    put_host(first, OTHER.deployment_id)
    put_host(second, GOOD.deployment_id, TargetStatus.FAILED)
    (new,) = account.launch()
    fleet.put_member("fleet", new, "Standby")
    (waiting,) = account.launch()
    fleet.put_member("fleet", waiting, "Pending:Wait")
    found = account.only("warning")
    assert all(each in found["message"] for each in (first, second, new)) and waiting not in found["message"]
    assert "--outdated-only" in found["remedy"]


def test_an_auto_scaling_group_that_cannot_be_deployed_to_is_a_problem(
    account: Account, fleet: FakeAutoScaling
) -> None:
    fleet.set_group("fleet", WarmPoolConfiguration={"InstanceReusePolicy": {"ReuseOnScaleIn": True}})
    assert "set ReuseOnScaleIn" in account.only("problem")["message"]


def test_what_may_not_be_seen_is_unknown(account: Account, fleet: FakeAutoScaling) -> None:
    def refuse(called: str) -> None:
        raise fleet.refuse("AccessDenied", called)

    fleet.before = refuse
    _, found = account.doctor()
    assert {each["level"] for each in found} == {"unknown"}
    both = "grant autoscaling:DescribeAutoScalingGroups and autoscaling:DescribeLifecycleHooks"
    assert [each["remedy"] for each in found] == ["grant autoscaling:DescribeAutoScalingGroups", both]

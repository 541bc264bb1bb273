"""An Auto Scaling group: what it launches enters service with the revision, also in the middle of a deployment."""

from functions.core.records import HookKind
from functions.core.statuses import Creator, DeploymentStatus
from local.driver import wait_for
from tests.e2e.conftest import Fleet, MakeFleet, failing

GATE = "/srv/gate"


def resize(group: Fleet, size: int) -> None:
    """Ask Auto Scaling for so many instances, and wait until they are in service and SSM reaches them: one that nothing
    was ever deployed to is in service before its agent has begun."""
    api, ssm = group.cloud.client("autoscaling"), group.cloud.client("ssm")
    api.set_desired_capacity(AutoScalingGroupName="scaled", DesiredCapacity=size)

    def states() -> list[str]:
        (found,) = api.describe_auto_scaling_groups(AutoScalingGroupNames=["scaled"])["AutoScalingGroups"]
        group.hosts = [group.cloud.instance(each["InstanceId"]) for each in found["Instances"]]
        return [each["LifecycleState"] for each in found["Instances"]]

    def reached() -> set[str]:
        known = ssm.describe_instance_information()["InstanceInformationList"]
        return {each["InstanceId"] for each in known if each["PingStatus"] == "Online"}

    wait_for(lambda: states() == ["InService"] * size, f"{size} instances in service")
    wait_for(lambda: reached().issuperset(host.id for host in group.hosts), "SSM to reach them")


def test_instances_enter_service_with_the_revision_and_leave_after_their_last_script(
    fleet: MakeFleet,
) -> None:
    """Invariant 11."""
    group = fleet("scaled", hosts=0)
    resize(group, 1)
    assert group.installed() == [""], "nothing was ever deployed, so it is let through"
    assert group.deploy("v1").status is DeploymentStatus.SUCCEEDED and group.installed() == ["v1"]
    waits = failing('"$(dirname "$0")/note.sh"', f"until [ -e {GATE} ]; do sleep 0.2; done")
    second = group.begin("v2", {"scripts/start.sh": waits})
    group.engine.wait_until(second, lambda each: each.counts.started == 1)
    resize(group, 2)
    assert "v1" in group.installed(), "it has come with the last good revision"
    for host in group.hosts:
        host.path(GATE).touch()
    ended = group.engine.wait(second)
    assert ended.status is DeploymentStatus.SUCCEEDED and len(group.targets(second)) == 1
    wait_for(lambda: group.installed() == ["v2", "v2"], "the one that was missed to have v2")
    updates = wait_for(lambda: group.engine.wait(second).updated_by, "the second deployment to name the update")
    assert group.engine.wait(updates[0]).creator is Creator.AUTO_UPDATE
    resize(group, 1)
    launches = {each.launch.action.kind: each for each in group.engine.deployments(group.key) if each.launch}
    last = launches[HookKind.TERMINATION]
    assert last.status is DeploymentStatus.SUCCEEDED and last.creator is Creator.AUTO_SCALING_TERMINATION
    assert [event.name for event in group.targets(last)[0].events] == ["ApplicationStop"]
    resize(group, 0)

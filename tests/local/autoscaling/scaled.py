"""Auto Scaling groups for tests: what one test makes of them, and what it hears of them.

A second of time-outs and grace periods lasts two hundredths here, so the shortest time-out that AWS allows is 0.6 s.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.cloud import LocalCloud
from local.driver import wait_for
from tests.local.emulator import Account, Queue

SECOND = 0.02
PATIENCE = 20.0
LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
LAUNCH, TERMINATE = "EC2 Instance-launch Lifecycle Action", "EC2 Instance-terminate Lifecycle Action"


def hook(name: str = "install", **how: Any) -> dict[str, Any]:
    """A hook that holds launches for a minute of real time."""
    return {"LifecycleHookName": name, "LifecycleTransition": LAUNCHING, "HeartbeatTimeout": 3000, **how}


class Events:
    """What EventBridge delivers about one group, from now on."""

    def __init__(self, account: Account, group: str, *kinds: str) -> None:
        pattern: dict[str, Any] = {"source": ["aws.autoscaling"], "detail": {"AutoScalingGroupName": [group]}}
        self._account = account
        self._queue: Queue = account.subscribe(pattern | ({"detail-type": list(kinds)} if kinds else {}))

    def next(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._account.message(self._queue))
        return found

    def next_of(self, kind: str) -> dict[str, Any]:
        """The next one of a kind; others before it are skipped."""
        while (found := self.next())["detail-type"] != kind:
            pass
        return found

    def is_empty(self) -> bool:
        sqs = self._account.client("sqs")
        return "Messages" not in sqs.receive_message(QueueUrl=self._queue.url, WaitTimeSeconds=0)


class Scaled:
    """One test's groups."""

    def __init__(self, aws: LocalCloud, account: Account) -> None:
        self.aws, self.account = aws, account
        self.api, self.ec2 = account.client("autoscaling"), account.client("ec2")

    def template(self, **data: Any) -> str:
        """The name of a new launch template."""
        name = self.account.name()
        self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": "ami-1234", **data})
        self.account.at_end(self.ec2.delete_launch_template, LaunchTemplateName=name)
        return name

    def group(self, size: int = 1, *, most: int = 4, settles: bool = True, **how: Any) -> str:
        """The name of a new group, whose instances are in service unless a hook holds them."""
        name = self.account.name()
        given: dict[str, Any] = {"MinSize": 0}
        if "AvailabilityZones" not in how:
            given["VPCZoneIdentifier"] = "subnet-00000001,subnet-00000002"
        if not {"LaunchTemplate", "LaunchConfigurationName"} & how.keys():
            given["LaunchTemplate"] = {"LaunchTemplateName": self.template()}
        self.account.at_end(self.remove, name=name)
        self.api.create_auto_scaling_group(
            **{**given, "AutoScalingGroupName": name, "MaxSize": most, "DesiredCapacity": size, **how}
        )
        if settles and "LifecycleHookSpecificationList" not in how:
            self.becomes(name, *["InService"] * size)
        return name

    def remove(self, name: str) -> None:
        """At once, with all of its instances."""
        self.api.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
        self.until(lambda: not self.described(name), f"{name} to be gone")

    def described(self, name: str) -> dict[str, Any]:
        found = self.api.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return found[0] if found else {}

    def instances(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.described(name).get("Instances", [])
        return found

    def ids(self, name: str, state: str = "InService") -> list[str]:
        return [each["InstanceId"] for each in self.instances(name) if each["LifecycleState"] == state]

    def states(self, name: str) -> list[str]:
        return sorted(each["LifecycleState"] for each in self.instances(name))

    def warm(self, name: str) -> list[str]:
        """The states in the warm pool."""
        found = self.api.describe_warm_pool(AutoScalingGroupName=name)["Instances"]
        return sorted(each["LifecycleState"] for each in found)

    def becomes(self, name: str, *states: str) -> None:
        """Wait until the group has instances in just these states."""
        self.until(lambda: self.states(name) == sorted(states), f"{name} to have {states}, not {self.states(name)}")

    def resize(self, name: str, desired: int) -> None:
        self.api.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=desired)

    def hook(self, name: str, hook_name: str = "install", **how: Any) -> None:
        self.api.put_lifecycle_hook(AutoScalingGroupName=name, **hook(hook_name, **how))

    def answer(self, event: dict[str, Any], result: str = "CONTINUE") -> None:
        """Complete the lifecycle action of an event, by its token."""
        detail = event["detail"]
        self.api.complete_lifecycle_action(
            AutoScalingGroupName=detail["AutoScalingGroupName"],
            LifecycleHookName=detail["LifecycleHookName"],
            LifecycleActionToken=detail["LifecycleActionToken"],
            LifecycleActionResult=result,
        )

    def events(self, name: str, *kinds: str) -> Events:
        """Those of a group, of lifecycle actions unless other kinds are named."""
        return Events(self.account, name, *(kinds or (LAUNCH, TERMINATE)))

    def activities(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.describe_scaling_activities(AutoScalingGroupName=name)["Activities"]
        return found

    def host_state(self, instance_id: str) -> str:
        """As EC2 has it."""
        found = self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])

    def until(self, holds: Callable[[], Any], what: str) -> None:
        wait_for(lambda: holds() or None, what, PATIENCE, every=0.02)


@pytest.fixture
def scaled(our_cloud: LocalCloud, cloud: Account) -> Iterator[Scaled]:
    our_cloud.auto_scaling.set(second=SECOND, agent_seconds=0.0)
    yield Scaled(our_cloud, cloud)
    our_cloud.auto_scaling.clear()
    our_cloud.faults.clear()

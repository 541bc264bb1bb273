"""Auto Scaling: groups with their instances, how they judge health, hooks that hold, and suspended processes."""

from collections.abc import Sequence
from typing import Any

from tests.fakes.service import Service


class FakeAutoScaling(Service):
    name = "autoscaling"

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[str, dict[str, Any]] = {}
        self._hooks: dict[str, dict[str, dict[str, Any]]] = {}
        self.answers: list[tuple[str, str, str]] = []  # instance, hook and result
        self.heartbeats: list[str] = []  # instances

    def put_member(self, group: str, instance_id: str, state: str = "InService") -> None:
        """An instance of the group, in a state that a test wants."""
        members = self._groups[group].setdefault("Instances", [])
        self._groups[group]["Instances"] = [
            *(each for each in members if each["InstanceId"] != instance_id),
            {
                "InstanceId": instance_id,
                "AvailabilityZone": "us-east-1a",
                "LifecycleState": state,
                "HealthStatus": "Healthy",
                "ProtectedFromScaleIn": False,
            },
        ]

    def remove_member(self, group: str, instance_id: str) -> None:
        members = self._groups[group]["Instances"]
        self._groups[group]["Instances"] = [each for each in members if each["InstanceId"] != instance_id]

    def set_group(self, group: str, **members: Any) -> None:
        """Members of the group as DescribeAutoScalingGroups shows them."""
        self._groups[group] |= members

    def remove_group(self, group: str) -> None:
        del self._groups[group]

    def hooks_of(self, group: str) -> dict[str, dict[str, Any]]:
        return self._hooks.get(group, {})

    # -- the operations

    def on_create_launch_configuration(self, **_: Any) -> None:
        """What a group launches is of no interest here."""

    def on_create_auto_scaling_group(
        self,
        *,
        AutoScalingGroupName: str,
        MinSize: int,
        MaxSize: int,
        AvailabilityZones: Sequence[str],
        HealthCheckType: str = "EC2",
        HealthCheckGracePeriod: int = 300,
        **_: Any,
    ) -> None:
        self._groups[AutoScalingGroupName] = {
            "AutoScalingGroupName": AutoScalingGroupName,
            "MinSize": MinSize,
            "MaxSize": MaxSize,
            "DesiredCapacity": MinSize,
            "DefaultCooldown": 300,
            "AvailabilityZones": list(AvailabilityZones),
            "HealthCheckType": HealthCheckType,
            "HealthCheckGracePeriod": HealthCheckGracePeriod,
            "CreatedTime": "2026-11-23T10:00:00Z",
            "SuspendedProcesses": [],
        }

    def on_suspend_processes(self, *, AutoScalingGroupName: str, ScalingProcesses: Sequence[str]) -> None:
        suspended = self._group("SuspendProcesses", AutoScalingGroupName)["SuspendedProcesses"]
        known = {each["ProcessName"] for each in suspended}
        suspended += [{"ProcessName": each} for each in ScalingProcesses if each not in known]

    def on_resume_processes(self, *, AutoScalingGroupName: str, ScalingProcesses: Sequence[str]) -> None:
        group = self._group("ResumeProcesses", AutoScalingGroupName)
        left = [each for each in group["SuspendedProcesses"] if each["ProcessName"] not in ScalingProcesses]
        group["SuspendedProcesses"] = left

    def on_describe_auto_scaling_groups(self, *, AutoScalingGroupNames: Sequence[str] | None = None) -> dict[str, Any]:
        wanted = self._groups if AutoScalingGroupNames is None else AutoScalingGroupNames
        names = [each for each in wanted if each in self._groups]
        return {"AutoScalingGroups": [self._groups[each] for each in names]}

    def on_describe_auto_scaling_instances(self, *, InstanceIds: Sequence[str]) -> dict[str, Any]:
        found = [
            {
                **{name: value for name, value in each.items() if name != "HealthStatus"},
                "AutoScalingGroupName": name,
                "HealthStatus": "HEALTHY",
            }
            for name, group in self._groups.items()
            for each in group.get("Instances", ())
            if each["InstanceId"] in InstanceIds
        ]
        return {"AutoScalingInstances": found}

    def on_describe_lifecycle_hooks(self, *, AutoScalingGroupName: str) -> dict[str, Any]:
        return {"LifecycleHooks": list(self._hooks_of(AutoScalingGroupName).values())}

    def on_put_lifecycle_hook(self, *, AutoScalingGroupName: str, LifecycleHookName: str, **hook: Any) -> None:
        hooks = self._hooks_of(AutoScalingGroupName)
        hooks[LifecycleHookName] = {"LifecycleHookName": LifecycleHookName, **hook}

    def on_delete_lifecycle_hook(self, *, AutoScalingGroupName: str, LifecycleHookName: str) -> None:
        if LifecycleHookName not in self._hooks_of(AutoScalingGroupName):
            raise self._invalid("DeleteLifecycleHook", f"No Lifecycle Hook found with name {LifecycleHookName}")
        del self._hooks[AutoScalingGroupName][LifecycleHookName]

    def on_complete_lifecycle_action(
        self, *, LifecycleHookName: str, InstanceId: str, LifecycleActionResult: str, **_: Any
    ) -> None:
        self._waiting("CompleteLifecycleAction", InstanceId)
        self.answers.append((InstanceId, LifecycleHookName, LifecycleActionResult))

    def on_record_lifecycle_action_heartbeat(self, *, InstanceId: str, **_: Any) -> None:
        self._waiting("RecordLifecycleActionHeartbeat", InstanceId)
        self.heartbeats.append(InstanceId)

    def _group(self, operation: str, name: str) -> dict[str, Any]:
        if name not in self._groups:
            raise self._invalid(operation, f"AutoScalingGroup name not found - AutoScalingGroup {name}")
        return self._groups[name]

    def _hooks_of(self, group: str) -> dict[str, dict[str, Any]]:
        self._group("DescribeLifecycleHooks", group)
        return self._hooks.setdefault(group, {})

    def _waiting(self, operation: str, instance_id: str) -> None:
        states = {
            each["InstanceId"]: each["LifecycleState"]
            for group in self._groups.values()
            for each in group.get("Instances", ())
        }
        if not states.get(instance_id, "").endswith(":Wait"):
            raise self._invalid(operation, f"No active Lifecycle Action found with instance ID {instance_id}")

    def _invalid(self, operation: str, message: str) -> Exception:
        return self.refuse("ValidationError", operation, message)

"""Auto Scaling: groups, how they judge health, and which of their processes are suspended."""

from collections.abc import Sequence
from typing import Any

from tests.fakes.service import Service


class FakeAutoScaling(Service):
    name = "autoscaling"

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[str, dict[str, Any]] = {}

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
            "CreatedTime": "2026-11-23T10:00:00Z",
            "SuspendedProcesses": [],
        }

    def on_suspend_processes(self, *, AutoScalingGroupName: str, ScalingProcesses: Sequence[str]) -> None:
        suspended = self._groups[AutoScalingGroupName]["SuspendedProcesses"]
        suspended += [{"ProcessName": each} for each in ScalingProcesses]

    def on_describe_auto_scaling_groups(self, *, AutoScalingGroupNames: Sequence[str]) -> dict[str, Any]:
        names = [each for each in AutoScalingGroupNames if each in self._groups]
        return {"AutoScalingGroups": [self._groups[each] for each in names]}

"""Auto Scaling: the groups that hosts belong to."""

from collections.abc import Collection

from functions.aws.clients import client
from functions.core.balancer_checks import ScalingGroup

_NAMES_A_CALL = 50


def groups(names: Collection[str]) -> list[ScalingGroup]:
    """Those of the named groups that there are, by name."""
    listed, found = sorted(set(names)), list[ScalingGroup]()
    for start in range(0, len(listed), _NAMES_A_CALL):
        asked = listed[start : start + _NAMES_A_CALL]
        pages = (
            client("autoscaling").get_paginator("describe_auto_scaling_groups").paginate(AutoScalingGroupNames=asked)
        )
        found += [
            ScalingGroup(
                name=each["AutoScalingGroupName"],
                health_check_types=frozenset(each["HealthCheckType"].split(",")),
                suspended=frozenset(process["ProcessName"] for process in each.get("SuspendedProcesses", ())),
            )
            for page in pages
            for each in page["AutoScalingGroups"]
        ]
    return found

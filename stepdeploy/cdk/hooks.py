"""The lifecycle hooks of a deployment group in an Auto Scaling group: the engine answers those of these names."""

import hashlib
import re
from collections.abc import Iterator

from aws_cdk import Names
from aws_cdk import aws_autoscaling as autoscaling
from constructs import Construct

HEARTBEAT_SECONDS = 600
_KINDS = {  # what happens to an instance for which the engine gives no sign of life
    "launch": ("autoscaling:EC2_INSTANCE_LAUNCHING", "ABANDON"),
    "termination": ("autoscaling:EC2_INSTANCE_TERMINATING", "CONTINUE"),
}


def lifecycle_hooks(
    scope: Construct, group: autoscaling.IAutoScalingGroup, *, group_key: str, with_termination: bool
) -> Iterator[autoscaling.CfnLifecycleHook]:
    """`group_key`: application/group, whose letters are known at synth."""
    for kind, (transition, default_result) in _KINDS.items():
        if kind == "launch" or with_termination:
            yield autoscaling.CfnLifecycleHook(
                scope,
                f"{kind.title()}Hook{Names.node_unique_id(group.node)}",
                auto_scaling_group_name=group.auto_scaling_group_name,
                lifecycle_hook_name=hook_name(kind, group_key),
                lifecycle_transition=transition,
                notification_metadata=group_key,
                heartbeat_timeout=HEARTBEAT_SECONDS,
                default_result=default_result,
            )


def hook_name(kind: str, group_key: str) -> str:
    """
    >>> hook_name("launch", "shop/web")
    'stepdeploy-launch-shop-web-97375646'
    """
    readable = re.sub(r"[^A-Za-z0-9-]+", "-", group_key)[:150]
    return f"stepdeploy-{kind}-{readable}-{hashlib.sha256(group_key.encode()).hexdigest()[:8]}"

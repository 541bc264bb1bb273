"""Auto Scaling's operations on the warm pool of a group."""

from __future__ import annotations

from typing import Any

from local.autoscaling.activities import now
from local.autoscaling.fleet import Fleet
from local.autoscaling.lives import leave
from local.autoscaling.operations.groups import described_member, described_pool
from local.autoscaling.pages import page
from local.autoscaling.records import WarmPool
from local.query import QueryError

_NO_LIMIT = -1  # takes a limit away


def put(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    """A pool that there is keeps what is not given."""
    group = fleet.group(asked["AutoScalingGroupName"])
    pool = group.pool or WarmPool()
    if pool.is_deleting:
        raise QueryError("LimitExceeded", "The warm pool of the AutoScalingGroup is being deleted")
    prepared = asked.get("MaxGroupPreparedCapacity", pool.prepared)
    pool.prepared = None if prepared == _NO_LIMIT else prepared
    pool.minimum = asked.get("MinSize", pool.minimum)
    pool.state = asked.get("PoolState", pool.state)
    pool.reuses = asked.get("InstanceReusePolicy", {}).get("ReuseOnScaleIn", pool.reuses)
    group.pool = pool
    group.changed.set()
    return {}


def describe(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group = fleet.group(asked["AutoScalingGroupName"])
    if group.pool is None:
        return {"Instances": []}
    chosen, more = page([member for member in group.warm() if member.is_launched], asked, most=50)
    instances = [described_member(member) for member in chosen]
    return {"WarmPoolConfiguration": described_pool(group), "Instances": instances, **more}


def delete(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    """Its instances pass the hooks of a termination, unless it is forced."""
    group, force = fleet.group(asked["AutoScalingGroupName"]), asked.get("ForceDelete", False)
    if group.pool is None:
        raise QueryError("ValidationError", f"No warm pool found for the AutoScalingGroup {group.name}")
    group.pool.is_deleting = True
    for member in group.warm():
        if force or not member.is_leaving:
            cause = f"At {now()} a user request deleted the warm pool."
            leave(fleet, member, cause, at_once=force)
    group.changed.set()
    return {}


OPERATIONS = {"PutWarmPool": put, "DescribeWarmPool": describe, "DeleteWarmPool": delete}

"""What IAM is asked before an operation: actions, resources, and the tags that are condition keys.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Elastic Load Balancing V2" and
"... for AWS Elastic Load Balancing". A resource that is to be made has no id yet: it is asked about as `name/*`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from local.authorization import Check
from local.elb.classic import Classic
from local.elb.records import Registry
from local.query import QueryError

_ARNS = ("RuleArn", "ListenerArn", "TargetGroupArn", "LoadBalancerArn")


def checks(operation: str, asked: Mapping[str, Any], registry: Registry) -> list[Check]:
    """Everything that a caller of ELBv2 needs; Describe* knows no resources."""
    if operation.startswith("Describe"):
        return [Check(f"elasticloadbalancing:{operation}", "*", {})]
    resources = list(_resources(operation, asked, registry)) or ["*"]
    actions = [operation, *(["AddTags"] if asked.get("Tags") and operation.startswith("Create") else [])]
    return [
        Check(f"elasticloadbalancing:{action}", resource, _tag_keys(_tags(registry, resource)))
        for action in actions
        for resource in resources
    ]


def classic_checks(operation: str, asked: Mapping[str, Any], registry: Registry, classic: Classic) -> list[Check]:
    """Everything that a caller of the Classic API needs."""
    action = f"elasticloadbalancing:{operation}"
    if operation.startswith("Describe"):
        return [Check(action, "*", {})]
    names = asked.get("LoadBalancerNames") or [asked.get("LoadBalancerName", "*")]
    found = []
    for name in names:
        tags = classic.balancers[name].tags if name in classic.balancers else {}
        found.append(Check(action, registry.arn(f"loadbalancer/{name}"), _tag_keys(tags)))
    return found


def _resources(operation: str, asked: Mapping[str, Any], registry: Registry) -> Iterable[str]:
    name = asked.get("Name", "*")
    match operation:
        case "CreateLoadBalancer":
            kind = "net" if asked.get("Type") == "network" else "app"
            return [registry.arn(f"loadbalancer/{kind}/{name}/*")]
        case "CreateTargetGroup":
            return [registry.arn(f"targetgroup/{name}/*")]
        case "AddTags" | "RemoveTags":
            return asked.get("ResourceArns") or []
        case "SetRulePriorities":
            return [each.get("RuleArn", "*") for each in asked.get("RulePriorities") or []]
        case _:
            return [asked[member] for member in _ARNS if member in asked][:1]


def _tags(registry: Registry, arn: str) -> Mapping[str, str]:
    try:
        return registry.tagged(arn)
    except QueryError:
        return {}


def _tag_keys(tags: Mapping[str, str]) -> dict[str, str]:
    prefixes = ("elasticloadbalancing:ResourceTag", "aws:ResourceTag")
    return {f"{prefix}/{name}": value for name, value in tags.items() for prefix in prefixes}

"""ELBv2's operations on rules, and what may be an action or a condition."""

from __future__ import annotations

from typing import Any

from local.elb.pages import page
from local.elb.records import Listener, LoadBalancer, Registry, Rule, forwarded_to
from local.elb.tags import from_list
from local.elb.traffic.routing import FIELDS, values
from local.query import QueryError

MAXIMUM_GROUPS = 5  # of one action
MAXIMUM_PRIORITY = 50_000
_CONFIGS = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}


def create(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    listener = registry.listener(asked["ListenerArn"])
    if listener.load_balancer.type != "application":
        raise QueryError("UnsupportedProtocol", "Rules are for listeners of Application Load Balancers")
    priority = _priority(asked["Priority"])
    _check_free(listener, {str(priority)})
    conditions, actions = _normal_conditions(asked["Conditions"]), normal_actions(asked["Actions"])
    check_actions(registry, listener.load_balancer, actions)
    arn = registry.new_arn(f"listener-rule/{listener.arn.partition(':listener/')[2]}")
    rule = Rule(arn, str(priority), conditions, actions, from_list(asked.get("Tags", [])))
    listener.rules.append(rule)
    _sort(listener)
    return {"Rules": [described(rule)]}


def describe(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    if "RuleArns" in asked:
        found = [registry.rule(arn)[1] for arn in asked["RuleArns"]]
    elif "ListenerArn" in asked:
        found = registry.listener(asked["ListenerArn"]).rules
    else:
        raise QueryError("ValidationError", "You must specify either listener rule ARNs or a listener ARN")
    shown, more = page(found, asked)
    return {"Rules": [described(rule) for rule in shown], **more}


def modify(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    listener, rule = _own(registry, asked["RuleArn"], "modified")
    conditions = _normal_conditions(asked["Conditions"]) if "Conditions" in asked else rule.conditions
    actions = normal_actions(asked["Actions"]) if "Actions" in asked else rule.actions
    check_actions(registry, listener.load_balancer, actions)
    rule.conditions, rule.actions = conditions, actions
    return {"Rules": [described(rule)]}


def delete(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    listener, rule = _own(registry, asked["RuleArn"], "deleted")
    listener.rules.remove(rule)
    return {}


def set_priorities(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    """All of one listener."""
    changes = [(*_own(registry, each["RuleArn"], "modified"), each["Priority"]) for each in asked["RulePriorities"]]
    moved = {rule.arn for _, rule, _ in changes}
    for listener, _, priority in changes:
        _check_free(listener, {str(_priority(priority))}, besides=moved)
    for listener, rule, priority in changes:
        rule.priority = str(priority)
        _sort(listener)
    return {"Rules": [described(rule) for _, rule, _ in changes]}


def described(rule: Rule) -> dict[str, Any]:
    return {
        "RuleArn": rule.arn,
        "Priority": rule.priority,
        "Conditions": rule.conditions,
        "Actions": rule.actions,
        "IsDefault": rule.is_default,
    }


def normal_actions(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they are described: a forward names its groups with their weights, and the one group besides."""
    found = []
    for action in actions:
        if action["Type"] not in ("forward", "fixed-response", "redirect"):
            raise QueryError(
                "InvalidLoadBalancerAction", f"The local cloud has no actions of the type '{action['Type']}'"
            )
        if action["Type"] != "forward":
            found.append(action)
            continue
        weights = forwarded_to([action])
        if not weights:
            raise QueryError("ValidationError", "A target group ARN must be specified")
        groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
        stickiness = action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {"Enabled": False})
        one = {"TargetGroupArn": groups[0]["TargetGroupArn"]} if len(groups) == 1 else {}
        config = {"TargetGroups": groups, "TargetGroupStickinessConfig": stickiness}
        order = {"Order": action["Order"]} if "Order" in action else {}
        found.append({"Type": "forward", **one, **order, "ForwardConfig": config})
    if sum(action["Type"] in ("forward", "fixed-response", "redirect") for action in found) != 1:
        raise QueryError(
            "InvalidLoadBalancerAction", "You must specify exactly one forward, redirect or fixed-response"
        )
    return found


def check_actions(registry: Registry, balancer: LoadBalancer, actions: list[dict[str, Any]]) -> None:
    """Raises QueryError when the balancer may not do so."""
    if balancer.type == "network" and actions[-1]["Type"] != "forward":
        raise QueryError("InvalidLoadBalancerAction", "Network Load Balancers forward only")
    weights = forwarded_to(actions)
    if len(weights) > MAXIMUM_GROUPS:
        raise QueryError("ValidationError", f"Up to '{MAXIMUM_GROUPS}' target groups can be specified")
    for arn, weight in weights.items():
        if not 0 <= weight <= 999:
            raise QueryError("ValidationError", f"The weight '{weight}' must be within '0-999' inclusive")
        group = registry.group(arn)
        if group.is_application != (balancer.type == "application"):
            protocol = group.described.get("Protocol", "none")
            message = f"The target group '{arn}' with the protocol {protocol} is not compatible with the listener"
            raise QueryError("IncompatibleProtocols", message)
        if any(user is not balancer for user in registry.users(arn)):
            message = f"The following target groups cannot be associated with more than one load balancer: {arn}"
            raise QueryError("TargetGroupAssociationLimit", message)


def _normal_conditions(conditions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they are described: with their configuration, and their values besides where there are such."""
    found = []
    for condition in conditions:
        field = condition.get("Field", "")
        if field not in FIELDS:
            raise QueryError(
                "ValidationError", f"Condition field '{field}' must be one of '[{', '.join(sorted(FIELDS))}]'"
            )
        config = _CONFIGS.get(field)
        if config is None:
            found.append(condition)
            continue
        given = values(condition, config)
        if not given:
            raise QueryError("ValidationError", f"A condition value must be specified for '{field}'")
        old = {"Values": given} if field in ("path-pattern", "host-header") else {}
        found.append({"Field": field, **old, config: {"Values": given}})
    return found


def _own(registry: Registry, arn: str, what: str) -> tuple[Listener, Rule]:
    listener, rule = registry.rule(arn)
    if rule.is_default:
        raise QueryError("OperationNotPermitted", f"Default rule '{arn}' cannot be {what}")
    return listener, rule


def _priority(value: int) -> int:
    if not 1 <= value <= MAXIMUM_PRIORITY:
        raise QueryError("ValidationError", f"Priority '{value}' must be between '1' and '{MAXIMUM_PRIORITY}'")
    return value


def _check_free(listener: Listener, priorities: set[str], besides: set[str] | None = None) -> None:
    for rule in listener.rules:
        if rule.priority in priorities and rule.arn not in (besides or set()):
            raise QueryError("PriorityInUse", f"Priority '{rule.priority}' is currently in use")


def _sort(listener: Listener) -> None:
    listener.rules.sort(key=lambda rule: (rule.is_default, 0 if rule.is_default else int(rule.priority)))


OPERATIONS = {
    "CreateRule": create,
    "DescribeRules": describe,
    "ModifyRule": modify,
    "DeleteRule": delete,
    "SetRulePriorities": set_priorities,
}

"""ELBv2's operations on listeners. A listener has a socket from the moment it is made."""

from __future__ import annotations

from typing import Any

from local.elb import attributes
from local.elb.pages import page
from local.elb.records import Listener, LoadBalancer, Registry, Rule
from local.elb.rules import check_actions, normal_actions
from local.elb.tags import from_list
from local.elb.traffic.front import Front
from local.elb.traffic.http import HttpListener
from local.elb.traffic.pool import Member
from local.elb.traffic.routing import chosen, decide
from local.elb.traffic.tunnel import TcpListener
from local.query import QueryError

PROTOCOLS = {"application": "HTTP", "network": "TCP"}


def create(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    balancer = registry.load_balancer(asked["LoadBalancerArn"])
    for name in ("Port", "Protocol"):
        if name not in asked:
            raise QueryError("ValidationError", f"A listener {name.lower()} must be specified")
    _check(registry, balancer, asked["Protocol"], asked["Port"])
    actions = normal_actions(asked["DefaultActions"])
    check_actions(registry, balancer, actions)
    arn = registry.new_arn(f"listener/{balancer.full_name}")
    rules = [Rule(registry.new_arn(f"listener-rule/{arn.partition(':listener/')[2]}"), "default", [], actions)]
    is_application = balancer.type == "application"
    listener = Listener(
        arn=arn,
        load_balancer=balancer,
        port=asked["Port"],
        protocol=asked["Protocol"],
        rules=rules,
        attributes=dict(attributes.APPLICATION_LISTENER if is_application else attributes.LISTENER),
        tags=from_list(asked.get("Tags", [])),
        front=_front(registry, balancer, rules, asked["Port"]),
    )
    registry.listeners[arn] = listener
    return {"Listeners": [described(listener)]}


def describe(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    if "ListenerArns" in asked:
        found = [registry.listener(arn) for arn in asked["ListenerArns"]]
    elif "LoadBalancerArn" in asked:
        found = registry.listeners_of(registry.load_balancer(asked["LoadBalancerArn"]))
    else:
        raise QueryError("ValidationError", "You must specify either listener ARNs or a load balancer ARN")
    shown, more = page(found, asked)
    return {"Listeners": [described(each) for each in shown], **more}


def modify(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    listener = registry.listener(asked["ListenerArn"])
    balancer = listener.load_balancer
    port, protocol = asked.get("Port", listener.port), asked.get("Protocol", listener.protocol)
    if port != listener.port or protocol != listener.protocol:
        _check(registry, balancer, protocol, port, besides=listener)
    actions = normal_actions(asked["DefaultActions"]) if "DefaultActions" in asked else listener.default.actions
    check_actions(registry, balancer, actions)
    if port != listener.port:
        front = _front(registry, balancer, listener.rules, port)
        listener.front.close()
        listener.port, listener.front = port, front
    listener.default.actions = actions
    return {"Listeners": [described(listener)]}


def delete(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    listener = registry.listener(asked["ListenerArn"])
    listener.front.close()
    del registry.listeners[listener.arn]
    return {}


def describe_attributes(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    return attributes.shown(registry.listener(asked["ListenerArn"]).attributes)


def modify_attributes(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    listener = registry.listener(asked["ListenerArn"])
    listener.attributes = attributes.changed(listener.attributes, asked["Attributes"])
    return attributes.shown(listener.attributes)


def describe_certificates(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    registry.listener(asked["ListenerArn"])
    return {"Certificates": []}


def described(listener: Listener) -> dict[str, Any]:
    return {
        "ListenerArn": listener.arn,
        "LoadBalancerArn": listener.load_balancer.arn,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": listener.default.actions,
    }


def _check(
    registry: Registry, balancer: LoadBalancer, protocol: str, port: int, besides: Listener | None = None
) -> None:
    if protocol != PROTOCOLS[balancer.type]:
        message = f"Listeners of the local cloud's {balancer.type} load balancers speak {PROTOCOLS[balancer.type]}"
        raise QueryError("UnsupportedProtocol", f"{message}, not {protocol}")
    if any(each.port == port for each in registry.listeners_of(balancer) if each is not besides):
        message = f"A listener already exists on this port for this load balancer '{balancer.arn}'"
        raise QueryError("DuplicateListener", message)


def _front(registry: Registry, balancer: LoadBalancer, rules: list[Rule], port: int) -> Front:
    """The socket; `rules` is the listener's own list, which changes."""
    if balancer.type == "network":
        return _tcp_front(registry, balancer, rules, port)
    http = HttpListener(
        lambda asked: decide(registry, rules, asked, port),
        port=port,
        source=lambda: balancer.address,
        idle_seconds=lambda: float(balancer.attributes["idle_timeout.timeout_seconds"]),
    )
    return Front(balancer.address, port, http.serve)


def _tcp_front(registry: Registry, balancer: LoadBalancer, rules: list[Rule], port: int) -> Front:
    def choose() -> tuple[Member, int] | None:
        forward = chosen(registry, rules[-1])
        return (forward.member, forward.port) if forward else None

    tcp = TcpListener(choose, lambda: balancer.address, "TCP")
    return Front(balancer.address, port, tcp.serve)


OPERATIONS = {
    "CreateListener": create,
    "DescribeListeners": describe,
    "ModifyListener": modify,
    "DeleteListener": delete,
    "DescribeListenerAttributes": describe_attributes,
    "ModifyListenerAttributes": modify_attributes,
    "DescribeListenerCertificates": describe_certificates,
}

"""The attributes of load balancers, listeners and target groups: which there are, their defaults, what they may be.

Source: the API reference of Elastic Load Balancing v2: LoadBalancerAttribute, TargetGroupAttribute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from local.query import QueryError

BALANCER = {
    "deletion_protection.enabled": "false",
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "ipv6.deny_all_igw_traffic": "false",
    "zonal_shift.config.enabled": "false",
}
APPLICATION_BALANCER = BALANCER | {
    "load_balancing.cross_zone.enabled": "true",
    "idle_timeout.timeout_seconds": "60",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "health_check_logs.s3.enabled": "false",
    "health_check_logs.s3.bucket": "",
    "health_check_logs.s3.prefix": "",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
}
NETWORK_BALANCER = BALANCER | {
    "load_balancing.cross_zone.enabled": "false",
    "dns_record.client_routing_policy": "any_availability_zone",
    "secondary_ips.auto_assigned.per_subnet": "0",
}
GROUP = {
    "deregistration_delay.timeout_seconds": "300",
    "stickiness.enabled": "false",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
APPLICATION_GROUP = GROUP | {
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "slow_start.duration_seconds": "0",
}
LAMBDA_GROUP = {"lambda.multi_value_headers.enabled": "false"}
NETWORK_GROUP = GROUP | {
    "stickiness.type": "source_ip",
    "deregistration_delay.connection_termination.enabled": "false",
    "preserve_client_ip.enabled": "true",
    "proxy_protocol_v2.enabled": "false",
    "target_health_state.unhealthy.connection_termination.enabled": "true",
    "target_health_state.unhealthy.draining_interval_seconds": "0",
}
LISTENER = {"tcp.idle_timeout.seconds": "350"}
APPLICATION_LISTENER = {"routing.http.response.server.enabled": "true"}

_RANGES = {
    "deregistration_delay.timeout_seconds": (0, 3600),
    "idle_timeout.timeout_seconds": (1, 4000),
    "client_keep_alive.seconds": (60, 604800),
    "stickiness.lb_cookie.duration_seconds": (1, 604800),
    "stickiness.app_cookie.duration_seconds": (1, 604800),
    "target_health_state.unhealthy.draining_interval_seconds": (0, 360000),
    "tcp.idle_timeout.seconds": (60, 6000),
}


def changed(attributes: Mapping[str, str], asked: list[dict[str, Any]]) -> dict[str, str]:
    """The attributes with what is asked. Raises QueryError ValidationError for one that there is not, or may not be."""
    given = {each["Key"]: each.get("Value", "") for each in asked}
    for key, value in given.items():
        if key not in attributes:
            raise QueryError("ValidationError", f"Load balancer attribute key '{key}' is not recognized")
        _check(key, value)
    return {**attributes, **given}


def _check(key: str, value: str) -> None:
    if key.endswith(".enabled") and key != "load_balancing.cross_zone.enabled" and value not in ("true", "false"):
        raise QueryError("ValidationError", f"'{key}' must be 'true' or 'false'")
    if key in _RANGES:
        low, high = _RANGES[key]
        if not re.fullmatch(r"\d+", value) or not low <= int(value) <= high:
            raise QueryError("ValidationError", f"'{key}' must be between '{low}' and '{high}' inclusive")
    if key == "slow_start.duration_seconds" and value != "0" and not (value.isdecimal() and 30 <= int(value) <= 900):
        raise QueryError("ValidationError", f"'{key}' must be 0 or between '30' and '900' inclusive")


def shown(attributes: Mapping[str, str]) -> dict[str, Any]:
    """As every operation on attributes answers them."""
    return {"Attributes": [{"Key": key, "Value": value} for key, value in attributes.items()]}

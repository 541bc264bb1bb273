"""A custom deployment configuration of the file."""

from functions.core.declaration.durations import seconds
from functions.core.declaration.minimum import minimum
from functions.core.declaration.stages import stages
from functions.core.declaration.value import Value
from functions.core.rollout.health import RESERVED_PREFIXES, DeploymentConfig, ZonalConfig


def config_of(name: str, value: Value) -> DeploymentConfig:
    if name.startswith(RESERVED_PREFIXES):
        value.refuse_key(f"names that begin with {' or '.join(RESERVED_PREFIXES)} are predefined")
    members = value.known("minimumHealthyHosts", "zonalConfig", "stages", "orderTag", required=["minimumHealthyHosts"])
    least = minimum(members["minimumHealthyHosts"]) if "minimumHealthyHosts" in members else None
    zonal = _zonal(members["zonalConfig"]) if "zonalConfig" in members else None
    rules = stages(members["stages"]) if "stages" in members else ()
    order = members["orderTag"].text(longest=128) if "orderTag" in members else None
    if "zonalConfig" in members and "stages" in members:
        members["stages"].refuse_key("give stages or zonalConfig, not both: a stage can select by zone")
        zonal = None
    return DeploymentConfig(name, least, zonal, rules, order)


def _zonal(value: Value) -> ZonalConfig:
    members = value.known("firstZoneMonitorDuration", "monitorDuration", "minimumHealthyHostsPerZone")
    first = members.get("firstZoneMonitorDuration")
    return ZonalConfig(
        minimum=minimum(members["minimumHealthyHostsPerZone"]) if "minimumHealthyHostsPerZone" in members else None,
        monitor_seconds=seconds(members["monitorDuration"]) if "monitorDuration" in members else 0,
        first_monitor_seconds=seconds(first) if first else None,
    )

"""What the API tells of a group that requests cannot set, only deployments.yaml or a stack."""

from typing import Any

from functions.core.declaration.registrants import stack_id
from functions.core.records import Group, LoadBalancers


def only_declared(record: Group) -> dict[str, Any]:
    """Members of a DeploymentGroupInfo that are extensions."""
    settings = record.settings
    return {
        "isDeclared": record.declared,
        "registeredBy": stack_id(record.registered_by) if record.registered_by else None,
        "bakeSeconds": settings.bake_seconds,
        "slackChannel": settings.slack_channel,
        "fileExistsBehavior": settings.file_exists_behavior,
        "ignoreApplicationStopFailures": settings.ignore_application_stop_failures,
        "hostTraffic": _host_traffic(settings.load_balancers),
    }


def _host_traffic(record: LoadBalancers) -> dict[str, Any] | None:
    """A HostTraffic, None for a group that names no load balancer."""
    if not (record.target_groups or record.classic):
        return None
    return {
        "propagationSeconds": record.propagation_seconds,
        "drain": record.drain,
        "healthyTimeoutSeconds": record.healthy_timeout_seconds,
        "reregisterOnFailure": record.reregister_on_failure,
    }

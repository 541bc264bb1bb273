"""What can be wrong with a deployment's load balancers and alarms, found before a host is touched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from functions.aws import clock, cloudwatch
from functions.aws.cloudwatch import Unread
from functions.aws.fleet import autoscaling, elb
from functions.core.balancer_checks import Severity, host_seconds, problems
from functions.core.errors import InvalidInput, NotDeployable
from functions.core.load_balancers import not_allowed
from functions.core.messages import texts
from functions.core.records import Balancer, Deployment
from functions.core.rollout.analysis import check_alarms, wants_alarm_data
from functions.core.rollout.analysis_rule import check_points
from functions.core.rollout.steps import Hooks
from functions.core.selection import Instance
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, TargetStatus
from functions.engine.running.analysis import PATIENCE
from functions.store.records import declared, hosts
from functions.telemetry import logger


def check_load_balancers(deployment: Deployment, instances: Sequence[Instance]) -> tuple[Balancer, ...]:
    """Those of the deployment as they are; none where it uses none. Raises NotDeployable with all that cannot go well.
    What is only slow or doubtful is logged."""
    named = deployment.settings.load_balancers
    if not named.are_used:
        return ()
    if unknown := not_allowed(named, declared.load_balancers()):
        raise _invalid(f"loadBalancerInfo: {texts.undeclared(unknown)}")
    fleet = [instance for instance in instances if instance.is_ec2]
    scaling_groups = {each.scaling_group for each in fleet if each.scaling_group}
    seen = replace(elb.see(named), scaling_groups=tuple(autoscaling.groups(scaling_groups)))
    found = problems(named, seen, fleet)
    errors = [each.message for each in found if each.severity is Severity.ERROR]
    if errors:
        raise _invalid("\n".join(errors))
    for each in found:
        logger.warning("load balancers: %s", each.message)
    expected = host_seconds(named, seen.balancers)
    logger.info("seconds that the load balancers take of one host", block=expected.block, allow=expected.allow)
    return seen.balancers


def check_alarm_data(deployment: Deployment) -> None:
    """Raises NotDeployable when a stage wants data points of alarms that could never be counted. What CloudWatch does
    not answer now is seen after the stage."""
    wanted = wants_alarm_data(deployment) if deployment.status is DeploymentStatus.CREATED else []
    if not wanted:
        return
    try:
        check_alarms(deployment.settings)
        watched = cloudwatch.alarm_metrics(deployment.settings.alarms.watched, clock.now() + PATIENCE)
        for stage, points in wanted:
            for name, metric in watched.items():
                if isinstance(metric, str):
                    raise InvalidInput(f"the stage {stage.name} wants data points of the alarm {name}: {metric}")
                check_points(f"the alarm {name}", points, metric.period_seconds, stage.bake_seconds)
    except Unread as unread:
        logger.warning("the data of alarms are not checked", reason=str(unread))
    except InvalidInput as error:
        raise NotDeployable(DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID, f"analysis: {error}") from error


def hooks_of_hosts(deployment: Deployment) -> Mapping[str, Hooks]:
    """By host: the hooks of the revision that it has; None where a deployment failed on it, and no one knows which.

    A host that is not there has never been deployed to.
    """
    brought = hosts.of(deployment.group_id)
    by_id = hosts.deployments_of(brought)
    return {
        host.target_id: by_id[host.deployment_id].revision.hooks
        if host.status is TargetStatus.SUCCEEDED and host.deployment_id in by_id
        else None
        for host in brought
    }


def _invalid(message: str) -> NotDeployable:
    return NotDeployable(DeploymentErrorCode.ELASTIC_LOAD_BALANCING_INVALID, message)

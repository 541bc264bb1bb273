"""What can be wrong with a deployment's load balancers, found before a host is touched."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from functions.aws.fleet import autoscaling, elb
from functions.core.balancer_checks import Severity, host_seconds, problems
from functions.core.errors import NotDeployable
from functions.core.load_balancers import not_allowed
from functions.core.messages import texts
from functions.core.records import Balancer, Deployment
from functions.core.selection import Instance
from functions.core.statuses import DeploymentErrorCode
from functions.store.records import declared
from functions.telemetry import logger


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBalancers:
    """The load balancers of a deployment as they are, and what is only slow or doubtful about them."""

    balancers: tuple[Balancer, ...] = ()
    warnings: tuple[str, ...] = ()
    block_seconds: float = 0  # that they take of one host: to leave them, and to be healthy there again
    allow_seconds: float = 0


NONE = CheckedBalancers()


def check_load_balancers(deployment: Deployment, instances: Sequence[Instance]) -> CheckedBalancers:
    """Raises NotDeployable with all that cannot go well."""
    named = deployment.settings.load_balancers
    if not named.are_used:
        return NONE
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
    return CheckedBalancers(
        balancers=seen.balancers,
        warnings=tuple(each.message for each in found),
        block_seconds=expected.block,
        allow_seconds=expected.allow,
    )


def _invalid(message: str) -> NotDeployable:
    return NotDeployable(DeploymentErrorCode.ELASTIC_LOAD_BALANCING_INVALID, message)

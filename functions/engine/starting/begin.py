"""Beginning a deployment: what preflight has planned is written: its targets on record, its stages' manifests in S3."""

from collections.abc import Sequence
from dataclasses import replace

from functions.aws import bucket, clock
from functions.core.errors import Conflict
from functions.core.records import Deployment, Target
from functions.core.rollout import stages
from functions.core.rollout.stages import Manifest
from functions.core.statuses import DeploymentStatus
from functions.engine.auto_scaling import scaling
from functions.engine.starting import alarms, budgets
from functions.engine.starting.preflight import Checks, Plan, preflight, rounds
from functions.store.records import deployments, preparing, targets


def run(deployment: Deployment) -> list[Manifest]:
    """The stages as the state machine runs them; empty when too few targets can be reached. Raises NotDeployable.

    A deployment that had begun before (Prepare is retried, or runs twice) is planned the same again, whatever its
    targets have done since.
    """
    alarms.check_states(deployment)
    alarms.check_data(deployment)
    fleet: Sequence[Target]
    if deployment.status is DeploymentStatus.CREATED:
        if not deployment.is_restart:
            deployment = replace(deployment, revision=bucket.bring(deployment.revision))
        deployment, fleet = begin(preflight(deployment, Checks()))
    else:
        fleet = list(targets.of(deployment.deployment_id))
    if not stages.is_running(deployment) or deployment.stop or deployment.launch:
        return []
    return [bucket.write_manifest(deployment.deployment_id, each) for each in rounds(deployment, fleet)]


def begin(plan: Plan) -> tuple[Deployment, Sequence[Target]]:
    """The deployment and its targets as they are on record then: another call may have begun it, or somebody stopped
    it. Raises Conflict while another call is about to begin it, and NotDeployable where Auto Scaling refuses."""
    deployment, fleet = plan.deployment, plan.targets
    scaling.suspend(deployment, plan.scaling_groups)
    budgets.use(plan.counted)
    if preparing.begin(deployment, fleet, clock.timestamp()):
        return replace(deployment, status=DeploymentStatus.IN_PROGRESS), fleet
    found = deployments.get(deployment.deployment_id) or deployment
    if found.status is DeploymentStatus.CREATED and not found.stop and not found.failure:
        raise Conflict(f"{deployment.deployment_id} is being prepared by another call: try again")
    return found, list(targets.of(deployment.deployment_id))

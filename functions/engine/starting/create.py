"""create_deployment: the one entrance for uploads, people and rollbacks on request."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from functions.aws import bucket, clock
from functions.core.access import without_approver
from functions.core.errors import InvalidInput, NotDeployable
from functions.core.new_deployment import (
    NO_OVERRIDES,
    Overrides,
    busy,
    new_deployment,
    refused_deployment,
    restart,
    revision_to_restart,
)
from functions.core.order import Upload
from functions.core.records import Closed, Deployment, Failure, Group, PipelineRun, Revision
from functions.core.rollout.health import PREDEFINED_CONFIGS, DeploymentConfig
from functions.core.statuses import BundleType, DeploymentErrorCode, OnBusy
from functions.engine import calendar
from functions.engine.ending import stop
from functions.engine.starting.uses import record_use
from functions.engine.starting.who_may import group_to_deploy
from functions.store.records import configs, deployments, groups, lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What somebody wants deployed."""

    application: str
    group: str
    requested_by: str
    revision: Revision | None = None  # None: the group's last successful one is restarted
    requested_at: str | None = None  # ISO 8601; an upload's own time, so that late events keep their order
    upload: Upload | None = None  # makes a repeated event harmless, and a late one superseded
    on_busy: OnBusy | None = None  # None: what the group says
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    outdated_only: bool = False
    principal: str | None = None  # the caller's ARN, of which IAM is sure; None: nobody can tell
    own: Overrides = NO_OVERRIDES
    token: str | None = None  # makes a repeat of a request that is no upload harmless
    pipeline: PipelineRun | None = None  # that waits for the deployment
    stored_at: str | None = None  # when S3 stored the revision, if the object is a copy that does not tell

    def of(self, application: str, group: str, bundle_type: BundleType) -> "Request":
        revision = self.revision and replace(self.revision, bundle_type=bundle_type)
        return replace(self, application=application, group=group, revision=revision)


def create(request: Request) -> str:
    """Create the deployment; its id, or that of the first for a repeated request. Raises InvalidInput."""
    group = group_to_deploy(request.application, request.group, request.principal)
    deployment = wanted(request, group, request.revision or revision_to_restart(group))
    check_approvers(deployment)
    return store(
        deployment,
        group,
        deployment.settings.on_busy,
        request.upload,
        token=request.token,
        stored_at=request.stored_at,
    )


def check_approvers(deployment: Deployment) -> None:
    """Raises NotDeployable for stages that nobody could approve."""
    if problem := without_approver(deployment.settings.config, deployment.settings.allowed_principals):
        raise NotDeployable(DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID, problem)


def wanted(request: Request, group: Group, revision: Revision) -> Deployment:
    """The deployment that is asked for, on no record yet."""
    deployment = new_deployment(
        group,
        revision,
        deployment_id=clock.deployment_id(),
        now=_time(request),
        requested_by=request.requested_by,
        description=request.description,
        metadata=request.metadata,
        outdated_only=request.outdated_only,
        own=request.own,
        principal=request.principal,
    )
    if request.revision is None:
        deployment = restart(deployment, request.own)
    on_busy = request.on_busy or group.settings.on_busy
    settings = replace(deployment.settings, on_busy=on_busy)
    return replace(deployment, settings=settings, pipeline=request.pipeline)


def store(
    deployment: Deployment,
    group: Group,
    on_busy: OnBusy,
    upload: Upload | None = None,
    *,
    token: str | None = None,
    stored_at: str | None = None,
) -> str:
    """Record a new deployment and take the group's lock, or wait for it. Raises NotDeployable when it may not wait, or
    when the group takes revisions in sequence and has accepted a newer one."""
    deployment = replace(deployment, settings=replace(deployment.settings, on_busy=on_busy))
    state = calendar.may_begin(deployment)
    deployment = replace(deployment, closed=state if isinstance(state, Closed) else None)
    created = lock.create(
        deployment,
        upload,
        queue=on_busy is not OnBusy.REJECT,
        stored_at=place_in_sequence(deployment, stored_at),
        token=token,
    )
    if created.goes_back:
        raise NotDeployable(DeploymentErrorCode.INVALID_REVISION, created.goes_back)
    if created.busy_with:
        failure = busy(group, created.busy_with)
        raise NotDeployable(failure.code, failure.message)
    found = replace(deployment, deployment_id=created.deployment_id or deployment.deployment_id)
    if not created.superseded:
        record_use(found)
    if created.behind and (holder := deployments.get(created.behind)):
        stop.give_way(holder)
    return found.deployment_id


def place_in_sequence(deployment: Deployment, known: str | None = None) -> str | None:
    """When S3 stored the revision, if its group takes them in sequence; `known` where the object is a copy.

    A restart brings no revision, a rollback goes back on purpose, and a commit has no such time.
    """
    goes_back = deployment.is_restart or deployment.rollback is not None
    if not deployment.settings.is_sequence or goes_back or deployment.revision.named_commit:
        return None
    return known or bucket.stored_at(deployment.revision)


def known_config(name: str, field: str = "deployment_config") -> DeploymentConfig:
    """The deployment configuration of that name. Raises InvalidInput, which names the field, when there is none."""
    config = configs.get(name)
    if config is None:
        raise InvalidInput(
            f"{field} {name!r}: does not exist; declare it under deploymentConfigs in"
            f" deployments.yaml, or use one of {', '.join(PREDEFINED_CONFIGS)}"
        )
    return config


def refuse(request: Request, revision: Revision, code: DeploymentErrorCode, message: str) -> str:
    """Record an upload that cannot be deployed as a deployment that failed; its id."""
    deployment = refused_deployment(
        application=request.application,
        group=request.group,
        revision=revision,
        deployment_id=clock.deployment_id(),
        now=_time(request),
        requested_by=request.requested_by,
        failure=Failure(code=code, message=message),
        known=groups.get(request.application, request.group) if request.application and request.group else None,
    )
    lock.refuse(deployment, request.upload)
    return deployment.deployment_id


def _time(request: Request) -> str:
    if request.requested_at is None:
        return clock.timestamp()
    return clock.timestamp(datetime.fromisoformat(request.requested_at))

"""The one entrance: what a new deployment looks like, whoever asked for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from functions.core import access
from functions.core.errors import InvalidInput, NotDeployable
from functions.core.messages import texts
from functions.core.records import (
    Alarms,
    AutoRollback,
    Deployment,
    DeploymentSummary,
    Failure,
    Group,
    GroupSettings,
    Launch,
    LifecycleAction,
    Revision,
    RollbackInfo,
    TagGroup,
)
from functions.core.rollout.health import DEFAULT_CONFIG, PREDEFINED_CONFIGS, DeploymentConfig
from functions.core.rollout.rollback_choice import choose_after, choose_for
from functions.core.statuses import (
    Creator,
    DeploymentErrorCode,
    DeploymentMode,
    DeploymentStatus,
    FileExistsBehavior,
    OverriddenSetting,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a request wants for its deployment instead of what the group says; None leaves it to the group.

    Tags and instance ids are not instead of the group's: they choose among its instances.
    """

    config: DeploymentConfig | None = None
    tag_filters: TagGroup | None = None
    tag_set: tuple[TagGroup, ...] | None = None
    instance_ids: tuple[str, ...] | None = None
    alarms: Alarms | None = None
    auto_rollback: AutoRollback | None = None
    file_exists_behavior: FileExistsBehavior | None = None
    ignore_application_stop_failures: bool | None = None

    def over(self, settings: GroupSettings) -> GroupSettings:
        """The group's settings with these in their place."""
        own: dict[str, Any] = {
            "config": self.config,
            "alarms": self.alarms,
            "file_exists_behavior": self.file_exists_behavior,
            "ignore_application_stop_failures": self.ignore_application_stop_failures,
        }
        settings = replace(settings, **{name: value for name, value in own.items() if value is not None})
        return self.auto_rollback.over(settings) if self.auto_rollback else settings

    @property
    def target_tag_groups(self) -> tuple[TagGroup, ...]:
        """The tags that an instance of the group must have besides the group's, to take part."""
        return (self.tag_filters,) if self.tag_filters else self.tag_set or ()

    @property
    def told(self) -> frozenset[OverriddenSetting]:
        """Those that are told beside the deployment's settings."""
        found = {
            OverriddenSetting.ALARMS: self.alarms,
            OverriddenSetting.TAG_FILTERS: self.tag_filters,
            OverriddenSetting.TAG_SET: self.tag_set,
            OverriddenSetting.INSTANCE_IDS: self.instance_ids,
        }
        return frozenset(setting for setting, value in found.items() if value is not None)


NO_OVERRIDES = Overrides()


def new_deployment(
    group: Group,
    revision: Revision,
    *,
    deployment_id: str,
    now: str,
    requested_by: str,
    description: str | None = None,
    metadata: Mapping[str, str] | None = None,
    outdated_only: bool = False,
    own: Overrides = NO_OVERRIDES,
    principal: str | None = None,
) -> Deployment:
    """A deployment that a person, an upload or a pipeline asked for; `principal` is the ARN of which IAM is sure."""
    return Deployment(
        deployment_id=deployment_id,
        application=group.application,
        group=group.name,
        group_id=group.group_id,
        status=DeploymentStatus.CREATED,
        creator=Creator.USER,
        revision=revision,
        previous_revision=group.last_successful.revision if group.last_successful else None,
        create_time=now,
        settings=own.over(group.settings),
        own=own.told,
        requested_by=requested_by,
        principal=principal,
        description=description,
        metadata=dict(metadata or {}),
        instance_ids=own.instance_ids or (),
        target_tag_groups=own.target_tag_groups,
        outdated_only=outdated_only,
    )


def restart(deployment: Deployment, own: Overrides = NO_OVERRIDES) -> Deployment:
    """`deployment` as one that only stops and starts its revision where that is installed.

    It rolls back only if its request says so: another revision is no answer to a host on which this one does not start.
    """
    settings = replace(deployment.settings, auto_rollback=(), idle_auto_rollback=())
    settings = own.auto_rollback.over(settings) if own.auto_rollback else settings
    return replace(deployment, mode=DeploymentMode.RESTART, settings=settings)


def revision_to_restart(group: Group) -> Revision:
    """Raises NotDeployable where there is none."""
    if group.last_successful is None or group.last_successful.revision is None:
        what = f"{group.key} has had no successful deployment: nothing is there to restart; deploy a revision"
        raise NotDeployable(DeploymentErrorCode.REVISION_MISSING, what)
    return group.last_successful.revision


def retry(
    group: Group,
    failed: Deployment,
    *,
    deployment_id: str,
    now: str,
    requested_by: str,
    principal: str | None = None,
) -> Deployment:
    """Another try of `failed`, which has ended, on the targets on which it did not succeed.

    It has what was `failed`'s own, and the group's settings as they are now: a target that the group does not select
    any more is left alone. Once it succeeds the revision is wherever
    `failed` was to bring it, so it counts as a success of the group if that would have.
    """
    again = new_deployment(
        group,
        failed.revision,
        deployment_id=deployment_id,
        now=now,
        requested_by=requested_by,
        principal=principal,
        description=f"Retry of {failed.deployment_id}",
        metadata=failed.metadata,
    )
    if OverriddenSetting.ALARMS in failed.own:
        again = replace(again, settings=replace(again.settings, alarms=failed.settings.alarms))
    if failed.is_restart:
        again = restart(again)
    return replace(again, own=failed.own, target_tag_groups=failed.own_tag_groups, retry_of=failed.deployment_id)


def refused_deployment(
    *,
    application: str,
    group: str,
    revision: Revision,
    deployment_id: str,
    now: str,
    requested_by: str,
    failure: Failure,
    known: Group | None = None,
) -> Deployment:
    """A deployment that ends as it is created: it is on the record and is announced, but touches nothing."""
    return Deployment(
        deployment_id=deployment_id,
        application=application,
        group=group,
        group_id=known.group_id if known else "",
        status=DeploymentStatus.FAILED,
        creator=Creator.USER,
        revision=revision,
        create_time=now,
        complete_time=now,
        settings=known.settings if known else GroupSettings(),
        requested_by=requested_by,
        failure=failure,
    )


def rollback_deployment(group: Group, failed: Deployment, *, deployment_id: str, now: str) -> Deployment | None:
    """The automatic rollback of `failed`, by the rule of `rollback_choice`, or to what the person who stopped it chose;
    None when no revision is left.

    It goes to the instances of the group, or to those among them that `failed` went to, for the same principal.
    """
    choice = choose_after(group, failed)
    good = choice.good
    if good is None or good.revision is None:
        return None
    message = texts.rolls_back(deployment_id, failed.deployment_id)
    back = _back_to(group, good, good.revision, deployment_id=deployment_id, now=now)
    if failed.has_own_targets:
        own, tags = failed.own - {OverriddenSetting.ALARMS}, failed.own_tag_groups
        back = replace(back, own=own, instance_ids=failed.instance_ids, target_tag_groups=tags)
    return replace(
        back,
        creator=Creator.ROLLBACK,
        principal=access.principal_of(failed),
        requested_by=f"rollback of {failed.deployment_id}",
        rollback=RollbackInfo(
            rollback_triggering_deployment_id=failed.deployment_id, rollback_message=message, reason=choice.reason
        ),
    )


def requested_rollback(
    group: Group, *, deployment_id: str, now: str, requested_by: str, to: str | None = None
) -> Deployment:
    """A rollback that a person asks for, by the rule of `rollback_choice`, or to the good deployment `to`. Raises
    InvalidInput when no revision is left, with the reason why each one was ruled out."""
    choice = choose_for(group, to)
    good = choice.good
    if good is None or good.revision is None:
        raise InvalidInput(choice.reason)
    deployment = _back_to(group, good, good.revision, deployment_id=deployment_id, now=now)
    return replace(deployment, requested_by=requested_by, rollback=RollbackInfo(reason=choice.reason))


def _back_to(group: Group, good: DeploymentSummary, revision: Revision, *, deployment_id: str, now: str) -> Deployment:
    """A deployment of an earlier revision, which never rolls back by itself.

    It takes the file-exists behaviour of the deployment it goes back to, and runs to its end although an alarm may
    still be in ALARM (CodeDeploy User Guide, "Redeploy and roll back a deployment with CodeDeploy").
    """
    deployment = new_deployment(group, revision, deployment_id=deployment_id, now=now, requested_by="")
    settings = replace(
        group.settings,
        alarms=replace(group.settings.alarms, enabled=False),
        auto_rollback=(),
        idle_auto_rollback=(),
        file_exists_behavior=good.file_exists_behavior,
        bake_seconds=0,  # there is no alarm to wait for
    )
    return replace(deployment, settings=settings)


def launch_deployment(group: Group, action: LifecycleAction, *, deployment_id: str, now: str) -> Deployment | None:
    """The group's last successful revision for an instance that waits in a launch hook; None where there is none."""
    good = group.last_successful
    if good is None or good.revision is None:
        return None
    launch = Launch(action=action, brought_by=good.deployment_id)
    deployment = _to_one(group, launch, good.revision, deployment_id=deployment_id, now=now)
    settings = replace(deployment.settings, file_exists_behavior=good.file_exists_behavior)
    return replace(deployment, creator=Creator.AUTO_SCALING, settings=settings)


def termination_deployment(
    group: Group, launch: Launch, revision: Revision, *, deployment_id: str, now: str
) -> Deployment:
    """The last scripts of an instance that waits in a termination hook; `revision` is the one that it has."""
    deployment = _to_one(group, launch, revision, deployment_id=deployment_id, now=now)
    return replace(deployment, creator=Creator.AUTO_SCALING_TERMINATION)


def _to_one(group: Group, launch: Launch, revision: Revision, *, deployment_id: str, now: str) -> Deployment:
    """A deployment to one instance that is not in service: nothing is promised of it, and no alarm speaks of it."""
    asked_by = f"Auto Scaling group {launch.action.scaling_group}"
    deployment = new_deployment(group, revision, deployment_id=deployment_id, now=now, requested_by=asked_by)
    settings = replace(
        group.settings,
        config=PREDEFINED_CONFIGS[DEFAULT_CONFIG],
        alarms=replace(group.settings.alarms, enabled=False),
        auto_rollback=(),
        idle_auto_rollback=(),
        bake_seconds=0,
    )
    own = frozenset({OverriddenSetting.INSTANCE_IDS})
    return replace(deployment, settings=settings, launch=launch, own=own, instance_ids=(launch.action.instance_id,))


def auto_update(
    group: Group, missed_by: Deployment, instance_ids: Sequence[str], *, deployment_id: str, now: str
) -> Deployment:
    """The revision of a deployment for the instances that it has missed."""
    deployment = new_deployment(
        group,
        missed_by.revision,
        deployment_id=deployment_id,
        now=now,
        requested_by=f"follows {missed_by.deployment_id}",
    )
    return replace(
        deployment,
        creator=Creator.AUTO_UPDATE,
        settings=replace(
            group.settings,
            config=PREDEFINED_CONFIGS[DEFAULT_CONFIG],  # a percentage of few instances may let none be changed
            auto_rollback=(),  # what is there is no better
            idle_auto_rollback=(),
        ),
        principal=access.principal_of(missed_by),
        own=frozenset({OverriddenSetting.INSTANCE_IDS}),
        instance_ids=tuple(instance_ids),
        updates=missed_by.updates or missed_by.deployment_id,
    )


def busy(group: Group, holder: str) -> Failure:
    """A group that rejects a second deployment while `holder` runs (DeploymentLimitExceededException)."""
    return Failure(
        code=DeploymentErrorCode.RESOURCE_LIMIT_EXCEEDED,
        message=texts.busy(group.name, holder),
    )


def summary(deployment: Deployment) -> DeploymentSummary:
    """What the group remembers of a deployment."""
    return DeploymentSummary(
        deployment_id=deployment.deployment_id,
        status=deployment.status,
        create_time=deployment.create_time,
        complete_time=deployment.complete_time,
        revision=deployment.revision,
        file_exists_behavior=deployment.settings.file_exists_behavior,
        failed_hosts=deployment.counts.failed,
    )

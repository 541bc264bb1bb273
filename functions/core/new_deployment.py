"""The one entrance: what a new deployment looks like, whoever asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from functions.core import access
from functions.core.errors import InvalidInput
from functions.core.messages import texts
from functions.core.records import (
    Alarms,
    AutoRollback,
    Deployment,
    DeploymentSummary,
    Failure,
    Group,
    GroupSettings,
    Revision,
    RollbackInfo,
    TagGroup,
)
from functions.core.rollout.health import DeploymentConfig
from functions.core.rollout.rollback_choice import choose, choose_for
from functions.core.statuses import (
    Creator,
    DeploymentErrorCode,
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
    """The automatic rollback of `failed`, by the rule of `rollback_choice`; None when no revision is left.

    It goes to the instances of the group, or to those among them that `failed` went to, for the same principal.
    """
    choice = choose(group, failed.revision)
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


def requested_rollback(group: Group, *, deployment_id: str, now: str, requested_by: str) -> Deployment:
    """A rollback that a person asks for, by the rule of `rollback_choice`. Raises InvalidInput when no revision is
    left, with the reason why each one was ruled out."""
    choice = choose_for(group)
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

"""What deployments.yaml says, and how it differs from what is stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from functions.core.records import NO_LOAD_BALANCERS, Budget, Group, GroupSettings, LoadBalancers
from functions.core.records.calendar import Calendar
from functions.core.rollout.health import DeploymentConfig
from functions.core.statuses import OutdatedInstancesStrategy

NO_CALENDAR = Calendar()
ENGINE_TOPIC = "notifications"  # as triggerTargetArn: the topic that the engine's own stack holds


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredGroup:
    """A deployment group of the file."""

    application: str
    name: str
    settings: GroupSettings
    service_role_arn: str | None = None  # told by the API; the engine acts by roles of its own
    outdated_instances_strategy: OutdatedInstancesStrategy | None = None  # told by the API
    has_tag_set: bool = False  # its tags are written as an ec2TagSet
    has_on_premises_tag_set: bool = False

    def over(self, group: Group) -> Group:
        """The group with what the file says of it. What the file leaves out of the members that only clients read
        stays, so that a group of the API that the file takes over keeps them."""
        return replace(
            group,
            settings=self.settings,
            service_role_arn=self.service_role_arn or group.service_role_arn,
            outdated_instances_strategy=self.outdated_instances_strategy or group.outdated_instances_strategy,
            has_tag_set=self.has_tag_set,
            has_on_premises_tag_set=self.has_on_premises_tag_set,
            removed_at=None,
            declared=True,
            registered_by=None,
        )

    @property
    def key(self) -> str:
        return f"{self.application}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTrigger:
    """A bucket besides the engine's own whose uploads start deployments."""

    bucket: str
    prefix: str = ""  # "" or folders, each with its slash: `<application>/<group>/<name>` begins behind them


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository of CodeCommit of which commits are revisions."""

    name: str
    branches: dict[str, tuple[str, ...]] = field(default_factory=dict)  # groups that get what is pushed, by branch


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What deployments.yaml says."""

    applications: tuple[str, ...] = ()  # every one, also one without groups
    groups: tuple[DeclaredGroup, ...] = ()
    configs: tuple[DeploymentConfig, ...] = ()  # the custom ones
    budgets: tuple[Budget, ...] = ()
    open_load_balancers: LoadBalancers = NO_LOAD_BALANCERS  # that groups of the API may use, too
    open_scaling_groups: tuple[str, ...] = ()  # the same of Auto Scaling groups
    calendar: Calendar = NO_CALENDAR
    revision_buckets: tuple[str, ...] = ()  # from which revisions are taken besides the engine's own
    upload_triggers: tuple[UploadTrigger, ...] = ()  # of these buckets
    repositories: tuple[Repository, ...] = ()

    @property
    def topic_arns(self) -> tuple[str, ...]:
        """The topics outside the engine's stack to which triggers publish."""
        arns = {trigger.topic_arn for group in self.groups for trigger in group.settings.triggers}
        return tuple(sorted(arns - {ENGINE_TOPIC}))

    @property
    def load_balancers(self) -> LoadBalancers:
        """All that the engine may use."""
        used = [group.settings.load_balancers for group in self.groups if group.settings.load_balancers.are_used]
        named = [*used, self.open_load_balancers]
        return LoadBalancers(
            target_groups=tuple(sorted({name for each in named for name in each.target_groups})),
            classic=tuple(sorted({name for each in named for name in each.classic})),
        )

    @property
    def scaling_groups(self) -> tuple[str, ...]:
        """All Auto Scaling groups that the engine may use."""
        named = {name for group in self.groups for name in group.settings.auto_scaling.groups}
        return tuple(sorted(named | set(self.open_scaling_groups)))

    def with_target_groups(self, arns: Mapping[str, str]) -> "Declaration":
        """The same declaration with target groups by the ARNs that they have got, instead of by their names."""

        def resolved(named: LoadBalancers) -> LoadBalancers:
            return replace(named, target_groups=tuple(arns.get(each, each) for each in named.target_groups))

        def group_resolved(group: DeclaredGroup) -> DeclaredGroup:
            settings = replace(group.settings, load_balancers=resolved(group.settings.load_balancers))
            return replace(group, settings=settings)

        groups = tuple(group_resolved(group) for group in self.groups)
        return replace(self, groups=groups, open_load_balancers=resolved(self.open_load_balancers))

    def with_engine_topic(self, topic_arn: str) -> "Declaration":
        """The same declaration with the engine's own topic by its ARN."""

        def resolved(group: DeclaredGroup) -> DeclaredGroup:
            triggers = tuple(
                replace(trigger, topic_arn=topic_arn) if trigger.topic_arn == ENGINE_TOPIC else trigger
                for trigger in group.settings.triggers
            )
            return replace(group, settings=replace(group.settings, triggers=triggers))

        return replace(self, groups=tuple(resolved(group) for group in self.groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """What applying a declaration does to one group."""

    before: Group | None  # None: a new group
    after: Group


def changes(
    declaration: Declaration, stored: Mapping[str, Group], *, now: str, new_id: Callable[[], str]
) -> list[GroupChange]:
    """The groups that differ from the stored ones (by "application/group"); none when nothing changed.

    A group that the declaration no longer names is marked as removed and keeps its history; one that comes back keeps
    its id.
    """
    found = []
    declared = {group.key: group for group in declaration.groups}
    for key, group in declared.items():
        before = stored.get(key)
        if before is None:
            new = Group(
                application=group.application,
                name=group.name,
                group_id=new_id(),
                settings=group.settings,
            )
            found.append(GroupChange(before=None, after=group.over(new)))
        elif (after := group.over(before)) != before:
            found.append(GroupChange(before=before, after=after))
    for key, before in stored.items():
        if key not in declared and before.removed_at is None:
            found.append(GroupChange(before=before, after=replace(before, removed_at=now, declared=False)))
    return found

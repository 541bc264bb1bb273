"""Applications, deployment groups and deployment configurations."""

from dataclasses import dataclass, field

from functions.core.records.revision import Revision
from functions.core.records.settings import GroupSettings, TagGroup
from functions.core.rollout.health import MinimumHealthyHosts, StageRule, ZonalConfig
from functions.core.statuses import DeploymentStatus, FileExistsBehavior, OutdatedInstancesStrategy


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSummary:
    """What a group remembers of a deployment."""

    deployment_id: str
    status: DeploymentStatus
    create_time: str
    complete_time: str | None = None
    revision: Revision | None = None
    file_exists_behavior: FileExistsBehavior = FileExistsBehavior.DISALLOW
    failed_hosts: int = 0
    failed_since: str | None = None  # the deployment in which the revision failed after this one was good


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A name for deployment groups and revisions that belong together."""

    name: str
    application_id: str
    create_time: str | None = None
    declared: bool = False  # by deployments.yaml, which alone changes it
    registered_by: str | None = None  # the resource of a CloudFormation stack that alone changes it (`Registrant`)
    tags: dict[str, str] = field(default_factory=dict)
    groups_made: int = 0  # by the API, or by stacks, ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A deployment group. Its id, a UUID, keys all state kept on the hosts and never changes."""

    application: str
    name: str
    group_id: str
    settings: GroupSettings
    declared: bool = False  # by deployments.yaml, which alone changes it
    registered_by: str | None = None  # the resource of a CloudFormation stack that alone changes it (`Registrant`)
    removed_at: str | None = None  # out of deployments.yaml or its stack: history stays, no new deployment starts
    changes: int = 0  # of what is not a deployment's doing
    service_role_arn: str | None = None  # as a request gave it: the engine has roles of its own
    has_tag_set: bool = False  # its tags were given as an ec2TagSet, not as ec2TagFilters
    has_on_premises_tag_set: bool = False  # the same of its on-premises tags
    outdated_instances_strategy: OutdatedInstancesStrategy | None = None  # None: UPDATE
    tags: dict[str, str] = field(default_factory=dict)  # of the group as a resource of AWS
    last_successful: DeploymentSummary | None = None
    previous_successful: DeploymentSummary | None = None  # of an older engine: the last other revision before it
    good_deployments: tuple[DeploymentSummary, ...] = ()  # newest first, one per revision (`rollback_choice`)
    last_attempted: DeploymentSummary | None = None

    @property
    def key(self) -> str:
        return f"{self.application}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What a group with `allowed_principals` holds against deployments of other groups that want its hosts."""

    application: str
    group: str
    group_id: str
    allowed_principals: tuple[str, ...]
    shared_with: tuple[str, ...] = ()
    tag_groups: tuple[TagGroup, ...] = ()
    on_premises_tag_groups: tuple[TagGroup, ...] = ()
    scaling_groups: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.application}/{self.group}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomConfig:
    """A deployment configuration that is not predefined."""

    name: str
    minimum: MinimumHealthyHosts
    zonal: ZonalConfig | None = None
    stages: tuple[StageRule, ...] = ()
    order_tag: str | None = None
    config_id: str | None = None  # None, as the time: of deployments.yaml
    create_time: str | None = None
    declared: bool = False  # by deployments.yaml, which alone changes it
    registered_by: str | None = None  # the resource of a CloudFormation stack that alone changes it (`Registrant`)

"""The records: what the engine remembers, as values. `functions/store` knows where they lie.

Times are ISO 8601 strings in UTC with milliseconds ("2026-11-23T03:35:54.123Z"): they sort as text.
"""

from functions.core.records.analysis import AnalysisVerdict, Judged, JudgedKind, Measured, StageAnalysis
from functions.core.records.auto_scaling import (
    NO_AUTO_SCALING,
    AfterFailedLaunches,
    AutoScaling,
    HookAnswer,
    HookKind,
    Launch,
    LifecycleAction,
)
from functions.core.records.budgets import (
    Budget,
    BudgetShard,
    BudgetShare,
    BudgetWait,
    HostPlace,
    InLine,
    MaximumOutOfService,
)
from functions.core.records.calendar import Bypass, Calendar, Closed, Freeze, Window
from functions.core.records.counts import Counters, Counts
from functions.core.records.deployment import Deployment, Failure, RollbackInfo, StopMark
from functions.core.records.group import Application, CustomConfig, DeploymentSummary, Group, Guard
from functions.core.records.on_premises import OnPremisesInstance
from functions.core.records.pipeline import PipelineRun
from functions.core.records.places import PlaceSet, Shard, ShardState
from functions.core.records.revision import (
    CodeCommitCommit,
    Commit,
    GitHubCommit,
    GivenVersion,
    RegisteredRevision,
    Revision,
)
from functions.core.records.settings import (
    NO_LOAD_BALANCERS,
    Alarms,
    AutoRollback,
    GroupSettings,
    LoadBalancers,
    TagFilter,
    TagGroup,
    Trigger,
)
from functions.core.records.slack import LiveMessage, SlackPace
from functions.core.records.stages import Approved, Hold, HoldKind, Pause, Stage
from functions.core.records.steps import IN_PLACE_STEPS, AllowTraffic, BlockTraffic, Segment, Step
from functions.core.records.target import (
    Diagnostics,
    Host,
    HostWait,
    LifecycleEventRecord,
    SegmentResult,
    SegmentRun,
    SharedFailure,
    Target,
    TargetFailure,
)
from functions.core.records.traffic import Balancer, BalancerType, HealthCheck, Registration, Traffic

__all__ = [
    "IN_PLACE_STEPS",
    "NO_AUTO_SCALING",
    "NO_LOAD_BALANCERS",
    "AfterFailedLaunches",
    "Alarms",
    "AllowTraffic",
    "AnalysisVerdict",
    "Application",
    "Approved",
    "AutoRollback",
    "AutoScaling",
    "Balancer",
    "BalancerType",
    "BlockTraffic",
    "Budget",
    "BudgetShard",
    "BudgetShare",
    "BudgetWait",
    "Bypass",
    "Calendar",
    "Closed",
    "CodeCommitCommit",
    "Commit",
    "Counters",
    "Counts",
    "CustomConfig",
    "Deployment",
    "DeploymentSummary",
    "Diagnostics",
    "Failure",
    "Freeze",
    "GitHubCommit",
    "GivenVersion",
    "Group",
    "GroupSettings",
    "Guard",
    "HealthCheck",
    "Hold",
    "HoldKind",
    "HookAnswer",
    "HookKind",
    "Host",
    "HostPlace",
    "HostWait",
    "InLine",
    "Judged",
    "JudgedKind",
    "Launch",
    "LifecycleAction",
    "LifecycleEventRecord",
    "LiveMessage",
    "LoadBalancers",
    "MaximumOutOfService",
    "Measured",
    "OnPremisesInstance",
    "Pause",
    "PipelineRun",
    "PlaceSet",
    "RegisteredRevision",
    "Registration",
    "Revision",
    "RollbackInfo",
    "Segment",
    "SegmentResult",
    "SegmentRun",
    "Shard",
    "ShardState",
    "SharedFailure",
    "SlackPace",
    "Stage",
    "StageAnalysis",
    "Step",
    "StopMark",
    "TagFilter",
    "TagGroup",
    "Target",
    "TargetFailure",
    "Traffic",
    "Trigger",
    "Window",
]

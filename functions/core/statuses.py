"""Every status and event name that the engine stores or says, spelled as CodeDeploy spells them.

Source: CodeDeploy API model 2014-10-06 (enums DeploymentStatus, TargetStatus, LifecycleEventStatus, ErrorCode, ...).
"""

from enum import StrEnum


class DeploymentStatus(StrEnum):
    """What a deployment is doing. Queued waits for its group; the last three are terminal."""

    CREATED = "Created"
    QUEUED = "Queued"
    IN_PROGRESS = "InProgress"
    READY = "Ready"  # it waits for somebody's approval
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"

    @property
    def is_final(self) -> bool:
        return not LEGAL_MOVES[self]


LEGAL_MOVES: dict[DeploymentStatus, frozenset[DeploymentStatus]] = {
    DeploymentStatus.QUEUED: frozenset({DeploymentStatus.CREATED, DeploymentStatus.FAILED, DeploymentStatus.STOPPED}),
    DeploymentStatus.CREATED: frozenset(
        {DeploymentStatus.IN_PROGRESS, DeploymentStatus.FAILED, DeploymentStatus.STOPPED}
    ),
    DeploymentStatus.IN_PROGRESS: frozenset(
        {DeploymentStatus.READY, DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED, DeploymentStatus.STOPPED}
    ),
    DeploymentStatus.READY: frozenset(
        {DeploymentStatus.IN_PROGRESS, DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED, DeploymentStatus.STOPPED}
    ),
    DeploymentStatus.SUCCEEDED: frozenset(),
    DeploymentStatus.FAILED: frozenset(),
    DeploymentStatus.STOPPED: frozenset(),
}


BEGUN = (DeploymentStatus.IN_PROGRESS, DeploymentStatus.READY)  # and not ended
RUNNING = (DeploymentStatus.CREATED, *BEGUN)  # it has its group for itself


class TargetStatus(StrEnum):
    """What one instance is doing in one deployment. The last three are terminal."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"

    @property
    def is_final(self) -> bool:
        return self in FINAL_TARGET_STATUSES


FINAL_TARGET_STATUSES = frozenset({TargetStatus.SUCCEEDED, TargetStatus.FAILED, TargetStatus.SKIPPED})


class LifecycleEventStatus(StrEnum):
    """What one lifecycle event of one target is doing."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    UNKNOWN = "Unknown"


class LifecycleErrorCode(StrEnum):
    """`diagnostics.errorCode` of a lifecycle event."""

    SUCCESS = "Success"
    SCRIPT_MISSING = "ScriptMissing"
    SCRIPT_NOT_EXECUTABLE = "ScriptNotExecutable"
    SCRIPT_TIMED_OUT = "ScriptTimedOut"
    SCRIPT_FAILED = "ScriptFailed"
    UNKNOWN_ERROR = "UnknownError"


UNSUCCESSFUL = (TargetStatus.FAILED, TargetStatus.SKIPPED)  # how a target can have ended without the revision


class DeploymentErrorCode(StrEnum):
    """`errorInformation.code` of a deployment: the ones that an in-place deployment can end with."""

    ALARM_ACTIVE = "ALARM_ACTIVE"
    AUTO_SCALING_CONFIGURATION = "AUTO_SCALING_CONFIGURATION"
    AUTO_SCALING_IAM_ROLE_PERMISSIONS = "AUTO_SCALING_IAM_ROLE_PERMISSIONS"
    APPLICATION_MISSING = "APPLICATION_MISSING"
    DEPLOYMENT_GROUP_MISSING = "DEPLOYMENT_GROUP_MISSING"
    ELASTIC_LOAD_BALANCING_INVALID = "ELASTIC_LOAD_BALANCING_INVALID"
    HEALTH_CONSTRAINTS = "HEALTH_CONSTRAINTS"
    HEALTH_CONSTRAINTS_INVALID = "HEALTH_CONSTRAINTS_INVALID"
    IAM_ROLE_PERMISSIONS = "IAM_ROLE_PERMISSIONS"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    INVALID_REVISION = "INVALID_REVISION"
    MANUAL_STOP = "MANUAL_STOP"
    MISSING_GITHUB_TOKEN = "MISSING_GITHUB_TOKEN"  # noqa: S105 - a code
    NO_INSTANCES = "NO_INSTANCES"
    OVER_MAX_INSTANCES = "OVER_MAX_INSTANCES"
    RESOURCE_LIMIT_EXCEEDED = "RESOURCE_LIMIT_EXCEEDED"
    REVISION_MISSING = "REVISION_MISSING"
    THROTTLED = "THROTTLED"


class TriggerFormat(StrEnum):
    """In whose form a trigger's messages are."""

    CODEDEPLOY = "CodeDeploy"
    AMAZON_Q = "AmazonQ"  # custom notifications of Amazon Q Developer in chat applications


class Creator(StrEnum):
    """Who asked for a deployment."""

    USER = "user"
    ROLLBACK = "codeDeployRollback"
    AUTO_SCALING = "autoscaling"  # an instance that is launched
    AUTO_SCALING_TERMINATION = "autoscalingTermination"  # one that is about to be terminated
    AUTO_UPDATE = "CodeDeployAutoUpdate"  # instances that a deployment has missed


class DeploymentMode(StrEnum):
    """What a deployment does on its hosts."""

    STANDARD = "STANDARD"
    RESTART = "RESTART"  # it stops and starts the revision that is there


class AutoRollbackEvent(StrEnum):
    """When a group rolls back by itself."""

    DEPLOYMENT_FAILURE = "DEPLOYMENT_FAILURE"
    DEPLOYMENT_STOP_ON_ALARM = "DEPLOYMENT_STOP_ON_ALARM"
    DEPLOYMENT_STOP_ON_REQUEST = "DEPLOYMENT_STOP_ON_REQUEST"


class TriggerEvent(StrEnum):
    """What an SNS trigger can ask for (without InstanceReady, which is for blue/green)."""

    DEPLOYMENT_START = "DeploymentStart"
    DEPLOYMENT_SUCCESS = "DeploymentSuccess"
    DEPLOYMENT_FAILURE = "DeploymentFailure"
    DEPLOYMENT_STOP = "DeploymentStop"
    DEPLOYMENT_ROLLBACK = "DeploymentRollback"
    DEPLOYMENT_READY = "DeploymentReady"  # it waits for an approval
    INSTANCE_START = "InstanceStart"
    INSTANCE_SUCCESS = "InstanceSuccess"
    INSTANCE_FAILURE = "InstanceFailure"


class OverriddenSetting(StrEnum):
    """A setting that a deployment has of its own, told beside the others; named as CreateDeployment has it."""

    ALARMS = "overrideAlarmConfiguration"
    TAG_FILTERS = "targetInstances.tagFilters"
    TAG_SET = "targetInstances.ec2TagSet"
    INSTANCE_IDS = "targetInstances.instanceIds"


class OnBusy(StrEnum):
    """What a group does with a new deployment while one runs, or waits to begin."""

    REJECT = "reject"
    QUEUE = "queue"  # it waits, and takes the place of an older one that waits
    SUPERSEDE = "supersede"  # so it does, and an older one that is held between its stages ends, too


class OnFreeze(StrEnum):
    """What a freeze that begins in the middle does to a deployment."""

    HOLD = "hold"  # its next stage waits
    FINISH = "finish"  # it goes on to its end
    IGNORE = "ignore"  # the group knows no freezes: new deployments begin, too


class OutdatedInstancesStrategy(StrEnum):
    """What becomes of members that a deployment has missed."""

    UPDATE = "UPDATE"
    IGNORE = "IGNORE"


class DeploymentOption(StrEnum):
    """Whether a group's load balancers are used."""

    WITH_TRAFFIC_CONTROL = "WITH_TRAFFIC_CONTROL"
    WITHOUT_TRAFFIC_CONTROL = "WITHOUT_TRAFFIC_CONTROL"


class Drain(StrEnum):
    """Who says that a host which left its load balancers has nothing to do for them any more."""

    HOST = "host"  # its own connections do
    ELB = "elb"  # the load balancer's state `unused`, as CodeDeploy waits for: always the whole deregistration delay


class FileExistsBehavior(StrEnum):
    """What Install does with a file that is there already and that the last deployment did not put there."""

    DISALLOW = "DISALLOW"
    OVERWRITE = "OVERWRITE"
    RETAIN = "RETAIN"


class BundleType(StrEnum):
    """How a revision is packed."""

    ZIP = "zip"
    TAR = "tar"
    TGZ = "tgz"

"""What a group has to do with Auto Scaling, and what a deployment answers there.

Sources: Auto Scaling API model 2011-01-01 (LifecycleHook, LifecycleState); Auto Scaling guide, "Lifecycle hooks".
"""

from dataclasses import dataclass
from enum import StrEnum


class AfterFailedLaunches(StrEnum):
    """What becomes of an instance once three launches in a row have failed."""

    CONTINUE = "CONTINUE"  # it enters service without the revision, and people hear of it
    ABANDON = "ABANDON"  # as before: Auto Scaling ends it and launches the next one


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoScaling:
    """The Auto Scaling groups of a deployment group: their instances are its targets, and get its revision when they
    are launched."""

    groups: tuple[str, ...] = ()  # names
    has_termination_hook: bool = False  # scripts run before Auto Scaling ends an instance
    suspended: tuple[str, ...] = ()  # processes that are suspended while a deployment runs
    order: int | None = (
        None  # among the deployment groups with the same Auto Scaling group, of which the least is first
    )
    takes_places: bool = False  # an instance that is launched waits for a place of the deployment that runs
    after_failed_launches: AfterFailedLaunches = AfterFailedLaunches.CONTINUE


NO_AUTO_SCALING = AutoScaling()


class HookKind(StrEnum):
    """When Auto Scaling waits for the engine."""

    LAUNCH = "launch"
    TERMINATION = "termination"


class HookAnswer(StrEnum):
    """What Auto Scaling does with an instance that waited: CompleteLifecycleAction's words."""

    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleAction:
    """An instance that waits in a lifecycle hook."""

    scaling_group: str
    instance_id: str
    hook: str
    kind: HookKind = HookKind.LAUNCH
    group_key: str = ""  # application/group, as the hook's metadata has it
    token: str | None = None  # of its event; None: the event was lost, and the instance was found waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a deployment to one instance that waits in a hook is for."""

    action: LifecycleAction
    brought_by: str  # the deployment of which it brings the revision

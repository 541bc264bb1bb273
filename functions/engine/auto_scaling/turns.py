"""When a deployment to an instance that waits in a lifecycle hook may begin.

Auto Scaling tells all hooks of an instance at once. Where several groups have it, each waits until those before it have
answered; and where the group says so, for a place of the deployment that runs.
"""

from dataclasses import replace

from functions.core.auto_scaling import goes_before, hook_name
from functions.core.records import Deployment, HookAnswer, HookKind, Launch, LifecycleAction
from functions.core.rollout.stages import is_running
from functions.engine.running import places
from functions.store.records import deployments, groups, launches, lock


def may_begin(deployment: Deployment, launch: Launch) -> bool:
    """Whether it is its turn, and it has a place where it needs one."""
    return _is_its_turn(deployment, launch.action) and _has_place(deployment, launch.action)


def _is_its_turn(deployment: Deployment, action: LifecycleAction) -> bool:
    """Groups before its own have let the instance go on: one that abandons it leaves nothing to deploy to."""
    settings = deployment.settings.auto_scaling
    if settings.order is None:
        return True
    mine = launches.get(action)
    for key in groups.of_scaling_groups().get(action.scaling_group, ()):
        other = groups.of_key(key) if key != deployment.group_key else None
        if other is None or other.removed_at or not goes_before(other.settings.auto_scaling, settings, action.kind):
            continue
        its = launches.get(replace(action, hook=hook_name(action.kind, key)))
        is_of_this_wait = its and mine and its.state == mine.state
        if not (its and is_of_this_wait and its.answer is HookAnswer.CONTINUE):
            return False
    return True


def _has_place(deployment: Deployment, action: LifecycleAction) -> bool:
    """Of the deployment that runs in a group whose launches take places; or it needs none."""
    needs_one = deployment.settings.auto_scaling.takes_places and action.kind is HookKind.LAUNCH
    holder = lock.holder(deployment.group_key) if needs_one else None
    running = deployments.get(holder) if holder else None
    if running is None or not is_running(running):
        return True
    return places.let_in(running, deployment.deployment_id)

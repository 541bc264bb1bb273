"""Instances that wait in a lifecycle hook: each gets a deployment of its own, and Auto Scaling its answer.

Whoever sees one waiting says so: its event, by a queue, and `find_lost`, because such events may be lost. That the same
action is met twice, or late, its record tells; that nothing waits any more, Auto Scaling itself.
"""

from collections.abc import Sequence

from functions.aws import clock, queues
from functions.aws.fleet import autoscaling
from functions.core.auto_scaling import Member
from functions.core.new_deployment import launch_deployment, termination_deployment
from functions.core.records import Deployment, Group, HookAnswer, HookKind, Launch, LifecycleAction
from functions.core.statuses import TargetStatus
from functions.core.text.shapes import from_plain, to_plain
from functions.engine.starting.uses import record_use
from functions.store.records import deployments, groups, hosts, launches
from functions.store.records.launches import Answer
from functions.telemetry import logger

_REST_SECONDS = 0.4


def act(actions: Sequence[LifecycleAction]) -> None:
    """Begin to work for these instances, as far as they wait and nobody does. One call of Auto Scaling for all."""
    members = autoscaling.states([each.instance_id for each in actions])
    for action in actions:
        act_on(action, members.get(action.instance_id))


def act_on(action: LifecycleAction, member: Member | None) -> None:
    """As `act`, for an instance as Auto Scaling shows it."""
    if member is None or member.waits_in is not action.kind:
        logger.info("it does not wait any more", instance_id=action.instance_id, state=member and member.state)
        return
    known = launches.get(action)
    if known and _is_same(known, action, member):
        if known.answer and not known.is_told:
            queues.send_answer(to_plain(known))
        return
    deployment = _deployment(action)
    new = Answer(
        action=action,
        state=member.state,
        deployment_id=deployment.deployment_id if deployment else "",
        answer=None if deployment else HookAnswer.CONTINUE,
    )
    if not launches.begin(known, new, deployment):
        logger.info("another call works for it", instance_id=action.instance_id)
    elif deployment:
        record_use(deployment)
    else:
        queues.send_answer(to_plain(new))


def _is_same(known: Answer, action: LifecycleAction, member: Member) -> bool:
    """Whether the action on record is this one. Without its event an instance is known by the state in which it waits:
    it may wait in somebody else's hook after it was answered, and come back from a warm pool later."""
    if known.action.token and action.token:
        return known.action.token == action.token
    return not known.is_told or known.state == member.state


def _deployment(action: LifecycleAction) -> Deployment | None:
    """What is deployed to the instance; None: nothing, so that it is let through."""
    group = groups.of_key(action.group_key)
    if group is None or group.removed_at or action.scaling_group not in group.settings.auto_scaling.groups:
        logger.warning("a lifecycle hook of no group lets an instance through", hook=action.hook)
        return None
    if action.kind is HookKind.TERMINATION:
        return _before_termination(action, group)
    deployment = launch_deployment(group, action, deployment_id=clock.deployment_id(), now=clock.timestamp())
    if deployment is None:
        logger.warning("there is no successful revision for a new instance", instance_id=action.instance_id)
    return deployment


def _before_termination(action: LifecycleAction, group: Group) -> Deployment | None:
    """None where nothing was ever deployed, or nobody knows what is there."""
    host = hosts.get(group.group_id, action.instance_id)
    brought_by = deployments.get(host.deployment_id) if host and host.status is TargetStatus.SUCCEEDED else None
    if brought_by is None:
        return None
    launch = Launch(action=action, brought_by=brought_by.deployment_id)
    return termination_deployment(
        group, launch, brought_by.revision, deployment_id=clock.deployment_id(), now=clock.timestamp()
    )


# -- the answer


def tell(deployment: Deployment) -> None:
    """Have Auto Scaling answered, once a deployment to an instance that waits has ended; it can be repeated."""
    found = launches.get(deployment.launch.action) if deployment.launch else None
    if found and found.deployment_id == deployment.deployment_id and found.answer and not found.is_told:
        queues.send_answer(to_plain(found))


def answer(told: dict[str, object]) -> None:
    """Answer Auto Scaling, at the pace that it takes."""
    found = from_plain(Answer, told)
    if found.answer is None:
        raise ValueError("an answer without an answer")
    if not autoscaling.complete(found.action, found.answer):
        logger.warning("Auto Scaling does not wait any more", instance_id=found.action.instance_id)
    launches.note_told(found)
    rest()


def rest() -> None:
    """Two functions at a time that rest after each call of Auto Scaling make five a second, which it takes."""
    clock.sleep(_REST_SECONDS)

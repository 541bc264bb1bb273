"""watch: one chain of messages per deployment looks for everything that waits, in bulk (docs/how-it-works.md)."""

from collections.abc import Sequence
from dataclasses import replace

from functions.core.limits import batches
from functions.core.records import Deployment
from functions.core.rollout.steps import End, StepSignal, next_step
from functions.engine.auto_scaling import instances
from functions.engine.running import chain, commands, results, traffic, turns
from functions.engine.running.turns import Kind
from functions.store.records import pacer, targets, watching
from functions.store.records.watching import Turn, Wait, WaitKind

_GRANT_SECONDS = 5.0  # of sends that one turn hands out: so long others wait who send too
_MOST_SENDS = 120  # that one turn hands out: each is taken away for two of the 1,000 units a second of a partition
_EARLIER = 1.0  # seconds before the last moment that it handed out, the chain asks for more
_LET_GO = 200  # targets of a stopping deployment in one turn
_NAMED = 100  # targets of one read


def tick(deployment_id: str, number: int) -> None:
    """One turn of the chain, which looks at every kind of what may wait."""
    turns.tick(deployment_id, number, KINDS)


# -- targets that wait for the moment at which their command may be sent


def _sends(deployment: Deployment, turn: Turn) -> tuple[Turn, float | None]:
    deployment_id = deployment.deployment_id
    if deployment.stop and _let_go(deployment):
        return turn, 0.0
    if not deployment.pause and _let_ask_again(deployment_id):
        return turn, 0.0
    left = (turn.granted_until - pacer.now()) / 1000 - _EARLIER
    if left > 0:
        return turn, left
    waiting = watching.waits(deployment_id, WaitKind.SEND, min(pacer.most(_GRANT_SECONDS), _MOST_SENDS))
    if not waiting:
        return turn, None
    moments = pacer.take(len(waiting), seconds=_GRANT_SECONDS)
    if moments is None:
        return turn, _EARLIER
    handed = waiting[: moments.count]
    chain.hand_out(deployment_id, handed, moments)
    watching.remove(deployment_id, handed)
    until = moments[moments.count].at
    granted = replace(
        turn, granted_until=until, throttled_at=moments.throttled_at, running=turn.running + moments.count
    )
    return granted, max(0.0, (until - pacer.now()) / 1000 - _EARLIER)


def _let_go(deployment: Deployment) -> bool:
    """Wake the targets that are not sent to any more, because the deployment stops; whether there were some."""
    kinds = WaitKind.SEND, WaitKind.PAUSE
    waiting = [wait for kind in kinds for wait in watching.waits(deployment.deployment_id, kind, _LET_GO)]
    ended = list[Wait]()
    for some in batches(waiting, _NAMED):
        found = targets.named(deployment.deployment_id, [each.target_id for each in some])
        for wait in some:
            decision = next_step(found[wait.target_id], deployment.stop)
            if isinstance(decision, End):
                results.wake(wait.task_token, decision.status)
                ended.append(wait)
    watching.remove(deployment.deployment_id, ended)
    return bool(ended)


def _let_ask_again(deployment_id: str) -> bool:
    """Wake the targets that a pause has held; whether there were some."""
    waiting = watching.waits(deployment_id, WaitKind.PAUSE, _LET_GO)
    for wait in waiting:
        results.wake(wait.task_token, StepSignal.WAIT)
    watching.remove(deployment_id, waiting)
    return bool(waiting)


KINDS: Sequence[Kind] = (instances.look, _sends, commands.look, traffic.look)

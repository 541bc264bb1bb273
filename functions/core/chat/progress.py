"""How far a deployment is, as a message tells it while it runs."""

from datetime import datetime
from itertools import accumulate

from functions.core.records import Deployment, HoldKind
from functions.core.rollout import holds

_CELLS = 20


def bar(done: int, total: int) -> str:
    """
    >>> bar(0, 4), bar(1, 4), bar(4, 4), bar(1, 10000)
    ('░░░░░░░░░░░░░░░░░░░░', '█████░░░░░░░░░░░░░░░', '████████████████████', '█░░░░░░░░░░░░░░░░░░░')
    """
    full = min(_CELLS, -(-done * _CELLS // total)) if total else 0
    return "█" * full + "░" * (_CELLS - full)


def running_stage(deployment: Deployment) -> tuple[int, str] | None:
    """The number, from 1, and the name of the stage that runs, or after which it waits; None of a deployment without
    stages. A stage begins when all before it have ended, so the targets that have begun say which one it is."""
    stages = deployment.stages
    if len(stages) < 2:
        return None
    if deployment.hold and deployment.hold.stage >= 0:
        number = deployment.hold.stage
    else:
        ends = accumulate(stage.targets for stage in stages)
        number = next((n for n, end in enumerate(ends) if deployment.counts.started <= end), len(stages) - 1)
    return number + 1, stages[number].name


def seconds_left(deployment: Deployment, now: datetime) -> float | None:
    """About how long it takes yet: the hosts that are left at the pace so far, and the bakes to come. None while
    nobody can know: before the first host is done, while it stops, or waits for a person."""
    counts, hold = deployment.counts, deployment.hold
    done = counts.succeeded + counts.failed
    if not done or deployment.stop or deployment.pause or not deployment.start_time:
        return None
    if hold and not set(hold.kinds) <= {HoldKind.BAKE}:
        return None
    reached = running_stage(deployment)
    number = reached[0] - 1 if reached else 0
    stages = deployment.stages
    baked = sum(stage.bake_seconds for stage in stages[:number])
    waits = sum(stage.bake_seconds for stage in stages[number:])
    working = (now - datetime.fromisoformat(deployment.start_time)).total_seconds() - baked
    if hold and hold.until:
        waits = holds.seconds(hold, now) + sum(stage.bake_seconds for stage in stages[hold.stage + 1 :])
        working -= (now - datetime.fromisoformat(hold.since)).total_seconds()
    return max(working, 1.0) / done * (counts.total - done) + waits

"""Why a deployment waits between two stages, and for how long: one rule, asked before it waits and whenever something
may have ended that."""

from datetime import datetime, timedelta

from functions.core.records import AnalysisVerdict, Closed, Deployment, Hold, HoldKind, Stage
from functions.core.rollout.analysis import verdict_on
from functions.core.rollout.health import Approval
from functions.core.statuses import DeploymentStatus
from functions.core.text.times import timestamp

LONGEST_SECONDS = 30 * 86400  # of one wait of the state; then the rule is asked again


def needed(
    deployment: Deployment, stage: int, last: Hold | None, now: datetime, frozen: Closed | None = None
) -> Hold | None:
    """For what the deployment has to wait after a stage (-1: before the first); None when it can go on. `last`: what it
    has waited for till now; `frozen`: the freeze that holds it now.

    All that it waits for counts at the same time: a bake goes on while nobody has approved. Only where metrics are to
    be judged is nobody asked to approve before that. Pauses and freezes keep it from a next stage; without one it ends.
    """
    since = _since(stage, last, now)
    kinds, until = list[HoldKind](), None
    after = deployment.stages[stage] if 0 <= stage < len(deployment.stages) else None
    if after and after.bake_seconds:
        ends = _bake_ends(after, since)
        if ends > now:
            kinds.append(HoldKind.BAKE)
            until = timestamp(ends)
    verdict = verdict_on(deployment, stage)
    is_judged = after is None or after.analysis is None or verdict is not None
    judged_at = None if is_judged else until
    if not is_approved(deployment, stage):
        if after and after.approval and is_judged:
            kinds.append(HoldKind.APPROVAL)
        if verdict and verdict.verdict is AnalysisVerdict.INCONCLUSIVE:
            kinds.append(HoldKind.INCONCLUSIVE)
    is_more = stage < len(deployment.stages) - 1
    if deployment.pause and is_more:
        kinds.append(HoldKind.PAUSE)
    if frozen and is_more:
        kinds.append(HoldKind.FREEZE)
        until = max(until or "", frozen.until) if frozen.until else None
    return Hold(stage=stage, kinds=tuple(kinds), since=since, until=until, judged_at=judged_at) if kinds else None


def is_to_be_judged(deployment: Deployment, stage: int, last: Hold | None, now: datetime) -> bool:
    """Whether the stage has baked, and its metrics are not judged yet."""
    after = deployment.stages[stage] if 0 <= stage < len(deployment.stages) else None
    if after is None or after.analysis is None or verdict_on(deployment, stage):
        return False
    return _bake_ends(after, _since(stage, last, now)) <= now


def _since(stage: int, last: Hold | None, now: datetime) -> str:
    return last.since if last and last.stage == stage else timestamp(now)


def _bake_ends(stage: Stage, since: str) -> datetime:
    return datetime.fromisoformat(since) + timedelta(seconds=stage.bake_seconds)


def is_approved(deployment: Deployment, stage: int) -> bool:
    return any(each.stage == stage for each in deployment.approvals)


def seconds(hold: Hold, now: datetime) -> int:
    """For how long the state waits, if nobody wakes it."""
    ends = hold.until if set(hold.kinds) <= {HoldKind.BAKE, HoldKind.FREEZE} else None
    if (ends := hold.judged_at or ends) is None:
        return LONGEST_SECONDS
    left = (datetime.fromisoformat(ends) - now).total_seconds()
    return max(1, min(-int(-left // 1), LONGEST_SECONDS))


def waits_for_approval(hold: Hold | None) -> bool:
    """Whether it waits for somebody who says that it goes on."""
    return hold is not None and bool({HoldKind.APPROVAL, HoldKind.INCONCLUSIVE} & set(hold.kinds))


def approval_asked(deployment: Deployment) -> tuple[Stage, Approval] | None:
    """After which stage a deployment that is Ready waits for somebody's approval, and for whose."""
    if deployment.status is not DeploymentStatus.READY or deployment.hold is None:
        return None
    stage = deployment.stages[deployment.hold.stage]
    return stage, stage.approval or Approval()

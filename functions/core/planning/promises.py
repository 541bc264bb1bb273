"""What a deployment promises at least, and what keeps it from beginning: sentences for people."""

from collections.abc import Iterator, Sequence

from functions.core.messages import texts
from functions.core.records import BudgetShard, BudgetShare, Closed, Deployment, Freeze, Target
from functions.core.rollout import budgets as rules
from functions.core.rollout.rollback_choice import RollbackChoice
from functions.core.rollout.stages import Round
from functions.core.statuses import OnBusy, TargetStatus
from functions.core.text.plain_text import counted, listed

NOT_READ = (
    "The archive was not read, because it is large or not in S3 yet: that it is a good one is found out when the"
    " deployment begins. Check it before: stepdeploy validate."
)
_NAMES = 100  # bytes of hosts' names in a sentence


def may_fail(deployment: Deployment) -> int:
    """How many of its targets may fail, and it still succeeds: all but the minimum, and one has to succeed."""
    counts = deployment.counts
    return max(min(counts.max_out_of_service, counts.total - 1), 0)


def promises(deployment: Deployment) -> Iterator[str]:
    """The weakest promise first: how much may go wrong in a deployment that still counts as a success."""
    counts, fails = deployment.counts, may_fail(deployment)
    if not counts.total:
        return
    share = fails * 100 // counts.total
    yield (
        f"{fails} of {_hosts(counts.total)} ({share} %) may fail and the deployment still succeeds under"
        f" {deployment.settings.config.name}; at most {counts.max_out_of_service} may be out of service at one time."
    )
    if counts.failed:
        yield f"{_hosts(counts.failed)} cannot take part, and {'counts' if counts.failed == 1 else 'count'} as failed."
    for each in deployment.places[1:]:
        where = f"Availability Zone {each.zone}" if each.zone else f"Stage {each.stage}"
        yield (
            f"{where}: at most {each.places} out of service at one time; no further stage begins when fewer than"
            f" {each.needed} succeed."
        )


def cannot_begin(deployment: Deployment, rounds: Sequence[Round], targets: Sequence[Target]) -> str | None:
    """Why no host would be touched, though there are some."""
    failed = [each for each in targets if each.status is TargetStatus.FAILED]
    if rounds or not deployment.counts.total or not failed:
        return None
    out, ids = deployment.counts.max_out_of_service, [each.target_id for each in failed]
    why = failed[0].failure.message if failed[0].failure else ""
    return (
        f"{_hosts(len(failed))} of {len(targets)} cannot take part ({listed(ids, _NAMES)}), and at most {out} may be"
        f" out of service: no host would begin, and the deployment would fail."
        f" {failed[0].target_id}: {why}"
    )


def left_out(targets: Sequence[Target]) -> Iterator[str]:
    """The hosts that cannot take part, by the reason."""
    by_reason = dict[str, list[str]]()
    for each in targets:
        if each.status is TargetStatus.FAILED and each.failure:
            by_reason.setdefault(each.failure.message, []).append(each.target_id)
    for reason, ids in by_reason.items():
        counts = "counts" if len(ids) == 1 else "count"
        yield f"{listed(ids, _NAMES)}: cannot take part, and {counts} as failed: {reason}"


def calendar(state: Closed) -> str:
    until = f"until {state.until}" if state.until else "until a freeze is lifted"
    return f"It would be Queued {until}: {state.why}."


def frozen_midway(freeze: Freeze) -> str:
    return f"A freeze begins at {freeze.start}, before its end: between two stages it would be held ({freeze.reason})."


def busy(deployment: Deployment, holder: str, waiting: str | None) -> str:
    """What becomes of it while another deployment has the group, by the group's queue policy or the request's."""
    instead = f" in the place of {waiting}, which would be Stopped" if waiting else ""
    waits = f"{texts.busy(deployment.group, holder)}: it would be Queued behind it{instead}."
    if deployment.settings.on_busy is OnBusy.SUPERSEDE:
        return f"{waits} {holder} ends when it is held between two stages (onBusy: supersede)."
    return waits


def budget(share: BudgetShare, shards: Sequence[BudgetShard], hosts: int) -> tuple[str, bool]:
    """How a budget stands, and whether it keeps the deployment waiting."""
    if share.is_named and rules.is_used_up(share, shards):
        return rules.used_up(share, shards), True
    held = sum(len(each.held) for each in shards)
    if not share.is_named:
        return (
            f"Budget {share.budget}: {_hosts(hosts)} that failed have places of it, which a success gives back.",
            False,
        )
    said = (
        f"Budget {share.budget}: {held} of {share.places} places are held; {_hosts(hosts)} of this deployment ask it."
    )
    return said, held >= share.places


def rollback(deployment: Deployment, choice: RollbackChoice) -> str:
    """What would follow a failure."""
    events = deployment.settings.auto_rollback
    when = f"After {' or '.join(each.value for each in events)}" if events else ""
    if choice.good is None:
        return choice.reason
    if not events:
        return f"No automatic rollback; stepdeploy rollback {deployment.group_key} would go back: {choice.reason}"
    return f"{when} it is rolled back: {choice.reason}"


def _hosts(count: int) -> str:
    return counted(count, "host")

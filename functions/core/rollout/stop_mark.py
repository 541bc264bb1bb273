"""Stopping: the marks that a person or an alarm sets on a deployment."""

from collections.abc import Sequence

from functions.core.limits import NAMES
from functions.core.messages.texts import alarms_activated
from functions.core.records import AnalysisVerdict, StageAnalysis, StopMark
from functions.core.statuses import DeploymentErrorCode
from functions.core.text.plain_text import listed


def by_alarms(alarms: Sequence[str], now: str) -> StopMark:
    """Alarms in ALARM: commands in flight are cancelled."""
    return StopMark(
        by=f"alarm {listed(list(alarms), NAMES, ' ')}",
        code=DeploymentErrorCode.ALARM_ACTIVE,
        message=alarms_activated(alarms),
        at=now,
        cancel=True,
    )


def by_unreadable_alarms(reason: str, now: str) -> StopMark:
    """Alarms that cannot be read, where the group does not ignore that."""
    return StopMark(
        by="alarm check",
        code=DeploymentErrorCode.ALARM_ACTIVE,
        message=f"{reason} Create the alarm, take it out of the group, or set ignorePollAlarmFailure.",
        at=now,
        cancel=True,
        are_alarms_unreadable=True,
    )


def by_analysis(stage: str, analysis: StageAnalysis) -> StopMark:
    """A stage's metrics are bad, or say nothing where that is to stop it; nothing runs between two stages."""
    is_bad = analysis.verdict is AnalysisVerdict.FAILURE
    said = "have failed" if is_bad else "are inconclusive"
    return StopMark(
        by=f"analysis of the stage {stage}",
        code=DeploymentErrorCode.ALARM_ACTIVE,
        message=f"The metrics of the stage {stage} {said}: {analysis.reason}.",
        at=analysis.at,
        are_alarms_unreadable=not is_bad,
    )


def by_auto_scaling(why: str, now: str) -> StopMark:
    """The instance that a deployment goes to is not waited for any more: what runs there is cancelled."""
    return StopMark(
        by="Auto Scaling",
        code=DeploymentErrorCode.MANUAL_STOP,
        message=f"Stopped by Auto Scaling: {why}.",
        at=now,
        cancel=True,
        auto_rollback=False,
    )


def by_newer(deployment_id: str, now: str) -> StopMark:
    """A newer deployment of a group whose `onBusy` is supersede: it goes to all hosts, so nothing rolls back before."""
    return StopMark(
        by=f"deployment {deployment_id}",
        code=DeploymentErrorCode.MANUAL_STOP,
        message=f"Superseded by the newer deployment {deployment_id} while it was held between its stages.",
        at=now,
        auto_rollback=False,
        superseded_by=deployment_id,
    )


def by_person(
    who: str,
    now: str,
    *,
    reason: str | None = None,
    cancel: bool = False,
    auto_rollback: bool | None = None,
    rollback_to: str | None = None,
) -> StopMark:
    """A person's stop: running scripts end by themselves unless `cancel` is asked for."""
    return StopMark(
        by=who,
        code=DeploymentErrorCode.MANUAL_STOP,
        message=f"Stopped by {who}" + (f": {reason}" if reason else "."),
        at=now,
        cancel=cancel,
        auto_rollback=auto_rollback,
        rollback_to=rollback_to,
    )

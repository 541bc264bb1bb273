"""Why a deployment waits: for another one, for places, or between two stages."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.view.output import plain
from cli.view.words import Info, counted, moment, names, until
from functions.core.declaration.durations import seconds_text
from functions.core.records.stages import HoldKind
from functions.core.statuses import DeploymentStatus


def waiting(info: Info) -> str:
    """Why a deployment has not begun yet, or begins on no further host.

    >>> waiting({"status": "Queued", "queuedBehind": "d-0123ABCDE"})
    'for d-0123ABCDE to end; a newer deployment of the group would take its place'
    >>> overview, healthy = {"Pending": 3, "InProgress": 1}, {"total": 4, "minimum": 3, "healthy": 3}
    >>> waiting({"status": "InProgress", "deploymentOverview": overview, "healthyHosts": healthy})
    '3 hosts wait for their turn: at most 1 of 4 may be out of service at one time'
    """
    if why := held(info):
        return why
    match info["status"]:
        case DeploymentStatus.QUEUED if info.get("closed"):
            return f"{until(info['closed'])}: {plain(info['closed']['reason'])}"
        case DeploymentStatus.QUEUED:
            before = plain(info.get("queuedBehind") or "another one")
            return f"for {before} to end; a newer deployment of the group would take its place"
        case DeploymentStatus.CREATED:
            return "the engine reads the revision and finds the hosts"
        case DeploymentStatus.IN_PROGRESS if not info.get("stopInfo"):
            return _turns(info.get("deploymentOverview") or {}, info.get("healthyHosts") or {})
    return ""


def held(info: Info) -> str:
    """For what a deployment is held: between two stages, or by a pause."""
    if info.get("stopInfo") or info.get("completeTime"):
        return ""
    if hold := info.get("hold"):
        return _held(info, hold)
    return _paused(info["pause"]) if info.get("pause") else ""


def _held(info: Info, hold: Mapping[str, Any]) -> str:
    """Why a deployment waits between two stages.

    >>> stages = [{"name": "canary", "approval": {"byAnother": True}}]
    >>> _held({"deploymentId": "d-1", "stages": stages}, {"afterStage": 0, "kinds": ["APPROVAL"]})
    'after stage 1 of 1 (canary) for approval by another than its creator: stepdeploy approve d-1'
    """
    stages, number = info.get("stages") or [{}], hold["afterStage"]
    stage = stages[number] if 0 <= number < len(stages) else {}
    name = f" ({plain(stage['name'])})" if stage.get("name") else ""
    after = f"after stage {number + 1} of {len(stages)}{name} " if stage and len(stages) + bool(name) > 1 else ""
    told, kinds = [], list(hold["kinds"])
    if info.get("pause") and HoldKind.PAUSE not in kinds:  # it came after the wait had begun
        kinds.append(HoldKind.PAUSE)
    for kind in kinds:
        match kind:
            case HoldKind.BAKE:
                told.append(f"alarms are watched until {moment(hold.get('until'))}")
            case HoldKind.APPROVAL:
                who = approval_needed(stage.get("approval") or {})
                told.append(f"for approval{who}: stepdeploy approve {plain(info['deploymentId'])}")
            case HoldKind.FREEZE:
                told.append(f"frozen; lifts itself at {moment(hold['until'])}" if hold.get("until") else "frozen")
            case HoldKind.PAUSE:
                told.append(_paused(info.get("pause") or {}))
    return after + "; ".join(told)


def approval_needed(approval: Mapping[str, Any]) -> str:
    who = " by " + names(approval["approvers"], 3) if approval.get("approvers") else ""
    other = " (not its creator)" if who else " by another than its creator"
    return who + other * bool(approval.get("byAnother"))


def _paused(pause: Mapping[str, Any]) -> str:
    why = f": {plain(pause['reason'])}" if pause.get("reason") else ""
    return f"paused by {plain(pause.get('pausedBy', '-'))} since {moment(pause.get('pauseTime'))}{why}"


def _turns(overview: Mapping[str, int], hosts: Mapping[str, int]) -> str:
    pending, total, minimum = overview.get("Pending", 0), hosts.get("total", 0), hosts.get("minimum", 0)
    if not pending or hosts.get("healthy", 0) > minimum:
        return ""
    wait = "waits for its" if pending == 1 else "wait for their"
    failed = f", {counted(overview['Failed'], 'failed host')} included" if overview.get("Failed") else ""
    turn = f"at most {total - minimum:,} of {total:,} may be out of service at one time"
    return f"{counted(pending, 'host')} {wait} turn: {turn}{failed}"


def stages(info: Info) -> Iterator[str]:
    """The stages of a deployment, one a line.

    >>> list(stages({"stages": [{"name": "canary", "targetCount": 1, "bakeSeconds": 600}, {"name": "rest"}]}))
    ['1. canary: 1 host, alarms are watched for 10m', '2. rest: 0 hosts']
    """
    for number, stage in enumerate(info.get("stages") or (), start=1):
        parts = [counted(stage.get("targetCount", 0), "host")]
        if seconds := stage.get("bakeSeconds"):
            parts.append(f"alarms are watched for {seconds_text(seconds)}")
        if "approval" in stage:
            given = next((each for each in info.get("approvals") or () if each["afterStage"] == number - 1), None)
            parts.append(_approval(given) if given else f"needs approval{approval_needed(stage['approval'])}")
        yield f"{number}. {plain(stage.get('name') or 'repair')}: {', '.join(parts)}"


def _approval(given: Mapping[str, Any]) -> str:
    why = f": {plain(given['reason'])}" if given.get("reason") else ""
    return f"approved by {plain(given['approvedBy'])} at {moment(given['approvalTime'])}{why}"

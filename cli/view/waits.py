"""Why a deployment waits: for another one, for places, or between two stages."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.view.output import plain
from cli.view.words import Info, counted, moment, names, until
from functions.core.declaration.durations import seconds_text
from functions.core.records.analysis import JudgedKind
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
                judged = "; then its metrics are judged" if hold.get("judgedAt") else ""
                told.append(f"alarms are watched until {moment(hold.get('judgedAt') or hold.get('until'))}{judged}")
            case HoldKind.APPROVAL:
                who = approval_needed(stage.get("approval") or {})
                told.append(f"for approval{who}: stepdeploy approve {plain(info['deploymentId'])}")
            case HoldKind.FREEZE:
                told.append(f"frozen; lifts itself at {moment(hold['until'])}" if hold.get("until") else "frozen")
            case HoldKind.INCONCLUSIVE:
                told.append(_inconclusive(info, number))
            case HoldKind.PAUSE:
                told.append(_paused(info.get("pause") or {}))
    return after + "; ".join(told)


def _inconclusive(info: Info, number: int) -> str:
    """Metrics that do not say how the deployment fares.

    >>> found = {"afterStage": 0, "verdict": "inconclusive", "reason": "errors: 1 of 1 new host silent"}
    >>> _inconclusive({"deploymentId": "d-1", "analyses": [found]}, 0)
    'metrics are inconclusive (errors: 1 of 1 new host silent): stepdeploy approve d-1 to go on, or stepdeploy stop d-1'
    """
    why = next((each["reason"] for each in info.get("analyses") or () if each["afterStage"] == number), "")
    me = plain(info["deploymentId"])
    return f"metrics are inconclusive ({plain(why)}): stepdeploy approve {me} to go on, or stepdeploy stop {me}"


def analyses(info: Info) -> Iterator[str]:
    """What the metrics said after stages: the verdict on each, then metric by metric.

    >>> judged = [{"name": "errors", "verdict": "success", "reason": "0.1 on 1 new host, not above 2"}]
    >>> info = {"stages": [{"name": "canary"}], "analyses": [{"afterStage": 0, "verdict": "success", "judged": judged}]}
    >>> list(analyses(info))
    ['1. canary: success', '   errors: success: 0.1 on 1 new host, not above 2']
    """
    stages = info.get("stages") or ()
    for each in info.get("analyses") or ():
        number = each["afterStage"]
        name = stages[number].get("name") if number < len(stages) else None
        why = "" if each.get("judged") else f": {plain(each.get('reason', ''))}"
        yield f"{number + 1}. {plain(name or '-')}: {plain(each['verdict'])}{why}"
        for one in each.get("judged") or ():
            kind = "alarm " if one.get("kind") == JudgedKind.ALARM else ""
            yield f"   {kind}{plain(one['name'])}: {plain(one['verdict'])}: {plain(one.get('reason', ''))}"


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
        if stage.get("analysis"):
            parts.append(what_is_judged(stage["analysis"]))
        if "approval" in stage:
            given = next((each for each in info.get("approvals") or () if each["afterStage"] == number - 1), None)
            parts.append(_approval(given) if given else f"needs approval{approval_needed(stage['approval'])}")
        yield f"{number}. {stage_name(stage)}: {', '.join(parts)}"


def stage_name(stage: Mapping[str, Any]) -> str:
    """That of hosts that were out of service before has none."""
    return plain(stage.get("name") or "repair")


def what_is_judged(rule: Mapping[str, Any]) -> str:
    """
    >>> what_is_judged({"metrics": [{"name": "errors"}], "alarms": {}})
    '1 metric judged'
    """
    count = len(rule.get("metrics") or ())
    told = [counted(count, "metric")] * bool(count) + ["data of alarms"] * bool(rule.get("alarms"))
    return f"{' and '.join(told)} judged"


def _approval(given: Mapping[str, Any]) -> str:
    why = f": {plain(given['reason'])}" if given.get("reason") else ""
    return f"approved by {plain(given['approvedBy'])} at {moment(given['approvalTime'])}{why}"

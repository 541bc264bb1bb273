"""Stages, in the form of a service model: those of a configuration, those of a deployment, and what holds it."""

from enum import StrEnum
from typing import Any

from functions.core.records.analysis import AnalysisVerdict, JudgedKind
from functions.core.records.stages import HoldKind
from functions.core.rollout.analysis_rule import Compare, FailOn, OnInconclusive
from functions.core.rollout.health import Select


def structure(required: tuple[str, ...] = (), /, **members: str) -> dict[str, Any]:
    """A shape with these members, each of the shape that is given for it."""
    shape: dict[str, Any] = {"type": "structure", "members": {n: {"shape": each} for n, each in members.items()}}
    return {**shape, "required": list(required)} if required else shape


def one_of(words: type[StrEnum]) -> dict[str, Any]:
    return {"type": "string", "enum": [each.value for each in words]}


def exception() -> dict[str, Any]:
    return {**structure(), "exception": True}


# In which stage a target takes part (from 0), when its host was taken out of service, and whether it was out before.
SERVICE = {"stage": "Integer", "outOfServiceTime": "Timestamp", "wasOutOfService": "Boolean"}

SHAPES: dict[str, dict[str, Any]] = {
    # -- the stages of a deployment configuration (docs/stages.md); orderTag: by whose value targets are ordered
    "StageSelection": structure(type="StageSelectionType", value="Integer", zones="ZoneList", tag="StageTag"),
    "StageTag": structure(("Key",), Key="Key", Value="Value"),
    "StageSelectionType": one_of(Select),
    "ZoneList": {"type": "list", "member": {"shape": "Zone"}},
    "Approval": structure(approvers="PrincipalPatternList", byAnother="Boolean"),
    "StageRule": structure(
        ("name", "select"),
        name="StageName",
        select="StageSelection",
        minimumHealthyHosts="MinimumHealthyHosts",
        bakeSeconds="Integer",
        approval="Approval",
        analysis="Analysis",
    ),
    # -- what is judged when a stage has baked: data of the group's alarms, and metrics that each host has (InstanceId)
    "Analysis": structure(metrics="MetricRuleList", alarms="AlarmData", onInconclusive="OnInconclusive"),
    "AlarmData": structure(minimumDataPoints="Integer"),
    "OnInconclusive": one_of(OnInconclusive),
    "MetricRule": structure(
        ("name", "namespace", "metricName", "compare"),
        name="StageName",
        namespace="MetricText",
        metricName="MetricText",
        dimensions="MetricDimensions",
        statistic="MetricText",
        periodSeconds="Integer",
        compare="MetricComparison",
        failOn="FailOn",
        limit="Double",
        tolerance="Tolerance",
        minimumDataPoints="Integer",
    ),
    "MetricRuleList": {"type": "list", "member": {"shape": "MetricRule"}},
    "MetricText": {"type": "string", "min": 1, "max": 255},
    "MetricDimensions": {"type": "map", "key": {"shape": "MetricText"}, "value": {"shape": "MetricText"}},
    "MetricComparison": one_of(Compare),
    "FailOn": one_of(FailOn),
    "Tolerance": structure(percent="Double", value="Double"),
    "Double": {"type": "double"},
    "StageName": {"type": "string", "min": 1, "max": 100, "pattern": "[A-Za-z0-9+=,.@_-]+"},
    "StageRuleList": {"type": "list", "member": {"shape": "StageRule"}},
    "CreateDeploymentConfigInput": structure(stages="StageRuleList", orderTag="Key"),
    "DeploymentConfigInfo": structure(stages="StageRuleList", orderTag="Key"),
    # -- the stages of a deployment, and why it waits between two of them
    "Stage": structure(
        name="Message", targetCount="Integer", bakeSeconds="Integer", approval="Approval", analysis="Analysis"
    ),
    "StageList": {"type": "list", "member": {"shape": "Stage"}},
    "HoldKind": one_of(HoldKind),
    "HoldKindList": {"type": "list", "member": {"shape": "HoldKind"}},
    "Hold": structure(
        afterStage="Integer", kinds="HoldKindList", since="Timestamp", until="Timestamp", judgedAt="Timestamp"
    ),
    "Pause": structure(pausedBy="Actor", pauseTime="Timestamp", reason="Message"),
    "Approved": structure(afterStage="Integer", approvedBy="Actor", approvalTime="Timestamp", reason="Message"),
    "ApprovedList": {"type": "list", "member": {"shape": "Approved"}},
    # -- what the metrics said after a stage; of an alarm, newHosts.dataPoints are its metric's
    "AnalysisVerdict": one_of(AnalysisVerdict),
    "JudgedKind": one_of(JudgedKind),
    "Measured": structure(hosts="Integer", silentHosts="Integer", dataPoints="Integer", value="Double"),
    "Judged": structure(
        name="Message",
        kind="JudgedKind",
        verdict="AnalysisVerdict",
        reason="Message",
        newHosts="Measured",
        oldHosts="Measured",
        bound="Double",
    ),
    "JudgedList": {"type": "list", "member": {"shape": "Judged"}},
    "StageAnalysis": structure(
        afterStage="Integer", verdict="AnalysisVerdict", time="Timestamp", reason="Message", judged="JudgedList"
    ),
    "StageAnalysisList": {"type": "list", "member": {"shape": "StageAnalysis"}},
    # -- what a picture of all targets of a deployment needs of each
    "TargetSummary": structure(
        targetId="TargetId", status="TargetStatus", lastUpdatedAt="Time", availabilityZone="Zone", **SERVICE
    ),
    "TargetSummaryList": {"type": "list", "member": {"shape": "TargetSummary"}},
    "ListDeploymentTargetsOutput": structure(targetSummaries="TargetSummaryList"),
}

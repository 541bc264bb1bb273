"""Whether Auto Scaling fits a deployment group: its hooks, its processes, and what its members run."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.account import deployments
from cli.account.connection import Engine
from cli.account.doctor.checks import CheckedGroup, Finding, Findings, Level, run_check
from cli.account.fleet_now import State, known
from cli.account.groups import Info
from cli.view.words import names
from functions.core.auto_scaling import (
    DEFAULT_RESULTS,
    HEARTBEAT_SECONDS,
    HOOK_MEMBERS,
    HOOK_PREFIX,
    TRANSITIONS,
    ScalingGroup,
    problems,
)
from functions.core.records import AutoScaling, HookKind
from functions.core.statuses import DeploymentStatus

_SHOWN = 3  # instances that a message names


def scaling_findings(seen: CheckedGroup) -> list[Finding]:
    """Of the Auto Scaling groups that a deployment group names."""
    engine, about, info = seen.engine, seen.about, seen.info
    named = {each["name"]: each for each in info.get("autoScalingGroups", ())}
    if not named:
        return []
    found = list[ScalingGroup]()

    def groups() -> Findings:
        answer = engine.client("autoscaling").get_paginator("describe_auto_scaling_groups")
        pages = answer.paginate(AutoScalingGroupNames=sorted(named))
        found.extend(ScalingGroup.of(each) for each in pages.search("AutoScalingGroups[]"))
        for problem in problems(AutoScaling(groups=tuple(named)), found):
            yield Finding(Level.PROBLEM, about, problem)

    def hooks() -> Findings:
        for each in found:
            yield from _hooks(about, each.name, named[each.name], hooks_of(engine, each.name))

    return [
        *run_check(about, "autoscaling:DescribeAutoScalingGroups", groups),
        *run_check(about, "autoscaling:DescribeLifecycleHooks", hooks),
        *_processes(about, info, found),
        *run_check(about, "execute-api:Invoke on ListHosts and BatchGetDeployments", lambda: _members(seen, found)),
    ]


def hooks_of(engine: Engine, name: str) -> list[Mapping[str, Any]]:
    """The engine's hooks of an Auto Scaling group, as Auto Scaling shows them."""
    shown = engine.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
    return [each for each in shown if each["LifecycleHookName"].startswith(HOOK_PREFIX)]


def _hooks(about: str, name: str, named: Mapping[str, str], shown: Sequence[Mapping[str, Any]]) -> Findings:
    """Those that are missing, or not as the engine makes them."""
    there = {each["LifecycleHookName"]: each for each in shown}
    for kind, member in HOOK_MEMBERS.items():
        if (hook := named.get(member)) is None:
            continue
        found = there.get(hook)
        if found is None:
            what = f"{name}: has no lifecycle hook {hook}: the engine does not hear of its instances"
        elif wrong := ", ".join(_wrong(kind, about, found)):
            what = f"{name}: lifecycle hook {hook} was changed ({wrong}): instances may not wait for the engine"
        else:
            continue
        yield Finding(Level.PROBLEM, about, what, _put(name, hook, kind, about))


def _wrong(kind: HookKind, group_key: str, found: Mapping[str, Any]) -> Iterator[str]:
    wanted = {
        "LifecycleTransition": TRANSITIONS[kind],
        "NotificationMetadata": group_key,
        "DefaultResult": DEFAULT_RESULTS[kind].value,
    }
    yield from (f"{name} {found.get(name)}" for name, value in wanted.items() if found.get(name) != value)
    if found["HeartbeatTimeout"] < HEARTBEAT_SECONDS:  # within which the engine gives three signs
        yield f"HeartbeatTimeout {found['HeartbeatTimeout']}"


def _put(name: str, hook: str, kind: HookKind, group_key: str) -> str:
    return (
        f"aws autoscaling put-lifecycle-hook --auto-scaling-group-name {shlex.quote(name)} --lifecycle-hook-name {hook}"
        f" --lifecycle-transition {TRANSITIONS[kind]} --notification-metadata {shlex.quote(group_key)}"
        f" --heartbeat-timeout {HEARTBEAT_SECONDS} --default-result {DEFAULT_RESULTS[kind]}"
    )


def _processes(about: str, info: Info, found: Sequence[ScalingGroup]) -> Findings:
    """What is suspended, but for what the deployment that runs has suspended."""
    last = info.get("lastAttemptedDeployment", {})
    is_over = not last or DeploymentStatus(last["status"]).is_final
    wanted = set() if is_over else set((info.get("ec2DeploymentOptions") or {}).get("processesToSuspend", ()))
    for each in found:
        if left := sorted(each.suspended - wanted):
            what = f"{each.name}: {', '.join(left)} suspended, and not by a deployment that runs"
            command = f"aws autoscaling resume-processes --auto-scaling-group-name {shlex.quote(each.name)}"
            remedy = f"unless somebody wants it so: {command} --scaling-processes {' '.join(left)}"
            yield Finding(Level.WARNING, about, what, remedy)


def _members(seen: CheckedGroup, found: Sequence[ScalingGroup]) -> Findings:
    """Those in service or on standby that do not run what they should."""
    last = seen.info.get("lastSuccessfulDeployment")
    members = sorted(each.instance_id for scaling in found for each in scaling.members if each.is_target)
    if not last or not members:
        return
    wanted = next(deployments.read(seen.engine.api, [last["deploymentId"]]), None)
    states = {each.host: each.state for each in known(seen.hosts, wanted, None)}
    if behind := [each for each in members if states.get(each) not in (State.CURRENT, State.NEWER)]:
        what = f"{names(behind, _SHOWN)}: in service without the revision of {last['deploymentId']}"
        remedy = f"look with stepdeploy hosts {seen.about}, then deploy it with stepdeploy deploy --outdated-only"
        yield Finding(Level.WARNING, seen.about, what, remedy)
    else:
        yield Finding(Level.OK, seen.about, f"all {len(members)} members of Auto Scaling have the last good revision")


# -- of no group


def orphan_findings(engine: Engine, infos: Sequence[Info]) -> list[Finding]:
    """The engine's hooks in this Region that no deployment group has. `infos`: of all groups."""
    owned = {
        (each["name"], each[member])
        for info in infos
        for each in info.get("autoScalingGroups", ())
        for member in HOOK_MEMBERS.values()
        if member in each
    }

    def orphans() -> Findings:
        pages = engine.client("autoscaling").get_paginator("describe_auto_scaling_groups").paginate()
        for name in sorted(pages.search("AutoScalingGroups[].AutoScalingGroupName")):
            for each in hooks_of(engine, name):
                hook = each["LifecycleHookName"]
                if (name, hook) not in owned:
                    key = each.get("NotificationMetadata", "")
                    what = f"{name}: lifecycle hook {hook} of {key or 'no group'}, which has none here"
                    command = "aws autoscaling delete-lifecycle-hook --auto-scaling-group-name"
                    remedy = f"unless another engine has it: {command} {shlex.quote(name)} --lifecycle-hook-name {hook}"
                    yield Finding(Level.WARNING, "Auto Scaling", what, remedy)

    permission = "autoscaling:DescribeAutoScalingGroups and autoscaling:DescribeLifecycleHooks"
    return run_check("Auto Scaling", permission, orphans)

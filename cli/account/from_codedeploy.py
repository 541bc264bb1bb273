"""CodeDeploy's deployment groups as a deployments.yaml, with what cannot be taken over.

Source: CodeDeploy API model 2014-10-06 (DeploymentGroupInfo, DeploymentConfigInfo).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cli.account.group_keys import Info, config_keys, keys_of, one_line
from functions.core.declaration import read
from functions.core.declaration.written import Keys
from functions.core.rollout.health import DEFAULT_CONFIG, PREDEFINED_CONFIGS
from functions.core.statuses import AutoRollbackEvent, TriggerEvent
from functions.core.text.plain_text import visible

_SERVER = "Server"
_IN_PLACE = "deployments are in place: the group's hosts are changed one after another"
_OTHER_PLATFORM = "deployments go to EC2 and on-premises instances"
_ON_ALARM = AutoRollbackEvent.DEPLOYMENT_STOP_ON_ALARM


class Note(NamedTuple):
    """What of a group, or of a configuration, is not taken over, and why."""

    of: str
    member: str
    why: str


@dataclass(frozen=True)
class Converted:
    """A deployments.yaml that takes over as much as it can."""

    groups: dict[str, dict[str, Keys]]  # by application and name
    configs: dict[str, Info]  # as the file has them
    notes: tuple[Note, ...] = ()
    revisions: dict[str, str] = field(default_factory=dict)  # by group, where the one that it has now lies in S3

    @property
    def text(self) -> str:
        lines = ["# yaml-language-server: $schema=docs/deployments.schema.json"]
        if self.configs:
            lines.append("deploymentConfigs:")
            lines += [f"  {one_line(name)}: {one_line(body)}" for name, body in self.configs.items()]
        lines.append("applications:" if self.groups else "applications: {}")
        for application, groups in self.groups.items():
            lines += [f"  {one_line(application)}:", "    groups:"]
            for name, keys in groups.items():
                lines.append(f"      {one_line(name)}:" if keys else f"      {one_line(name)}: {{}}")
                mine = [note for note in self.notes if note.of == f"{application}/{name}"]
                lines += [f"        # not taken over: {visible(f'{note.member}: {note.why}')}" for note in mine]
                lines += [f"        {key}: {one_line(value)}" for key, value in keys.items()]
        return "\n".join(lines) + "\n"

    @property
    def problems(self) -> list[str]:
        """What is to be put right by hand before `cdk deploy`."""
        return [str(each) for each in read(self.text)[1]]


def convert(groups: Iterable[Info], configs: Iterable[Info]) -> Converted:
    """Of groups (DeploymentGroupInfo) and those deployment configurations that are not predefined."""
    known = {each["deploymentConfigName"]: each for each in configs}
    notes: list[Note] = []
    found: dict[str, dict[str, Keys]] = {}
    used: dict[str, Info] = {}
    revisions: dict[str, str] = {}
    for info in groups:
        key = f"{info['applicationName']}/{info['deploymentGroupName']}"
        if (platform := info.get("computePlatform", _SERVER)) != _SERVER:
            notes.append(Note(key, "computePlatform", f"{platform}: {_OTHER_PLATFORM}"))
            continue
        keys = _without_defaults(keys_of(info))
        notes += [Note(key, *note) for note in (*_unmapped(info), *_taken_out(keys))]
        if (name := keys.get("deploymentConfigName")) and name not in PREDEFINED_CONFIGS:
            if name in known and "minimumHealthyHosts" in known[name]:
                used[name] = config_keys(known[name])
                notes += [Note(key, f"{name}: {member}", why) for member, why in _unmapped_of_config(known[name])]
            else:
                del keys["deploymentConfigName"]
                notes.append(Note(key, "deploymentConfigName", f"{name} is not known: {_how_to_know(name)}"))
        found.setdefault(info["applicationName"], {})[info["deploymentGroupName"]] = keys
        location = (info.get("targetRevision") or {}).get("s3Location", {})
        if location.get("bucket") and location.get("key"):
            revisions[key] = f"s3://{location['bucket']}/{location['key']}"
    return Converted(found, used, tuple(notes), revisions)


def config_names(groups: Iterable[Info]) -> list[str]:
    """The configurations that have to be known: those of the groups that are not predefined."""
    names = (info.get("deploymentConfigName", DEFAULT_CONFIG) for info in groups)
    return [name for name in dict.fromkeys(names) if not name.startswith("CodeDeployDefault.")]


def _how_to_know(name: str) -> str:
    if name.startswith("CodeDeployDefault."):
        return "it is for another platform"
    return f"aws deploy get-deployment-config --deployment-config-name {name}"


def _without_defaults(keys: Keys) -> Keys:
    """CodeDeploy always tells the strategy; of the others a group has what it was given."""
    return {key: value for key, value in keys.items() if (key, value) != ("outdatedInstancesStrategy", "UPDATE")}


def _unmapped(info: Info) -> Iterator[tuple[str, str]]:
    """Members of a group for which the file has no key."""
    if info.get("deploymentStyle", {}).get("deploymentType") == "BLUE_GREEN":
        yield "deploymentStyle.deploymentType", f"BLUE_GREEN: {_IN_PLACE}"
    if info.get("blueGreenDeploymentConfiguration"):
        yield "blueGreenDeploymentConfiguration", _IN_PLACE
    if info.get("ecsServices"):
        yield "ecsServices", _OTHER_PLATFORM
    if info.get("loadBalancerInfo", {}).get("targetGroupPairInfoList"):
        yield "loadBalancerInfo.targetGroupPairInfoList", "pairs of target groups are for ECS"
    for each in info.get("autoScalingGroups", ()):
        hooks = [each[member] for member in ("hook", "terminationHook") if each.get(member)]
        if hooks:
            why = "go when CodeDeploy's group is deleted, and until then CodeDeploy deploys to new instances, too"
            yield f"autoScalingGroups: {each['name']}", f"the lifecycle hooks {', '.join(hooks)} {why}"


def _unmapped_of_config(config: Info) -> Iterator[tuple[str, str]]:
    if config.get("trafficRoutingConfig", {}).get("type", "AllAtOnce") != "AllAtOnce":
        yield "trafficRoutingConfig", _OTHER_PLATFORM


def _taken_out(keys: Keys) -> Iterator[tuple[str, str]]:
    """Values that the file's keys do not take; they are taken out of `keys`."""
    known = {each.value for each in TriggerEvent}
    if "triggerConfigurations" in keys:
        triggers = keys.pop("triggerConfigurations")
        for trigger in triggers:
            if gone := [each for each in trigger["triggerEvents"] if each not in known]:
                what = f"triggerConfigurations: {trigger['triggerName']}: {', '.join(gone)}"
                yield what, "these events are of blue/green deployments"
        kept = [{**each, "triggerEvents": _known(each["triggerEvents"], known)} for each in triggers]
        if kept := [each for each in kept if each["triggerEvents"]]:
            keys["triggerConfigurations"] = kept
    alarms, rollback = keys.get("alarmConfiguration", {}), keys.get("autoRollbackConfiguration", {})
    is_watched = alarms and alarms.get("enabled", True)
    if _ON_ALARM in rollback.get("events", ()) and rollback.get("enabled", True) and not is_watched:
        yield f"autoRollbackConfiguration: {_ON_ALARM.value}", "no alarm of the group is watched"
        events = [each for each in rollback["events"] if each != _ON_ALARM]
        keys["autoRollbackConfiguration"] = {**rollback, "events": events}
        if not events:
            del keys["autoRollbackConfiguration"]


def _known(given: Sequence[str], known: set[str]) -> list[str]:
    return [each for each in given if each in known]


def infos_in(document: Mapping[str, Any]) -> tuple[list[Info], list[Info]]:
    """The groups and the configurations in what the AWS CLI printed: get-deployment-group,
    batch-get-deployment-groups or get-deployment-config."""
    groups = [document["deploymentGroupInfo"]] if "deploymentGroupInfo" in document else []
    configs = [document["deploymentConfigInfo"]] if "deploymentConfigInfo" in document else []
    return [*groups, *document.get("deploymentGroupsInfo", ())], configs

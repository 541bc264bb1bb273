"""deployments.yaml: the applications and deployment groups that a user declares.

`load` reads the file at synth, with every problem at its line; the file's JSON form (`shapes.to_plain`) travels to the
declare function, where `changes` compares it with what is stored. Keys are spelled as CodeDeploy's API members.

Source of the limits: CodeDeploy User Guide, "CodeDeploy limits", and the exceptions of API model 2014-10-06.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import yaml

from functions.core import quotas
from functions.core.errors import InvalidInput
from functions.core.health import (
    DEFAULT_CONFIG,
    PREDEFINED_CONFIGS,
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
)
from functions.core.records import Alarms, AutoRollback, Group, GroupSettings, TagFilter, TagGroup, Trigger
from functions.core.statuses import AutoRollbackEvent, FileExistsBehavior, OnBusy, TriggerEvent
from functions.core.text import principals
from functions.core.text.names import ALLOWED, MAX_ROLE_ARN, is_group_key, is_name, is_reserved, is_role

ENGINE_TOPIC = "notifications"  # as triggerTargetArn: the topic that the engine's own stack holds


_TOPIC_ARN = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredGroup:
    """A deployment group of the file."""

    application: str
    name: str
    settings: GroupSettings
    service_role_arn: str | None = None  # told by the API; the engine acts by roles of its own
    outdated_instances_strategy: str | None = None  # told by the API
    has_tag_set: bool = False  # its tags are written as an ec2TagSet
    has_on_premises_tag_set: bool = False

    def over(self, group: Group) -> Group:
        """The group with what the file says of it. What the file leaves out of the members that only clients read
        stays, so that a group of the API that the file takes over keeps them."""
        return replace(
            group,
            settings=self.settings,
            service_role_arn=self.service_role_arn or group.service_role_arn,
            outdated_instances_strategy=self.outdated_instances_strategy or group.outdated_instances_strategy,
            has_tag_set=self.has_tag_set,
            has_on_premises_tag_set=self.has_on_premises_tag_set,
            removed_at=None,
            declared=True,
        )

    @property
    def key(self) -> str:
        return f"{self.application}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What deployments.yaml says."""

    applications: tuple[str, ...] = ()  # every one, also one without groups
    groups: tuple[DeclaredGroup, ...] = ()
    configs: tuple[DeploymentConfig, ...] = ()  # the custom ones

    @property
    def topic_arns(self) -> tuple[str, ...]:
        """The topics outside the engine's stack to which triggers publish."""
        arns = {trigger.topic_arn for group in self.groups for trigger in group.settings.triggers}
        return tuple(sorted(arns - {ENGINE_TOPIC}))

    @property
    def alarm_names(self) -> tuple[str, ...]:
        """The alarms that are watched."""
        return tuple(sorted({name for group in self.groups for name in group.settings.alarms.watched}))

    def with_engine_topic(self, topic_arn: str) -> "Declaration":
        """The same declaration with the engine's own topic by its ARN."""

        def resolved(group: DeclaredGroup) -> DeclaredGroup:
            triggers = tuple(
                replace(trigger, topic_arn=topic_arn) if trigger.topic_arn == ENGINE_TOPIC else trigger
                for trigger in group.settings.triggers
            )
            return replace(group, settings=replace(group.settings, triggers=triggers))

        return replace(self, groups=tuple(resolved(group) for group in self.groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChange:
    """What applying a declaration does to one group."""

    before: Group | None  # None: a new group
    after: Group


def changes(
    declaration: Declaration, stored: Mapping[str, Group], *, now: str, new_id: Callable[[], str]
) -> list[GroupChange]:
    """The groups that differ from the stored ones (by "application/group"); none when nothing changed.

    A group that the declaration no longer names is marked as removed and keeps its history; one that comes back keeps
    its id.
    """
    found = []
    declared = {group.key: group for group in declaration.groups}
    for key, group in declared.items():
        before = stored.get(key)
        if before is None:
            new = Group(
                application=group.application,
                name=group.name,
                group_id=new_id(),
                settings=group.settings,
            )
            found.append(GroupChange(before=None, after=group.over(new)))
        elif (after := group.over(before)) != before:
            found.append(GroupChange(before=before, after=after))
    for key, before in stored.items():
        if key not in declared and before.removed_at is None:
            found.append(GroupChange(before=before, after=replace(before, removed_at=now, declared=False)))
    return found


def load(source: Path | str) -> Declaration:
    """The declaration in a file (a Path) or in a text (a str).

    Raises InvalidInput with all problems of the file, one a line: `deployments.yaml:12:7: path.of.key: what is wrong`.

    >>> load("applications: {shop: {groups: {web: {ec2TagFilters: [{Key: app}]}}}}").groups[0].key
    'shop/web'
    """
    name = source.name if isinstance(source, Path) else "deployments.yaml"
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    problems: list[_Problem] = []
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise InvalidInput(f"{at}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise InvalidInput(f"{name}: {error}") from error
    if node is None:
        raise InvalidInput(f"{name}:1:1: the file is empty: it needs the key applications")
    declaration = _declaration(_Value(node, "", problems))
    if problems:
        raise InvalidInput("\n".join(f"{name}:{problem}" for problem in sorted(problems, key=lambda each: each.at)))
    return declaration


@dataclass(frozen=True, slots=True)
class _Problem:
    at: tuple[int, int]  # line and column, from 1
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.at[0]}:{self.at[1]}: {f'{self.path}: ' if self.path else ''}{self.text}"


_Word = TypeVar("_Word", bound=StrEnum)


class _Value:
    """One value of the file. Reading it as the wrong kind notes a problem and answers with a stand-in, so that one
    run finds every problem; `load` throws the stand-ins away."""

    def __init__(self, node: yaml.Node, path: str, problems: list[_Problem], key: yaml.Node | None = None) -> None:
        self.node, self.path, self.problems = node, path, problems
        self._key = key  # where a complaint about the key itself points

    def refuse(self, text: str) -> None:
        self._note(self.node, self.path, text)

    def refuse_key(self, text: str) -> None:
        self._note(self._key or self.node, self.path, text)

    def _note(self, node: yaml.Node, path: str, text: str) -> None:
        self.problems.append(_Problem((node.start_mark.line + 1, node.start_mark.column + 1), path, text))

    def _below(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def members(self) -> "dict[str, _Value]":
        """A mapping by its keys. `<<` merges as in YAML 1.1: the mapping's own keys win."""
        if not isinstance(self.node, yaml.MappingNode):
            self.refuse(f"{self.shown} is not a mapping of keys to values")
            return {}
        merged: dict[str, _Value] = {}
        own: dict[str, _Value] = {}
        for key, value in self.node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for source in sources:
                    merged = _Value(source, self.path, self.problems).members() | merged
            elif not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                shown = _Value(key, self.path, self.problems).shown
                self._note(key, self.path, f"the key {shown} is not a text: quote it")
            elif key.value in own:
                self._note(key, self._below(key.value), "this key is there twice")
            else:
                own[key.value] = _Value(value, self._below(key.value), self.problems, key)
        return merged | own

    def known(self, *names: str, required: Collection[str] = ()) -> "dict[str, _Value]":
        """A mapping that may have only these keys."""
        members = self.members()
        for key in [key for key in members if key not in names]:
            members.pop(key).refuse_key(f"unknown key{_did_you_mean(key, names)}")
        if isinstance(self.node, yaml.MappingNode):
            for key in required:
                if key not in members:
                    self.refuse(f"{key} is missing")
        return members

    def items(self, *, most: int | None = None) -> "list[_Value]":
        if not isinstance(self.node, yaml.SequenceNode):
            self.refuse(f"{self.shown} is not a list")
            return []
        if most is not None and len(self.node.value) > most:
            self.refuse(f"{len(self.node.value)} entries: at most {most} are allowed")
        return [_Value(node, f"{self.path}[{index}]", self.problems) for index, node in enumerate(self.node.value)]

    def text(self, *, shortest: int = 1, longest: int) -> str:
        if not self._is("str"):
            hint = "quote a text that begins with #" if self._is("null") else "quote it"
            self.refuse(f"{self.shown} is not a text: {hint}" if self._is_scalar else f"{self.shown} is not a text")
            return ""
        if not shortest <= len(self.node.value) <= longest:
            self.refuse(f"{len(self.node.value)} characters: give {shortest} to {longest}")
        return str(self.node.value)

    def flag(self) -> bool:
        if not self._is("bool"):
            self.refuse(f"{self.shown} is not true or false")
        return self._is_scalar and self.node.value.lower() in ("true", "yes", "on")

    def number(self) -> int | None:
        if self._is("int") and re.fullmatch("-?(0|[1-9][0-9]*)", self.node.value):
            return int(self.node.value)
        return None

    def word(self, words: type[_Word]) -> _Word:
        found = self.node.value if self._is_scalar else None
        if found not in set(words):
            allowed = ", ".join(sorted(words))
            self.refuse(f"{self.shown} is not one of {allowed}{_did_you_mean(found, list(words), says_all=True)}")
            return next(iter(words))
        return words(found)

    @property
    def _is_scalar(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode)

    def _is(self, kind: str) -> bool:
        return self._is_scalar and self.node.tag == f"tag:yaml.org,2002:{kind}"

    @property
    def shown(self) -> str:
        """The value as a message shows it."""
        if isinstance(self.node, yaml.MappingNode):
            return "a mapping"
        if isinstance(self.node, yaml.SequenceNode):
            return "a list"
        if self._is("null"):
            return "nothing"
        value = str(self.node.value)
        return json.dumps(value, ensure_ascii=False) if self._is("str") else value


def _did_you_mean(given: str | None, known: Iterable[str], *, says_all: bool = False) -> str:
    by_folded = {_folded(name): name for name in known}
    wanted = _folded(given or "")
    ends_so = [name for name in by_folded if wanted and name.endswith(f".{wanted}")]  # without CodeDeployDefault.
    if close := ends_so or get_close_matches(wanted, list(by_folded), n=1):
        return f': did you mean "{by_folded[close[0]]}"?'
    return "" if says_all else f": known are {', '.join(sorted(by_folded.values()))}"


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _declaration(root: _Value) -> Declaration:
    members = root.members()
    for key in [key for key in members if key.startswith("x-")]:  # a place for YAML anchors
        del members[key]
    for key in [key for key in members if key not in ("applications", "deploymentConfigs")]:
        members.pop(key).refuse_key(f"unknown key{_did_you_mean(key, ('applications', 'deploymentConfigs'))}")
    configs = _configs(members["deploymentConfigs"]) if "deploymentConfigs" in members else {}
    if "applications" not in members:
        root.refuse("applications is missing")
        return Declaration()
    applications = members["applications"].members()
    groups = []
    for name, application in applications.items():
        _check_name(application, name)
        if is_reserved(name):
            application.refuse_key("a name that begins with a dot is the engine's own in the revision bucket")
        body = application.known("groups", required=["groups"])
        for group_name, group in (body["groups"].members() if "groups" in body else {}).items():
            _check_name(group, group_name)
            groups.append(_group(name, group_name, group, PREDEFINED_CONFIGS | configs))
    return Declaration(applications=tuple(applications), groups=tuple(groups), configs=tuple(configs.values()))


def _check_name(value: _Value, name: str) -> None:
    if not is_name(name):
        value.refuse_key(f'"{name}" is not a name: give {ALLOWED}')


def _configs(value: _Value) -> dict[str, DeploymentConfig]:
    configs = {}
    for name, body in value.members().items():
        _check_name(body, name)
        if name.startswith("CodeDeployDefault."):
            body.refuse_key("names that begin with CodeDeployDefault. are predefined")
        members = body.known("minimumHealthyHosts", required=["minimumHealthyHosts"])
        minimum = _minimum(members["minimumHealthyHosts"]) if "minimumHealthyHosts" in members else None
        configs[name] = DeploymentConfig(name, minimum)
    return configs


def _minimum(value: _Value) -> MinimumHealthyHosts | None:
    members = value.known("type", "value", required=["type", "value"])
    kind = members["type"].word(MinimumHealthyHostsType) if "type" in members else MinimumHealthyHostsType.HOST_COUNT
    if "value" not in members:
        return None
    if (number := members["value"].number()) is None:
        members["value"].refuse(f"{members['value'].shown} is not a whole number")
        return None
    try:
        return MinimumHealthyHosts(kind, number)
    except InvalidInput as error:
        members["value"].refuse(str(error))
        return None


class _OutdatedInstancesStrategy(StrEnum):
    UPDATE = "UPDATE"
    IGNORE = "IGNORE"


def _group(application: str, name: str, value: _Value, configs: Mapping[str, DeploymentConfig]) -> DeclaredGroup:
    members = value.known(
        "ec2TagFilters",
        "ec2TagSet",
        "onPremisesInstanceTagFilters",
        "onPremisesTagSet",
        "deploymentConfigName",
        "alarmConfiguration",
        "autoRollbackConfiguration",
        "triggerConfigurations",
        "bakeTime",
        "onBusy",
        "slackChannel",
        "fileExistsBehavior",
        "ignoreApplicationStopFailures",
        "allowedPrincipals",
        "sharedWith",
        "hostBusy",
        "serviceRoleArn",
        "outdatedInstancesStrategy",
    )
    settings = _settings(value, members, configs)
    role, strategy = members.get("serviceRoleArn"), members.get("outdatedInstancesStrategy")
    arn = role.text(longest=MAX_ROLE_ARN) if role else None
    if role and arn and not is_role(arn):
        role.refuse(f"{role.shown} is not the ARN of a role: give arn:aws:iam::ACCOUNT:role/NAME")
    return DeclaredGroup(
        application=application,
        name=name,
        settings=settings,
        service_role_arn=arn,
        outdated_instances_strategy=strategy.word(_OutdatedInstancesStrategy).value if strategy else None,
        has_tag_set="ec2TagSet" in members,
        has_on_premises_tag_set="onPremisesTagSet" in members,
    )


def _settings(value: _Value, members: dict[str, _Value], configs: Mapping[str, DeploymentConfig]) -> GroupSettings:
    wanted = AutoRollback()
    read: dict[str, Any] = {
        "tag_groups": _tag_groups(members, "ec2TagFilters", "ec2TagSet"),
        "on_premises_tag_groups": _tag_groups(members, "onPremisesInstanceTagFilters", "onPremisesTagSet"),
    }
    if not members.keys() & {"ec2TagFilters", "ec2TagSet", "onPremisesInstanceTagFilters", "onPremisesTagSet"}:
        value.refuse_key("say which instances belong to the group: ec2TagFilters or ec2TagSet is missing")
    if config := members.get("deploymentConfigName"):
        read["config"] = _config(config, configs)
    if alarms := members.get("alarmConfiguration"):
        read["alarms"] = _alarms(alarms)
    if rollback := members.get("autoRollbackConfiguration"):
        wanted = _auto_rollback(rollback, read.get("alarms", Alarms()))
    if triggers := members.get("triggerConfigurations"):
        read["triggers"] = _triggers(triggers)
    if bake := members.get("bakeTime"):
        read["bake_seconds"] = _bake_seconds(bake)
    if on_busy := members.get("onBusy"):
        read["on_busy"] = on_busy.word(OnBusy)
    if channel := members.get("slackChannel"):
        read["slack_channel"] = channel.text(longest=80)
    if behavior := members.get("fileExistsBehavior"):
        read["file_exists_behavior"] = behavior.word(FileExistsBehavior)
    if ignore := members.get("ignoreApplicationStopFailures"):
        read["ignore_application_stop_failures"] = ignore.flag()
    if busy := members.get("hostBusy"):
        read["host_busy_seconds"] = _host_busy_seconds(busy)
    if allowed := members.get("allowedPrincipals"):
        read["allowed_principals"] = _principals(allowed)
    if shared := members.get("sharedWith"):
        read["shared_with"] = _shared_with(shared)
        if not allowed:
            shared.refuse_key("does not have any effect unless allowedPrincipals says who may deploy")
    return wanted.over(GroupSettings(**read))


def _principals(value: _Value) -> tuple[str, ...]:
    listed = value.items(most=principals.MOST)
    if not listed:
        value.refuse("give at least one ARN, or leave it out to let in whoever IAM does")
    for each in listed:
        if (text := each.text(longest=2048)) and (problem := principals.problem(text)):
            each.refuse(f"{each.shown} {problem}")
    return tuple(dict.fromkeys(each.text(longest=2048) for each in listed))


def _shared_with(value: _Value) -> tuple[str, ...]:
    groups = []
    for each in value.items(most=quotas.MOST_SHARED):
        groups.append(text := each.text(longest=201))
        if text and not is_group_key(text):
            each.refuse(f"{each.shown} is not a group; write APPLICATION/GROUP, for example shop/tools")
    return tuple(dict.fromkeys(groups))


def _config(value: _Value, configs: Mapping[str, DeploymentConfig]) -> DeploymentConfig:
    name = value.text(longest=100)
    if name and name not in configs:
        value.refuse(
            f'there is no deployment configuration "{name}"{_did_you_mean(name, configs)}'
            " (declare your own under deploymentConfigs)"
        )
    return configs.get(name, configs[DEFAULT_CONFIG])


def _tag_groups(members: dict[str, _Value], filters: str, sets: str) -> tuple[TagGroup, ...]:
    """InvalidEC2TagCombination and InvalidOnPremisesTagCombination; a list that could never have a target."""
    flat, tag_set = members.get(filters), members.get(sets)
    if flat and tag_set:
        flat.refuse(f"give {filters} or {sets}, not both")
        return ()
    if flat:
        return (_tag_group(flat),)
    if tag_set:
        listed = tag_set.known(f"{sets}List", required=[f"{sets}List"]).get(f"{sets}List")
        lists = listed.items(most=quotas.MOST_TAG_GROUPS) if listed else []
        if listed and not lists:
            listed.refuse("give at least one list of tag filters")
        return tuple(_tag_group(each) for each in lists)
    return ()


def _tag_group(value: _Value) -> TagGroup:
    filters = value.items(most=quotas.MOST_FILTERS)
    if not filters:
        value.refuse("give at least one tag filter")
    return TagGroup(filters=tuple(_tag_filter(each) for each in filters))


class _TagFilterType(StrEnum):
    KEY_ONLY = "KEY_ONLY"
    VALUE_ONLY = "VALUE_ONLY"
    KEY_AND_VALUE = "KEY_AND_VALUE"


_FILTER_PARTS = {
    _TagFilterType.KEY_ONLY: {"Key"},
    _TagFilterType.VALUE_ONLY: {"Value"},
    _TagFilterType.KEY_AND_VALUE: {"Key", "Value"},
}


def _tag_filter(value: _Value) -> TagFilter:
    members = value.known("Key", "Value", "Type")
    parts = members.keys() & {"Key", "Value"}
    if not parts and isinstance(value.node, yaml.MappingNode):
        value.refuse("give Key, Value or both")
    elif "Type" in members and parts != _FILTER_PARTS[kind := members["Type"].word(_TagFilterType)]:
        wanted = " and ".join(sorted(_FILTER_PARTS[kind]))
        value.refuse(f"Type {kind} needs {wanted}, here is {' and '.join(sorted(parts))}")
    return TagFilter(
        key=members["Key"].text(longest=128) if "Key" in members else None,
        value=members["Value"].text(shortest=0, longest=256) if "Value" in members else None,
    )


def _alarms(value: _Value) -> Alarms:
    members = value.known("enabled", "ignorePollAlarmFailure", "alarms")
    names: list[str] = []
    for alarm in members["alarms"].items(most=quotas.MOST_ALARMS) if "alarms" in members else []:
        if "name" in (body := alarm.known("name", required=["name"])):
            name = body["name"].text(longest=255)
            if name in names:
                body["name"].refuse(f'the alarm "{name}" is there twice')
            names.append(name)
    enabled = members["enabled"].flag() if "enabled" in members else True
    if enabled and not names:
        value.refuse("enabled without alarms: name at least one")
    ignore = members["ignorePollAlarmFailure"].flag() if "ignorePollAlarmFailure" in members else False
    return Alarms(names=tuple(names), enabled=enabled, ignore_poll_alarm_failure=ignore)


def _auto_rollback(value: _Value, alarms: Alarms) -> AutoRollback:
    members = value.known("enabled", "events")
    listed = members["events"].items() if "events" in members else []
    events = tuple(dict.fromkeys(event.word(AutoRollbackEvent) for event in listed))
    if not (members["enabled"].flag() if "enabled" in members else True):
        return AutoRollback(events=events, enabled=False)
    if not events:
        value.refuse("enabled without events: name at least one")
    if AutoRollbackEvent.DEPLOYMENT_STOP_ON_ALARM in events and not alarms.watched:
        value.refuse("DEPLOYMENT_STOP_ON_ALARM does not have any effect unless alarmConfiguration names an alarm")
    return AutoRollback(events=events)


def _triggers(value: _Value) -> tuple[Trigger, ...]:
    triggers: list[Trigger] = []
    keys = ("triggerName", "triggerTargetArn", "triggerEvents")
    for body in value.items(most=quotas.MOST_TRIGGERS):
        members = body.known(*keys, required=keys)
        if len(members) < len(keys):
            continue
        name, arn = members["triggerName"].text(longest=100), members["triggerTargetArn"].text(longest=512)
        if name in [trigger.name for trigger in triggers]:
            members["triggerName"].refuse(f'the trigger "{name}" is there twice')
        if arn and arn != ENGINE_TOPIC and not _TOPIC_ARN.fullmatch(arn):
            members["triggerTargetArn"].refuse(
                f'"{arn}" is neither the ARN of a standard SNS topic nor the word {ENGINE_TOPIC}'
            )
        events = members["triggerEvents"].items()
        if not events:
            members["triggerEvents"].refuse("give at least one event")
        words = dict.fromkeys(event.word(TriggerEvent) for event in events)
        triggers.append(Trigger(name=name, topic_arn=arn, events=tuple(words)))
    return tuple(triggers)


def _host_busy_seconds(value: _Value) -> int:
    """`fail`, or `wait` and how long."""
    given = value.node.value.split() if isinstance(value.node, yaml.ScalarNode) else []
    if given == ["fail"]:
        return 0
    seconds = _seconds(given[1]) if len(given) == 2 and given[0] == "wait" else None
    if not seconds:
        value.refuse(f'{value.shown} is neither "fail" nor "wait" and a time, for example "wait 10m"')
        return 0
    if seconds > quotas.LONGEST_DEPLOYMENT_SECONDS:
        value.refuse(f"{seconds} seconds: at most {quotas.LONGEST_DEPLOYMENT_SECONDS} (12 hours)")
    return seconds


def _seconds(text: str) -> int | None:
    """
    >>> _seconds("1h30m"), _seconds("soon")
    (5400, None)
    """
    if not (given := _DURATION.fullmatch(text)):
        return None
    hours, minutes, rest = (int(part or 0) for part in given.groups())
    return hours * 3600 + minutes * 60 + rest


def _bake_seconds(value: _Value) -> int:
    seconds = value.number()
    if seconds is None and isinstance(value.node, yaml.ScalarNode):
        seconds = _seconds(value.node.value)
    if seconds is None or seconds < 0:
        value.refuse(f'{value.shown} is not a time: give seconds, or a text like "90s", "5m" or "1h30m"')
        return 0
    if seconds > quotas.LONGEST_DEPLOYMENT_SECONDS:
        value.refuse(f"{seconds} seconds: at most {quotas.LONGEST_DEPLOYMENT_SECONDS} (12 hours)")
    return seconds

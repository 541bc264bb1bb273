"""`stepdeploy diff [FILE]`: what `cdk deploy` would change of the deployment groups that FILE declares.

FILE is a deployments.yaml; without it, the one in this folder. It is compared with what the engine has now: groups that
are new, change or go, key by key, deployment configurations, budgets, revision buckets and repositories of CodeCommit.
What `cdk deploy` changes of the stack itself, `cdk diff` shows.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from cli.account.connection import Engine, Refusal, refused
from cli.account.group_keys import budget_keys, config_keys, keys_of, one_line
from cli.account.groups import group_infos
from cli.exits import Exit
from cli.view.output import json_option, plain, tell_json
from functions.core.declaration import (
    ENGINE_TOPIC,
    Declaration,
    DeclaredGroup,
    buckets_written,
    load,
    repositories_written,
    written,
)
from functions.core.declaration.written import Keys, budget_written, config_written
from functions.core.errors import InvalidInput
from functions.core.rollout.health import PREDEFINED_CONFIGS

_ABSENT = "(default)"
_KEPT = ("serviceRoleArn", "outdatedInstancesStrategy")  # stay as they are where the file leaves them out
_TAKEN_OVER = "is made by the API; the file takes it over"
_REMOVED = "its history stays, and it takes no new deployment"
_NO_REVISIONS = "neither uploads nor revisions are taken from there"
_NO_COMMITS = "neither pushes nor commits are taken from there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to a group or a configuration."""

    what: str
    kind: str  # new, changed or removed
    note: str = ""
    keys: tuple[tuple[str, Any, Any], ...] = ()  # with what it is and what it will be; None: left out

    @property
    def json(self) -> dict[str, Any]:
        keys = [{"key": key, "before": before, "after": after} for key, before, after in self.keys]
        return {"change": self.kind, "keys": keys}


@click.command(
    help=__doc__,
    epilog="""\b
Exit status: 0 when nothing would change, 1 when something would, 2 when FILE has mistakes, 3 when the engine refuses.

\b
Examples:
  stepdeploy diff
  stepdeploy diff --json | jq -r '.groups[].group'""",
)
@click.argument("file", type=Path, default="deployments.yaml")
@json_option
def command(file: Path, as_json: bool) -> int:
    try:
        declaration = load(file)
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(plain(f"FILE {file}: {error}")) from error
    engine = Engine()
    configs, groups = list(_configs(engine.api, declaration)), list(_groups(engine, declaration))
    budgets = list(_budgets(engine.api, declaration))
    outputs = _outputs(engine)
    buckets = list(_by_output(outputs, "RevisionBuckets", buckets_written(declaration), _NO_REVISIONS))
    repositories = list(_by_output(outputs, "CodeCommitRepositories", repositories_written(declaration), _NO_COMMITS))
    changes = [*groups, *configs, *budgets, *buckets, *repositories]
    if as_json:
        tell_json(
            {
                "groups": [{"group": each.what, **each.json} for each in groups],
                "deploymentConfigs": [{"deploymentConfigName": each.what, **each.json} for each in configs],
                "budgets": [{"budgetName": each.what, **each.json} for each in budgets],
                "revisionBuckets": [{"bucketName": each.what, **each.json} for each in buckets],
                "codeCommitRepositories": [{"repositoryName": each.what, **each.json} for each in repositories],
            }
        )
    else:
        for each in configs:
            _tell(each, "deployment configuration ")
        for each in budgets:
            _tell(each, "budget ")
        for each in buckets:
            _tell(each, "revision bucket ")
        for each in repositories:
            _tell(each, "CodeCommit repository ")
        for each in groups:
            _tell(each)
        click.echo("`cdk deploy` makes these changes" if changes else "nothing would change")
    return Exit.FAILED if changes else Exit.DONE


def _tell(change: Change, what: str = "") -> None:
    click.echo(plain(f"{what}{change.what}: {change.kind}{f'; {change.note}' if change.note else ''}"))
    for key, before, after in change.keys:
        now = _flow(after)
        told = f"{key}: {now}" if change.kind == "new" else f"{key}: {_flow(before)} -> {now}"
        click.echo(plain(f"  {told}"))


def _flow(value: Any) -> str:
    return _ABSENT if value is None else one_line(value)


def _groups(engine: Engine, declaration: Declaration) -> Iterator[Change]:
    applications = engine.api.get_paginator("list_applications").paginate().search("applications[]")
    infos = {
        f"{info['applicationName']}/{info['deploymentGroupName']}": info
        for name in applications
        for info in group_infos(engine.api, name)
    }
    if any("isDeclared" not in info for info in infos.values()):
        raise Refusal("the engine is older than this command: update it with `cdk deploy`")
    for group in declaration.groups:
        wanted, info = written(group), infos.get(group.key)
        if info is None:
            yield Change(what=group.key, kind="new", keys=tuple((key, None, value) for key, value in wanted.items()))
            continue
        keys = tuple(_different(_as_declared(keys_of(info), wanted, engine, group), wanted))
        note = "" if info["isDeclared"] else _TAKEN_OVER
        if keys or note:
            yield Change(what=group.key, kind="changed", note=note, keys=keys)
    named = {group.key for group in declaration.groups}
    for key, info in infos.items():
        if info["isDeclared"] and key not in named:
            yield Change(what=key, kind="removed", note=_REMOVED)


def _different(before: Keys, after: Keys) -> Iterator[tuple[str, Any, Any]]:
    for key in dict.fromkeys([*after, *before]):
        if before.get(key) != after.get(key):
            yield key, before.get(key), after.get(key)


def _as_declared(stored: Keys, wanted: Keys, engine: Engine, group: DeclaredGroup) -> Keys:
    """What is stored, in the file's words: the engine's topic, and target groups that the same app makes, have names
    there; what the file leaves out of the members that only clients read stays."""
    kept = {key: value for key, value in stored.items() if key not in _KEPT or key in wanted}
    if any(trigger.topic_arn == ENGINE_TOPIC for trigger in group.settings.triggers):
        own = engine.output("TopicArn")
        kept["triggerConfigurations"] = [
            {**each, "triggerTargetArn": ENGINE_TOPIC if each["triggerTargetArn"] == own else each["triggerTargetArn"]}
            for each in kept.get("triggerConfigurations", ())
        ]
    named = {each["name"] for each in wanted.get("loadBalancerInfo", {}).get("targetGroupInfoList", ())}
    if target_groups := kept.get("loadBalancerInfo", {}).get("targetGroupInfoList"):
        names = [{"name": _name_in(named, each["name"])} for each in target_groups]
        kept["loadBalancerInfo"] = {**kept["loadBalancerInfo"], "targetGroupInfoList": names}
    return kept


def _name_in(named: set[str], target_group: str) -> str:
    """The name of a target group's ARN, if that is how the file names it."""
    _, found, rest = target_group.partition(":targetgroup/")
    name = rest.partition("/")[0]
    return name if found and name in named else target_group


def _budgets(api: Any, declaration: Declaration) -> Iterator[Change]:
    stored = {each["budgetName"]: each for each in api.list_budgets()["budgets"]}
    for budget in declaration.budgets:
        before = stored.pop(budget.name, None)
        keys = tuple(_different(budget_keys(before) if before else {}, budget_written(budget)))
        note = _TAKEN_OVER if before and not before["isDeclared"] else ""
        if keys or note:
            yield Change(what=budget.name, kind="changed" if before else "new", note=note, keys=keys)
    for name, info in stored.items():
        if info["isDeclared"]:
            yield Change(what=name, kind="removed")


def _outputs(engine: Engine) -> Mapping[str, str] | None:
    """The stack's, None where it cannot be read, as by STEPDEPLOY_ENDPOINT alone: the rest needs the API only."""
    from botocore.exceptions import ClientError

    try:
        return engine.outputs
    except (Refusal, ClientError) as error:
        why = error if isinstance(error, Refusal) else refused(error)
        click.echo(plain(f"revision buckets and repositories are not compared: {why.message}"), err=True)
        return None


def _by_output(
    outputs: Mapping[str, str] | None, output: str, wanted: Mapping[str, Keys], removed: str
) -> Iterator[Change]:
    """By what an output of the stack says, which is not there where the file named nothing."""
    if outputs is None:
        return
    stored: dict[str, Keys] = json.loads(outputs.get(output, "{}"))
    for name, keys_wanted in wanted.items():
        before = stored.pop(name, None)
        keys = tuple(_different(before or {}, keys_wanted))
        if keys or before is None:
            yield Change(what=name, kind="new" if before is None else "changed", keys=keys)
    for name in stored:
        yield Change(what=name, kind="removed", note=removed)


def _configs(api: Any, declaration: Declaration) -> Iterator[Change]:
    """A configuration of deployments.yaml is one without a time of its making."""
    names = api.get_paginator("list_deployment_configs").paginate().search("deploymentConfigsList[]")
    stored = {
        name: api.get_deployment_config(deploymentConfigName=name)["deploymentConfigInfo"]
        for name in names
        if name not in PREDEFINED_CONFIGS
    }
    for config in declaration.configs:
        before = stored.pop(config.name, None)
        found, wanted = config_keys(before) if before else {}, config_written(config)
        if keys := tuple(_different(found, wanted)):
            yield Change(what=config.name, kind="changed" if before else "new", keys=keys)
    for name, info in stored.items():
        if "createTime" not in info:
            yield Change(what=name, kind="removed")

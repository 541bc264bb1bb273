"""What a shell completes by asking the engine; nothing where it cannot be asked, or is slow."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import click
from click.shell_completion import CompletionItem

_SECONDS = 3  # of a connection, and of an answer

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completes(find: Callable[[Any, click.Context, str], Iterator[CompletionItem]]) -> Complete:
    """A way to complete, out of what finds candidates by a client of the control API."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            found = list(find(_api(), context, incomplete))
        except Exception:  # whatever it is: the shell waits for words, and shows none of ours
            return []
        return [each for each in found if str(each.value).startswith(incomplete) and str(each.value).isprintable()]

    return complete


def _api() -> Any:
    from botocore.config import Config

    from cli.account.connection import Engine

    engine = Engine()
    config = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 1})
    return engine.client("stepdeploy", endpoint_url=engine.endpoint, config=config)


@_completes
def deployment_ids(api: Any, context: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    from cli.account import deployments
    from cli.account.requests import AT_ONCE
    from cli.view.words import group_of

    for info in deployments.newest(api, AT_ONCE):
        yield CompletionItem(info["deploymentId"], help=f"{group_of(info)} {info['status']}")


@_completes
def target_ids(api: Any, context: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Of the deployment or of the group that was given."""
    which = context.params["which"]
    if which.startswith("d-"):
        yield from map(CompletionItem, api.list_deployment_targets(deploymentId=which)["targetIds"])
    else:
        yield from _members(api, which)


@_completes
def config_names(api: Any, context: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    names = api.get_paginator("list_deployment_configs").paginate().search("deploymentConfigsList[]")
    yield from map(CompletionItem, names)


@_completes
def host_lists(api: Any, context: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """HOST,HOST,...: the names and ids of the group's hosts, behind those that are there already."""
    before, comma, _ = incomplete.rpartition(",")
    group = context.params.get("group") or context.args[0]  # click has no parameters where an option has no value yet
    for each in _members(api, group):
        if each.value not in before.split(","):
            yield CompletionItem(f"{before}{comma}{each.value}", help=each.help)


def _members(api: Any, group: Any) -> Iterator[CompletionItem]:
    """By their names where only one host has it, else by their ids."""
    application, _, name = str(group).partition("/")
    pages = api.get_paginator("list_group_instances")
    asked = {"applicationName": application, "deploymentGroupName": name, "omitPingStatus": True}
    found = {
        each["instanceId"]: next((tag["Value"] for tag in each.get("tags", ()) if tag["Key"] == "Name"), "")
        for each in pages.paginate(**asked).search("instances[]")
    }
    counts = Counter(found.values())
    for instance_id, own in found.items():
        named = own and counts[own] == 1
        yield CompletionItem(own if named else instance_id, help=instance_id if named else own or None)


@_completes
def applications(api: Any, context: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    yield from map(CompletionItem, api.list_applications()["applications"])


@_completes
def group_names(api: Any, context: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """Of the application that another option names."""
    answer = api.list_deployment_groups(applicationName=context.params["application"])
    yield from map(CompletionItem, answer["deploymentGroups"])


def deployments_and_groups(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    complete = deployment_ids if incomplete.startswith("d-") else groups
    found = complete(context, parameter, incomplete)
    return found if incomplete else [*deployment_ids(context, parameter, incomplete), *found]


@_completes
def groups(api: Any, context: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    """APPLICATION/GROUP."""
    application, mark, _ = incomplete.partition("/")
    if not mark:
        yield from (CompletionItem(f"{name}/") for name in api.list_applications()["applications"])
        return
    answer = api.list_deployment_groups(applicationName=application)
    yield from (CompletionItem(f"{application}/{name}") for name in answer["deploymentGroups"])

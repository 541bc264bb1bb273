"""Why hosts of a deployment failed, the end of their logs, and what to do: as `show` and the end of a watch say it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.account.connection import Engine
from cli.account.group_name import Group
from cli.account.groups import Info as GroupInfo
from cli.account.groups import group_info
from cli.account.host_names import Names, host_names
from cli.view import words
from cli.view.advice import next_steps
from cli.view.causes import causes, causes_of, failed_targets, headline, tail, tails, told, unsaid
from cli.view.output import plain, plain_log
from cli.view.progress import Snapshot
from functions.core.messages import texts
from functions.core.records import SharedFailure
from functions.core.statuses import DeploymentStatus, TargetStatus

_CAUSES = 5  # that are told one by one


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A deployment with all that can be said of its failures."""

    info: words.Info
    found: Sequence[SharedFailure]  # that of the most hosts first
    names: Names
    logs: Mapping[str, Sequence[str]]  # the last lines of each cause's first host, by its id
    group: GroupInfo  # empty while the deployment runs, and when the group is gone

    @property
    def steps(self) -> list[str]:
        return list(next_steps(self.info, self.found, self.group, self.names))

    def plain(self) -> list[dict[str, Any]]:
        """The causes, for programs."""
        return [{**told(cause), "log": self.logs.get(cause.target_ids[0], [])} for cause in self.found]

    def causes(self) -> Iterator[str]:
        shown = self.found[:_CAUSES]
        for cause in shown:
            yield from self._cause(cause)
        if shown and (left := failed_targets(self.info) - sum(cause.count for cause in shown)) > 0:
            yield ""
            hosts = words.counted(left, "host")
            yield f"and other causes on {hosts}: each by stepdeploy logs {plain(self.info['deploymentId'])}"

    def _cause(self, cause: SharedFailure) -> Iterator[str]:
        first = cause.target_ids[0]
        yield ""
        yield f"{words.counted(cause.count, 'host')}: {headline(cause.failure)}"
        if message := unsaid(cause.failure):
            yield f"  {plain(message)}"
        yield f"  on {words.names([self.names.get(each, each) for each in cause.target_ids], of=cause.count)}"
        if cause.out_of:
            yield f"  {plain(texts.out_of(cause.out_of))} until a deployment succeeds there"
        if log := self.logs.get(first):
            yield f"  the end of the log on {plain(self.names.get(first, first))}:"
            yield from (f"  | {plain_log(line)}" for line in log)

    def next(self) -> Iterator[str]:
        if self.steps:
            yield ""
            yield "next:"
        yield from (f"  {plain(step)}" for step in self.steps)


def explain(engine: Engine, info: words.Info) -> Explained:
    found = causes(engine.api, info)
    return Explained(
        info=info,
        found=found,
        names=host_names(engine, info) if found else {},
        logs=tails(engine.api, info, found),
        group=_group(engine.api, info),
    )


def explain_seen(engine: Engine, seen: Snapshot) -> Explained | None:
    """Of a deployment that is followed, by what has been read of it; None where nothing has failed."""
    failed = [each for each in seen.targets.values() if each["status"] == TargetStatus.FAILED]
    if not failed and not (seen.status.is_final and seen.status is not DeploymentStatus.SUCCEEDED):
        return None
    found = causes_of(seen.info, failed)
    read = {each["targetId"]: each for each in failed}
    logs = {
        first: tail(read[first], cause.failure.event)
        for cause in found
        if (first := cause.target_ids[0]) in read and cause.failure.event
    }
    return Explained(info=seen.info, found=found, names=seen.names, logs=logs, group=_group(engine.api, seen.info))


def _group(api: Any, info: words.Info) -> GroupInfo:
    application, name = info.get("applicationName"), info.get("deploymentGroupName")
    if not (DeploymentStatus(info["status"]).is_final and application and name):
        return {}
    try:
        return group_info(api, Group(application, name))
    except (api.exceptions.DeploymentGroupDoesNotExistException, api.exceptions.ApplicationDoesNotExistException):
        return {}

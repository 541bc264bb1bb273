"""What a report of a deployment is made of, read once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

from cli.account import targets
from cli.account.connection import Engine
from cli.account.host_names import host_names
from cli.view import words
from cli.view.causes import failure_of, headline
from cli.view.explained import Explained, explain
from cli.view.healthy import Healthy, MarkKind, healthy
from cli.view.looks import alarms
from cli.view.output import plain
from cli.view.progress import Alarm, Target, has_begun
from functions.core.statuses import TargetStatus

MAX_HOSTS = 500  # in its table, and in its JSON
_ORDER = (
    TargetStatus.FAILED,
    TargetStatus.IN_PROGRESS,
    TargetStatus.SKIPPED,
    TargetStatus.PENDING,
    TargetStatus.SUCCEEDED,
)


class Entry(NamedTuple):
    """Something that happened."""

    time: datetime
    what: str


class Host(NamedTuple):
    """A target, as the table has it."""

    id: str
    name: str | None  # its Name tag
    status: str
    stage: int | None  # from 0
    zone: str | None
    out_since: datetime | None  # when it was taken out of service
    updated: datetime | None
    why: str  # it failed


@dataclass(frozen=True, kw_only=True)
class Report:
    """A deployment, as it was when this was read."""

    why: Explained
    names: Mapping[str, str]  # of hosts, by id
    targets: Sequence[Mapping[str, Any]]  # TargetSummaries of all, the failed ones first
    failures: Mapping[str, Target]  # failed targets, by id, as many as are shown
    alarms: Mapping[str, Alarm]  # those that would stop it, as they are now
    rollback: words.Info  # the one that rolls it back; empty where none does
    stack: str
    region: str
    now: datetime

    @property
    def info(self) -> words.Info:
        return self.why.info

    @cached_property
    def healthy(self) -> Healthy | None:
        return healthy(self.info, self.targets, self.now)

    @property
    def hosts(self) -> list[Host]:
        """The first of them, the failed ones before the others."""
        return [self._host(each) for each in self.targets[:MAX_HOSTS]]

    def _host(self, target: Mapping[str, Any]) -> Host:
        failure = failure_of(self.failures.get(target["targetId"], {}))
        return Host(
            id=target["targetId"],
            name=self.names.get(target["targetId"]),
            status=target["status"],
            stage=target.get("stage"),
            zone=target.get("availabilityZone"),
            out_since=target.get("outOfServiceTime"),
            updated=target.get("lastUpdatedAt"),
            why=headline(failure) if failure else "",
        )

    def out_of_service(self) -> list[tuple[timedelta, str]]:
        """For how long each host was that succeeded, the shortest first, with its id."""
        done = [
            (each["lastUpdatedAt"] - each["outOfServiceTime"], each["targetId"])
            for each in self.targets
            if each["status"] == TargetStatus.SUCCEEDED and each.get("outOfServiceTime") and each.get("lastUpdatedAt")
        ]
        return sorted(done)

    def happened(self) -> list[Entry]:
        """What is known of when, in order."""
        return sorted(self._entries(), key=lambda each: each.time)

    def _entries(self) -> Iterator[Entry]:
        info, found = self.info, self.healthy
        yield Entry(info["createTime"], f"created, asked for by {words.asker(info)}")
        if begun := info.get("startTime"):
            yield Entry(begun, f"begins on {words.counted(len(self.targets), 'host')}")
        if ended := info.get("completeTime"):
            yield Entry(ended, f"ends: {words.outcome(info)}")
        if found and found.begin:
            for mark in found.marks:
                what = f"stage {mark.text} begins" if mark.kind is MarkKind.STAGE else mark.text
                yield Entry(found.begin + timedelta(seconds=mark.seconds), what)
        for cause in self.why.found:
            if cause.since:
                first = self.names.get(cause.target_ids[0], cause.target_ids[0])
                more = f"; {cause.count - 1:,} more fail in the same way" if cause.count > 1 else ""
                what = f"{plain(first)} fails: {headline(cause.failure)}{more}"
                yield Entry(datetime.fromisoformat(cause.since), what)
        if ended := self.rollback.get("completeTime"):
            yield Entry(ended, f"rollback {plain(self.rollback['deploymentId'])} ends: {words.outcome(self.rollback)}")


def gather(engine: Engine, deployment_id: str, now: datetime) -> Report:
    info = engine.api.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
    why = explain(engine, info)
    names = why.names or host_names(engine, info)
    listed = targets.summaries(engine.api, deployment_id) if has_begun(info) else ()
    found = sorted(listed, key=lambda each: _rank(each, names.get(each["targetId"], each["targetId"])))
    failed = islice((each["targetId"] for each in found if each["status"] == TargetStatus.FAILED), MAX_HOSTS)
    back = (info.get("rollbackInfo") or {}).get("rollbackDeploymentId")
    return Report(
        why=why,
        names=names,
        targets=found,
        failures={each["targetId"]: each for each in targets.read(engine.api, deployment_id, failed)},
        alarms=alarms(engine, info),
        rollback=engine.api.get_deployment(deploymentId=back)["deploymentInfo"] if back else {},
        stack=engine.stack_name,
        region=str(engine.session.region_name or "-"),
        now=now,
    )


def _rank(target: Mapping[str, Any], name: str) -> tuple[int, int, str]:
    """Where it stands: web-2 before web-10."""
    status = target["status"]
    return (_ORDER.index(status) if status in _ORDER else len(_ORDER)), len(name), name


def for_programs(report: Report) -> dict[str, Any]:
    found = report.healthy
    return {
        "deployment": report.info,
        "causes": report.why.plain(),
        "next": report.why.steps,
        "healthyHosts": _line(found) if found else None,
        "happened": [{"time": each.time, "what": each.what} for each in report.happened()],
        "hosts": [_told(each) for each in report.hosts],
        "moreHosts": max(len(report.targets) - MAX_HOSTS, 0),
    }


def _line(found: Healthy) -> dict[str, Any]:
    return {
        "total": found.total,
        "minimum": found.promised,
        "lowest": found.lowest.healthy,
        "points": [{"seconds": round(each.seconds, 3), "healthy": each.healthy} for each in found.points],
    }


def _told(host: Host) -> dict[str, Any]:
    return {
        "hostId": host.id,
        "name": host.name,
        "status": host.status,
        "stage": host.stage,
        "availabilityZone": host.zone,
        "outOfServiceTime": host.out_since,
        "lastUpdatedAt": host.updated,
        "why": host.why or None,
    }

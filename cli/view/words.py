"""What the API tells, in words for people. What others wrote is made harmless to a terminal here."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.view.output import plain
from functions.core.declaration.durations import seconds_text
from functions.core.messages import texts
from functions.core.records.calendar import EVERYWHERE
from functions.core.records.stages import HoldKind
from functions.core.revision import COMMITS, PUSHED_PREFIX
from functions.core.statuses import DeploymentStatus

Info = Mapping[str, Any]  # a DeploymentInfo, as botocore parses it
_PUSHED = re.compile(rf"{re.escape(PUSHED_PREFIX)}[^/]+/(?:(?P<name>.+)-)?(?P<digest>[0-9a-f]{{64}})\.[a-z]+")
_COMMIT = re.compile(r"([0-9a-f]{7})[0-9a-f]{33}(?:[0-9a-f]{24})?(-dirty)?")


def group_of(info: Info) -> str:
    return plain(f"{info.get('applicationName', '?')}/{info.get('deploymentGroupName', '?')}")


def outcome(info: Info) -> str:
    """The status of a deployment, what a success must not hide, and what it waits for or gave way to.

    >>> outcome({"status": "Succeeded", "deploymentOverview": {"Succeeded": 6, "Failed": 6}})
    'Succeeded, 6 of 12 hosts failed'
    >>> outcome({"status": "Queued", "queuedBehind": "d-0123ABCDE"})
    'Queued behind d-0123ABCDE'
    >>> outcome({"status": "Stopped", "supersededBy": "d-0123ABCDE"})
    'Stopped, superseded by d-0123ABCDE'
    >>> outcome({"status": "Ready", "hold": {"kinds": ["INCONCLUSIVE"]}})
    'Ready, metrics are inconclusive'
    """
    overview, status = info.get("deploymentOverview") or {}, plain(info["status"])
    if status == DeploymentStatus.QUEUED and info.get("closed"):
        return f"{status} {until(info['closed'])}"
    if status == DeploymentStatus.QUEUED and info.get("queuedBehind"):
        return f"{status} behind {plain(info['queuedBehind'])}"
    if status == DeploymentStatus.STOPPED and info.get("supersededBy"):
        return f"{status}, superseded by {plain(info['supersededBy'])}"
    if HoldKind.INCONCLUSIVE in ((info.get("hold") or {}).get("kinds") or ()) and status == DeploymentStatus.READY:
        return f"{status}, metrics are inconclusive"
    return with_failed_hosts(status, overview.get("Failed", 0), sum(overview.values()))


def with_failed_hosts(status: str, failed: int, total: int = 0) -> str:
    hidden = texts.hosts_failed(failed, total) if status == DeploymentStatus.SUCCEEDED else ""
    return f"{status}, {hidden}" if hidden else status


def revision(location: Mapping[str, Any] | None) -> str:
    """A RevisionLocation in one line.

    >>> revision({"revisionType": "S3", "s3Location": {"bucket": "b", "key": "shop/1.zip", "version": "v"}})
    's3://b/shop/1.zip?versionId=v'
    """
    if s3 := (location or {}).get("s3Location"):
        version = f"?versionId={s3['version']}" if s3.get("version") else ""
        return plain(f"s3://{s3.get('bucket')}/{s3.get('key')}{version}")
    for scheme, member in COMMITS.items():
        if commit := (location or {}).get(member):
            return plain(f"{scheme}:{commit.get('repository')}@{commit.get('commitId')}")
    return "-"


def pinned(info: Info) -> str:
    """The very object that a deployment installs, where its revision does not name it.

    >>> pinned({"revision": {"s3Location": {"key": "1.zip"}}, "pinnedRevision": {"version": "v", "sha256": "a" * 64}})
    'version v, sha256 aaaaaaaaaaaa'
    """
    found, named = info.get("pinnedRevision") or {}, (info.get("revision") or {}).get("s3Location") or {}
    if not found or named.get("version"):
        return ""
    version = [f"version {found['version']}"] if found.get("version") else []
    return plain(", ".join([*version, f"sha256 {str(found.get('sha256'))[:12]}"]))


def short_revision(location: Mapping[str, Any] | None, most: int = 40) -> str:
    """A RevisionLocation in a column: its key, or commit.

    >>> short_revision({"gitHubLocation": {"repository": "ann/shop", "commitId": "0123456789abcdef"}})
    'ann/shop@0123456789ab'
    """
    for member in COMMITS.values():
        if commit := (location or {}).get(member):
            return plain(f"{commit.get('repository')}@{str(commit.get('commitId'))[:12]}")
    key = str((location or {}).get("s3Location", {}).get("key", "-"))
    return shortened(plain(key.removeprefix(PUSHED_PREFIX)), most)


def revision_name(info: Info, most: int = 40) -> str:
    """What people call the revision of a deployment: its --name, else its commit and branch, else where it lies, or the
    first digits of a digest.

    >>> pushed = {"s3Location": {"key": f"{PUSHED_PREFIX}shop/build-42-{'a' * 64}.zip"}}
    >>> revision_name({"revision": pushed, "metadata": {"commit": "1" * 40}})
    'build-42'
    >>> pushed = {"s3Location": {"key": f"{PUSHED_PREFIX}shop/{'a' * 64}.zip"}}
    >>> revision_name({"revision": pushed, "metadata": {"commit": "1" * 40 + "-dirty", "branch": "main"}})
    '1111111-dirty main'
    >>> revision_name({"revision": pushed})
    'aaaaaaaaaaaa'
    """
    location, metadata = info.get("revision"), info.get("metadata") or {}
    found = _PUSHED.fullmatch(str(((location or {}).get("s3Location") or {}).get("key")))
    if found and found["name"]:
        return shortened(plain(found["name"]), most)
    if commit := _COMMIT.fullmatch(metadata.get("commit", "")):
        branch = f" {metadata['branch']}" if metadata.get("branch") else ""
        return shortened(plain(f"{commit[1]}{commit[2] or ''}{branch}"), most)
    return plain(found["digest"][:12]) if found else short_revision(location, most)


def shortened(text: str, most: int) -> str:
    """At most so many characters; what is left out is its middle.

    >>> shortened("0123456789", 7)
    '01...89'
    """
    left = (most - 3) // 2
    return text if len(text) <= most else f"{text[:left]}...{text[left - most + 3 :]}"


def asker(info: Info) -> str:
    """Who asked for a deployment, in a column: the last part of an identity's ARN.

    >>> asker({"requestedBy": "arn:aws:sts::123456789012:assumed-role/ci/run-7", "creator": "user"})
    'run-7'
    >>> asker({"requestedBy": "arn:aws:iam::123456789012:root"})
    'root'
    """
    return shortened(person(str(info.get("requestedBy") or info.get("creator") or "-")), 28)


def person(by: str) -> str:
    """
    >>> person("arn:aws:iam::123456789012:user/ops/ann"), person("alarm shop-errors")
    ('ann', 'alarm shop-errors')
    """
    return plain(re.split("[:/]", by)[-1] if by.startswith("arn:") else by)


def pairs(metadata: Mapping[str, str] | None) -> str:
    return ", ".join(f"{plain(key)}={plain(value)}" for key, value in sorted((metadata or {}).items()))


def until(closed: Mapping[str, Any]) -> str:
    return f"until {moment(closed['until'])}" if closed.get("until") else "until a freeze is lifted"


def closed(given: Mapping[str, Any]) -> str:
    """
    >>> closed({"reason": "frozen by ann: a move"})
    'closed until a freeze is lifted: frozen by ann: a move'
    """
    return f"closed {until(given)}: {plain(given['reason'])}"


def of_scope(scope: str) -> str:
    """What a window or a freeze is for.

    >>> of_scope("*"), of_scope("shop")
    ('every group', 'shop')
    """
    return "every group" if scope == EVERYWHERE else plain(scope)


def minute(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def opens(window: Info) -> str:
    return f"{window['cron']} for {seconds_text(window['durationSeconds'])}, {window['timeZone']}"


def lasts(freeze: Info) -> str:
    end = f"to {minute(freeze['to'])}" if freeze.get("to") else "until it is lifted"
    return f"{minute(freeze['from'])} {end}"


def moment(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if time else "-"


def duration(info: Info, now: datetime) -> timedelta | None:
    """How long a deployment took, or takes by now; None of one that has not begun."""
    begin, end = info.get("startTime"), info.get("completeTime")
    return max((end or now) - begin, timedelta()) if begin else None


def span(length: timedelta | None) -> str:
    """A length of time by its two largest units.

    >>> span(timedelta(seconds=3725)), span(timedelta(seconds=8.6)), span(None)
    ('1h 2m', '8s', '-')
    """
    if length is None:
        return "-"
    seconds = int(length.total_seconds())
    counts = [seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60, seconds % 60]
    named = [f"{count}{unit}" for count, unit in zip(counts, "dhms", strict=True)]
    first = next((number for number, count in enumerate(counts) if count), 3)
    return " ".join(named[first : first + 2])


def age(time: datetime | None, now: datetime) -> str:
    """How long ago something was.

    >>> age(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 26, 4, 5, tzinfo=UTC))
    '3d 4h ago'
    """
    return f"{span(max(now - time, timedelta()))} ago" if time else "-"


def targets(overview: Mapping[str, int] | None) -> str:
    """A DeploymentOverview.

    >>> targets({"Pending": 3, "InProgress": 0, "Succeeded": 1, "Failed": 0})
    '4: 1 succeeded, 3 pending'
    """
    counts = overview or {}
    words = {"Succeeded": "succeeded", "Failed": "failed", "Skipped": "skipped", "InProgress": "in progress"}
    told = [f"{counts[name]:,} {word}" for name, word in {**words, "Pending": "pending"}.items() if counts.get(name)]
    return f"{sum(counts.values()):,}{': ' if told else ''}{', '.join(told)}"


def done(info: Info) -> str:
    """On how many hosts a deployment has ended.

    >>> done({"deploymentOverview": {"Succeeded": 4, "Failed": 1, "Pending": 7}})
    '5 of 12 hosts'
    """
    overview = info.get("deploymentOverview") or {}
    total, ended = sum(overview.values()), overview.get("Succeeded", 0) + overview.get("Failed", 0)
    return f"{ended:,} of {counted(total, 'host')}" if total else "no hosts yet"


def cost(found: Info) -> str:
    """An EstimatedCost.

    >>> cost({"usd": 0.00112, "region": "us-east-1", "year": 2025})
    '0.0011 USD, estimated for a run without faults (list prices of us-east-1, 2025)'
    """
    prices = f"list prices of {found['region']}, {found['year']}"
    return f"{found['usd']:.4f} USD, estimated for a run without faults ({prices})"


def counted(count: float, noun: str) -> str:
    """A number and what it counts.

    >>> counted(1, "host"), counted(2000, "host")
    ('1 host', '2,000 hosts')
    """
    return f"{count:,.0f} {noun}{'' if count == 1 else 's'}"


def names(some: Sequence[str], most: int = 5, of: int = 0) -> str:
    """The first few, and how many more there are. `of`: how many there are in all, if these are not all.

    >>> names(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    left = max(of, len(some)) - min(len(some), most)
    more = f" and {left:,} more" if left else ""
    return ", ".join(plain(each) for each in some[:most]) + more


def budget(info: Info) -> str:
    """How many places of a budget are held.

    >>> most = {"type": "FLEET_PERCENT", "value": 25}
    >>> budget({"budgetName": "web", "holders": [{}], "places": 2, "hosts": 8, "maximumOutOfService": most})
    'web: 1 of 2 places held (25 % of 8 hosts)'
    """
    most = info["maximumOutOfService"]
    of = f"{most['value']} % of {counted(info['hosts'], 'host')}" if most["type"] == "FLEET_PERCENT" else ""
    of = of or f"of {counted(info['hosts'], 'host')}"
    return f"{info['budgetName']}: {len(info['holders'])} of {counted(info['places'], 'place')} held ({of})"

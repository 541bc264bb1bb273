"""What pages show of what is known, whoever wrote it: values in, HTML out."""

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from cli.account.connection import Refusal
from cli.account.fleet_now import FleetNow, State
from cli.account.fleet_now import Host as FleetHost
from cli.account.group_name import Group
from cli.console import layout
from cli.console.following import Followed
from cli.console.page import Given, Page
from cli.console.pages import deployment, groups, hosts, target
from cli.console.readers import Seen
from cli.console.roster import Roster
from cli.view.explained import Explained
from cli.view.progress import Snapshot, changes
from functions.core.causes import Cause
from functions.core.records import SharedFailure, TargetFailure
from tests.cli.view.test_screen import BEGIN, snapshot
from tests.cli.view.test_screen import target as one
from tests.hostile import MARKUP, ORDERS, TEXT

ID = "d-ABCDEF123"
BAD = MARKUP + TEXT
_ROLLBACK = ("rollbackDeploymentId", "rollbackTriggeringDeploymentId", "rollbackReason", "rollbackMessage")


class Reader(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", self.text)


def html(of: Page, value: object, *, error: Refusal | None = None, **given: str) -> str:
    names: Given = {"deployment": ID, "target": "i-1", **given}
    (topic,) = of.topics(names)
    shown = of.show(names, {topic: Seen(value, error)}, BEGIN + timedelta(minutes=2))
    return layout.document(shown, stream="/stream", query={})


def read(of: Page, value: object, **given: Any) -> Reader:
    return Reader(html(of, value, **given))


def followed(*targets: dict[str, Any], why: Explained | None = None, **info: Any) -> Followed:
    seen = snapshot(*targets, alarms=info.pop("alarms", None), **info)
    return seen_as(seen, why)


def seen_as(seen: Snapshot, why: Explained | None = None) -> Followed:
    summaries = {name: {"targetId": name, "status": each["status"], "stage": 0} for name, each in seen.targets.items()}
    return Followed(
        seen=seen, roster=Roster(targets=summaries), order=list(summaries), line=tuple(changes(None, seen)), why=why
    )


def failed(count: int, text: str) -> SharedFailure:
    failure = TargetFailure(cause=Cause.SCRIPT, message=text, event="Install", script_name=text, exit_code=3)
    return SharedFailure(failure=failure, count=count, target_ids=("i-3",), since="", out_of=(text,))


def everything(text: str) -> Followed:
    """A deployment of which all that a page can show is there."""
    targets = [
        {**one("i-1", "Succeeded", "Succeeded"), "availabilityZone": "eu-1a"},
        {**one("i-2", "InProgress", "InProgress"), "waitingFor": text},
        one("i-3", "Failed", "Failed", message=text),
    ]
    judged = {"verdict": "success", "reason": text}
    info = {
        "description": text,
        "metadata": {text: text},
        "deploymentConfigName": text,
        "previousRevision": {"s3Location": {"bucket": text, "key": text}},
        "stages": [{"name": text, "targetCount": 3, "approval": {"approvers": [text]}}, {"name": text}],
        "approvals": [{"afterStage": 0, "approvedBy": text, "approvalTime": BEGIN, "reason": text}],
        "analyses": [{"afterStage": 0, "time": BEGIN, **judged, "judged": [{"name": text, **judged}]}],
        "pause": {"pausedBy": text, "pauseTime": BEGIN, "reason": text},
        "errorInformation": {"code": text, "message": text},
        "rollbackInfo": dict.fromkeys(_ROLLBACK, text),
        "queuedBehind": text,
        "supersededBy": text,
        "bypass": {"by": text, "time": BEGIN, "reason": text},
        "createTime": BEGIN,
        "deploymentOverview": {"Succeeded": 1, "InProgress": 1, "Failed": 1},
        "healthyHosts": {"total": 3, "minimum": 1, "healthy": 1},
    }
    seen = snapshot(*targets, alarms={text: "ALARM"}, **info)
    seen = replace(seen, names={"i-2": text}, trouble=text)
    ended = {**seen.info, "status": "Failed", "completeTime": BEGIN}
    why = Explained(info=ended, found=[failed(1, text)], names={"i-3": text}, logs={"i-3": [text]}, group={"a": text})
    return seen_as(seen, why)


def overview(text: str) -> groups.Overview:
    info = {
        "applicationName": text,
        "deploymentGroupName": text,
        "lastAttemptedDeployment": {"deploymentId": text, "status": "Failed", "endTime": BEGIN},
    }
    running = {**everything(text).seen.info, "applicationName": text, "deploymentGroupName": text}
    at = {"revision": {"s3Location": {"key": text}}}
    old = FleetHost(host="i-2", state=State.OUTDATED, revision=at["revision"])
    fleet = FleetNow(
        hosts=[FleetHost(host="i-1", name=text, state=State.FAILED), old],
        wanted={"deploymentId": text, **at, "requestedBy": text, "completeTime": BEGIN},
        brought={},
        is_seen=True,
    )
    freeze = {"scope": "*", "from": BEGIN, "reason": text, "by": text}
    return groups.Overview(groups=[info], running=[running], freezes=[freeze], fleets={Group(text, text): fleet})


def host(text: str) -> target.Host:
    event = {
        "lifecycleEventName": "Install",
        "status": "Failed",
        "startTime": BEGIN,
        "endTime": BEGIN,
        "diagnostics": {"scriptName": text, "message": text, "logTail": text},
    }
    found = {
        **one("i-1", "Failed"),
        "lifecycleEvents": [event, {"lifecycleEventName": text, "status": text}],
        "failure": {"cause": text, "event": text, "script": text, "message": text},
        "waitingFor": text,
        "outOfLoadBalancers": [text],
        "availabilityZone": text,
        "autoScalingGroup": text,
    }
    return target.Host(
        deployment=everything(text).seen.info, target=found, name=text, logs={"Install": target.Log([text, text])}
    )


@pytest.mark.parametrize(
    ("page", "value"),
    [
        (groups.PAGE, overview(BAD)),
        (deployment.PAGE, everything(BAD)),
        (target.PAGE, host(BAD)),
        (target.LOG, host(BAD)),
        (deployment.PAGE, None),
    ],
)
def test_what_others_wrote_is_text_and_nothing_else(page: Page, value: object) -> None:
    written = html(page, value, error=Refusal(BAD))
    read = Reader(written)
    active = [attributes.get("src") for tag, attributes in read.tags if tag in ("script", "img")]
    assert active == ["/assets/console.js"]
    for tag, attributes in read.tags:
        assert tag not in ("style", "iframe", "object", "base", "form")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("href", "src"):
            assert (attributes.get(name) or "/").startswith(("/", "#")), attributes
    assert "alert(1)" in read.text
    assert not re.search(ORDERS, written.replace("\n", ""))


def test_addresses_lead_where_the_name_says_whatever_is_in_it() -> None:
    odd = "i-1/../x?y#z"
    value = seen_as(snapshot(one(odd, "Pending"), deploymentOverview={"Pending": 1}))
    found = [attributes["href"] for tag, attributes in read(deployment.PAGE, value).tags if tag == "a"]
    assert f"/deployments/{ID}/targets/i-1%2F..%2Fx%3Fy%23z" in found
    path = f"/deployments/{ID}/targets/i-1%2F..%2Fx%3Fy%23z"
    assert target.PAGE.matches(path) == {"deployment": ID, "target": odd}


def test_a_deployment_says_how_it_goes_and_why_it_waits() -> None:
    value = followed(
        one("i-1", "Succeeded", "Succeeded"),
        one("i-2", "Pending"),
        deploymentOverview={"Succeeded": 1, "Pending": 1},
        healthyHosts={"total": 2, "minimum": 2, "healthy": 2},
        stages=[{"name": "canary", "targetCount": 1, "approval": {}}],
        hold={"kinds": ["APPROVAL"], "afterStage": 0},
        status="Ready",
        alarms={"errors": "OK"},
        createTime=BEGIN,
    )
    words = read(deployment.PAGE, value).words
    assert "for approval: stepdeploy approve d-ABCDEF123" in words
    assert "2: 1 succeeded, 1 pending" in words
    assert "2 of 2 hosts, at least 2 promised" in words
    assert "canary: 1 host, needs approval" in words
    assert "OK errors" in words


def test_a_stage_is_to_come_goes_on_or_is_over() -> None:
    states = [one("i-1", "Succeeded"), one("i-2", "InProgress"), one("i-3", "Pending")]
    value = seen_as(snapshot(*states, createTime=BEGIN, stages=[{"name": name} for name in ("a", "b", "c")]))
    summaries = {name: {**each, "stage": at} for at, (name, each) in enumerate(value.roster.targets.items())}
    value = replace(value, roster=Roster(targets=summaries))
    found = [attributes.get("class") for tag, attributes in read(deployment.PAGE, value).tags if tag == "li"]
    assert [each for each in found if each in ("done", "now", "next")] == ["done", "now", "next"]


def test_failed_hosts_come_first_and_hosts_page_by_page() -> None:
    many = [one(f"i-{number}", "Pending") for number in range(120)]
    many[70] = one("i-70", "Failed", "Failed", message="no")
    value = seen_as(snapshot(*many, deploymentOverview={"Pending": 119, "Failed": 1}))
    first = hosts.shown(value, {})
    assert (first.ids[:2], len(first.ids), first.pages) == (["i-70", "i-0"], hosts.ROWS, 3)
    last = hosts.shown(value, {"page": "3"})
    assert (len(last.ids), last.ids[-1]) == (20, "i-119")
    assert hosts.shown(value, {"page": "99"}) == last
    assert hosts.shown(value, {"page": "-1"}) == hosts.shown(value, {"page": "²"}) == first
    assert hosts.shown(value, {"state": "Failed"}).ids == ["i-70"]
    assert hosts.shown(value, {"state": "Nonsense"}) == first
    words = read(deployment.PAGE, value, state="Pending", page="3").words
    assert "101 to 119 of 119" in words and "i-118 " not in words.partition("i-119")[2]


def test_each_host_has_a_square() -> None:
    states = ("Pending", "InProgress", "Succeeded", "Failed", "Skipped")
    value = seen_as(replace(snapshot(*(one(f"i-{state}", state) for state in states)), names={"i-Failed": "web-1"}))
    cells = hosts.cells(value)
    assert cells and cells.states == "PISFK"
    assert cells.names[3] == "web-1" and cells.base == f"/deployments/{ID}/targets/"


def test_what_failed_alike_stands_together_with_its_log_and_what_to_do() -> None:
    ended = {"deploymentId": ID, "status": "Failed", "deploymentOverview": {"Failed": 3}}
    failure = failed(3, "no")
    why = Explained(info=ended, found=[failure], names={"i-3": "web-3"}, logs={"i-3": ["asking", "no"]}, group={"x": 1})
    words = read(deployment.PAGE, followed(one("i-3", "Failed"), why=why, createTime=BEGIN)).words
    assert "3 hosts: Install: no ended with exit code 3" in words
    assert "on web-3 and 2 more" in words
    assert "asking no" in words
    assert f"after fixing the hosts, retry on them: stepdeploy retry {ID}" in words


def test_a_group_shows_what_runs_what_is_deployed_and_what_closes_it() -> None:
    words = read(groups.PAGE, overview("shop")).words
    assert "shop/shop failed shop" in words
    assert "0 of 2 hosts" in words and "1 on shop, 1 failed (shop)" in words
    assert "frozen 2026-11-23 10:00 until it is lifted: shop" in words
    assert "1 group, 1 deployment running, 0 queued" in words


def test_a_freeze_counts_for_its_own_time_and_scope() -> None:
    group, now = Group("shop", "web"), BEGIN
    freeze = {"scope": "*", "from": BEGIN, "reason": "r", "by": "b"}
    assert groups._is_frozen(freeze, group, now)
    assert groups._is_frozen({**freeze, "scope": "shop"}, group, now)
    assert groups._is_frozen({**freeze, "scope": "shop/web"}, group, now)
    assert not groups._is_frozen({**freeze, "scope": "shop/api"}, group, now)
    assert not groups._is_frozen({**freeze, "from": BEGIN + timedelta(seconds=1)}, group, now)
    assert not groups._is_frozen({**freeze, "to": BEGIN}, group, now)


def test_a_target_tells_its_events_with_times_and_logs() -> None:
    words = read(target.PAGE, host("said")).words
    assert "Install Failed 10:00:00 , took 0s said" in words
    assert words.count("said") > 5


def test_a_long_log_is_shown_in_part_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "_MAX_LINES", 2)
    monkeypatch.setattr(target, "_MAX_LETTERS", 12)
    assert target._begin(iter(["one", "two"])) == target.Log(["one", "two"])
    for lines in (["one", "two", "three"], ["one", "two", "x"], ["one", "two", "y" * 13]):
        words = read(target.LOG, replace(host("x"), logs={"Install": target._begin(lines)})).words
        assert "one two" in words and lines[2] not in words.partition("one two")[2].partition("stepdeploy")[0]
        assert "stepdeploy logs --full" in words
    assert not target._begin(iter(["y" * 13])).lines


def test_what_is_no_id_has_no_page() -> None:
    for page in (deployment.PAGE, target.PAGE, target.LOG):
        with pytest.raises(Refusal, match="is not a deployment's id"):
            page.topics({"deployment": "nonsense", "target": "i-1"})


def test_trouble_stands_above_what_was_seen() -> None:
    words = read(groups.PAGE, overview("shop"), error=Refusal("ExpiredToken: Log in again: aws sso login")).words
    assert "Log in again: aws sso login What is shown is older; it is asked for again." in words
    assert "shop/shop" in words
    nothing = read(groups.PAGE, None, error=Refusal("no")).words
    assert "no It is asked for again. Nothing can be shown" in nothing

"""`stepdeploy report`, by the served API: the page, its JSON, and the file that it becomes."""

import base64
import hashlib
import json
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main
from cli.view.explained import Explained
from cli.view.report.gathered import MAX_HOSTS, Report
from cli.view.report.page import page
from functions.core.records import Approved, Counts, Failure, RollbackInfo, Stage, StopMark
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import deployment_indexes, deployment_key, target_key
from functions.store.table.items import items
from tests.cli.conftest import launched
from tests.cli.deploying import ID, Captured, at, put_deployment, put_target, script_failed
from tests.conftest import put_group, put_item
from tests.hostile import ORDERS, TEXT
from tests.served import Served

ROLLBACK = "d-000000009"
_TAGS = "</style></title></pre><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;"
MARKUP, NAME = f"{_TAGS}{TEXT}", f"{_TAGS}\u202e\u2066"  # the name of an instance goes through XML
ALARM = "One or more alarms have been activated: shop-errors."
STOPPED = StopMark(by="alarm shop-errors", code=DeploymentErrorCode.ALARM_ACTIVE, message=ALARM, at=at(40))


@pytest.fixture
def group(served: Served) -> None:
    put_group()


@pytest.fixture
def stopped(group: None) -> list[str]:
    """A deployment by stages that an alarm has stopped, on four hosts, and its rollback."""
    put_deployment(
        DeploymentStatus.STOPPED,
        Counts(total=4, max_out_of_service=2, succeeded=2, failed=1, skipped=1, started=3),
        stages=(Stage(name="canary", targets=1), Stage(name="rest", targets=3)),
        approvals=(Approved(stage=0, by="arn:aws:iam::123456789012:user/ann", at=at(20)),),
        failure=Failure(code=DeploymentErrorCode.ALARM_ACTIVE, message=ALARM),
        stop=STOPPED,
        rollback=RollbackInfo(rollback_deployment_id=ROLLBACK),
    )
    put_deployment(
        DeploymentStatus.SUCCEEDED,
        Counts(total=4, max_out_of_service=2, succeeded=4),
        deployment_id=ROLLBACK,
        create_time=at(60),
        complete_time=at(95),
    )
    ids = launched("web-1", "web-2", "web-3", "web-10")
    put_target(ids[0], TargetStatus.SUCCEEDED, done=7)
    put_target(ids[1], TargetStatus.SUCCEEDED, done=7)
    put_target(ids[2], TargetStatus.FAILED, done=5, left=script_failed(log="[stderr]connection refused"))
    put_target(ids[3], TargetStatus.SKIPPED)
    for name, stage, taken, updated in zip(ids, (0, 1, 1), (2, 25, 25), (12, 39, 35), strict=False):
        change(name, stage=stage, started_at=at(taken), last_updated_at=at(updated))
    change(ids[3], stage=1)
    return ids


def change(target_id: str, **fields: object) -> None:
    key = target_key(ID, target_id)
    item = items().get(key)
    assert item
    put_item({**key.item, **item, **fields})


class Read(HTMLParser):
    """What a browser makes of a page: the tags, the attributes, and the texts between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags = set[str]()
        self.attributes = list[tuple[str, str | None]]()
        self.texts = list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def written(file: Path) -> Read:
    return Read(file.read_text())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


def test_the_page_has_all_that_is_known(stopped: list[str], file: Path, capsys: Captured) -> None:
    assert main(["report", ID, "--html", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    text = written(file).text
    for said in (
        "shop/web: shop/web/v1.zip",
        f"Stopped {ID}",
        f"ALARM_ACTIVE : {ALARM}",
        "asked by user",
        "started 2026-11-23 10:00:01",
        "hosts 4 succeeded 2 failed 1 skipped 1 took 59s fewest in service 2 of 4, at least 2 promised",
        "a host was out for 10s the longest: 14s (web-2)",
        "At least 2 of 4 hosts must be in service; the fewest were 2 after 24s.",
        "Stages canary: 1 host 1 succeeded rest: 3 hosts 1 succeeded, 1 failed, 1 skipped",
        "1 host: ApplicationStart: start.sh ended with exit code 3 on web-3",
        "the end of the log on web-3: [stderr]connection refused",
        "Rollback d-000000009 to shop/web/v1.zip: Succeeded , 4 of 4 hosts",
        f"read the whole log: stepdeploy logs {ID} web-3 --full",
        "4 hosts, the failed ones first.",
        f"web-3 {stopped[2]} Failed 2 - 2026-11-23 10:00:25 still out ApplicationStart: start.sh ended",
    ):
        assert said in text
    assert text.index(stopped[2]) < text.index(stopped[3]) < text.index(stopped[0]) < text.index(stopped[1])


def test_what_happened_is_told_in_order(stopped: list[str], capsys: Captured) -> None:
    assert main(["report", ID, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["time"][14:19], each["what"]) for each in told["happened"]] == [
        ("00:00", "created, asked for by user"),
        ("00:01", "begins on 4 hosts"),
        ("00:02", "stage 1. canary begins"),
        ("00:20", "approved by ann"),
        ("00:25", "stage 2. rest begins"),
        ("00:35", "web-3 fails: ApplicationStart: start.sh ended with exit code 3"),
        ("00:40", "stopped by alarm shop-errors"),
        ("01:00", "ends: Stopped"),
        ("01:00", "rolled back by d-000000009"),
        ("01:35", "rollback d-000000009 ends: Succeeded"),
    ]
    assert [each["name"] for each in told["hosts"]] == ["web-3", "web-10", "web-1", "web-2"]
    assert told["healthyHosts"]["lowest"] == 2 and told["moreHosts"] == 0 and told["file"] is None
    assert told["deployment"]["deploymentId"] == ID and told["causes"][0]["log"] == ["[stderr]connection refused"]


def test_a_deployment_that_waits_has_a_page_too(group: None, file: Path, capsys: Captured) -> None:
    put_deployment(DeploymentStatus.QUEUED, start_time=None)
    assert main(["report", ID, "--html", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(file)
    read = written(file)
    assert "waits" in read.text and "svg" not in read.tags


def test_the_page_asks_for_nothing_and_runs_nothing(stopped: list[str], file: Path) -> None:
    """Its policy allows its own style alone; there is no link, script, form or style attribute to begin with."""
    assert main(["report", ID, "--html", str(file)]) == 0
    read, source = written(file), file.read_text()
    ours = {"html", "head", "meta", "title", "style", "body", "main", "footer", "header", "h1", "h2", "h3", "p", "pre"}
    ours |= {"span", "strong", "code", "dl", "dt", "dd", "div", "article", "ol", "ul", "li"}
    ours |= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    ours |= {"svg", "desc", "line", "text", "polygon", "polyline", "g"}
    assert read.tags <= ours
    names = {name for name, _ in read.attributes}
    assert not names & {"style", "src", "href", "action"} and not [each for each in names if each.startswith("on")]
    (policy,) = [value for _, value in read.attributes if value and value.startswith("default-src")]
    (style,) = re.findall(r"<style>(.*?)</style>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_what_others_wrote_is_text(stopped: list[str], file: Path) -> None:
    """Each text that hosts, revisions and people control, as an engine might have left it that made nothing plain."""
    ids = launched(NAME)
    plain = put_deployment(
        DeploymentStatus.FAILED,
        Counts(total=1, max_out_of_service=1, failed=1),
        stages=(Stage(name="canary", targets=1), Stage(name="rest", targets=0)),
        approvals=(Approved(stage=0, by="ann", at=at(20)),),
        stop=STOPPED,
    )
    item = to_plain(plain)
    item["stages"][0]["name"] = item["approvals"][0]["by"] = item["approvals"][0]["why"] = MARKUP
    item["stop"] |= {"by": MARKUP, "message": MARKUP}
    item |= {"description": MARKUP, "metadata": {MARKUP: MARKUP}, "requested_by": MARKUP}
    item |= {"failure": {"code": "HEALTH_CONSTRAINTS", "message": MARKUP}}
    item["revision"]["key"] = f"shop/web/{MARKUP}.zip"
    put_item({**deployment_key(ID).item, **item, **deployment_indexes(plain)})
    put_target(ids[0], TargetStatus.FAILED, done=5, left=script_failed())
    found = items().get(target_key(ID, ids[0]))
    assert found
    left = {"message": MARKUP, "log_tail": f"{MARKUP}\n{MARKUP}", "script_name": MARKUP, "error_code": "ScriptFailed"}
    events = [{**each, **({"diagnostics": left} if "diagnostics" in each else {})} for each in found["events"]]
    failure = {**found["failure"], "message": MARKUP, "script_name": MARKUP}
    change(ids[0], events=events, failure=failure, stage=0, started_at=at(2), zone=MARKUP)
    assert main(["report", ID, "--html", str(file)]) == 0
    read = written(file)
    assert not read.tags & {"script", "img", "b"} and not re.search(ORDERS, file.read_text())
    assert read.text.count("<script>alert(1)</script>") >= 15
    assert not [name for name, _ in read.attributes if name == "onerror"]


def test_ten_thousand_hosts_are_a_small_page_that_says_what_it_leaves_out() -> None:
    begin = datetime(2026, 11, 23, 10, tzinfo=UTC)

    def targets(failed: int) -> Iterator[dict[str, Any]]:
        for number in range(10_000):
            taken = begin + timedelta(seconds=number // 100 * 60)
            status = "Failed" if number < failed else "Succeeded"
            times = {"outOfServiceTime": taken, "lastUpdatedAt": taken + timedelta(seconds=40)}
            yield {"targetId": f"i-{number:017x}", "status": status, "availabilityZone": "us-east-1a", **times}

    hosts = {"total": 10_000, "minimum": 9_000, "healthy": 10_000}
    info = {"deploymentId": ID, "status": "Succeeded", "createTime": begin, "startTime": begin, "healthyHosts": hosts}
    why = Explained(info=info, found=(), names={}, logs={}, group={})
    report = Report(
        why=why,
        names={},
        targets=list(targets(3)),
        failures={},
        alarms={},
        rollback={},
        stack="stepdeploy",
        region="us-east-1",
        now=begin + timedelta(hours=2),
    )
    whole = page(report)
    assert len(whole) < 250_000 and whole.count('scope="row"') == MAX_HOSTS
    assert "500 hosts, the failed ones first. 9,500 hosts more are left out, none of which failed." in whole
    many = page(replace(report, targets=list(targets(600))))
    assert "9,500 hosts more are left out; those that failed are in the causes above." in many


def test_a_file_that_is_there_is_not_touched_unless_it_is_asked_for(
    stopped: list[str], file: Path, capsys: Captured
) -> None:
    file.write_text("mine")
    assert main(["report", ID, "--html", str(file)]) == 2
    assert "is there already; give another name, or --overwrite" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert main(["report", ID, "--html", str(file), "--overwrite"]) == 0
    assert file.read_text().startswith("<!doctype html>") and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["report.html"]


def test_without_a_name_it_is_called_as_the_deployment(
    stopped: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "shop/web"]) == 0
    assert capsys.readouterr().out == f"{ROLLBACK}.html\n"
    assert main(["report", ROLLBACK]) == 2
    assert "is there already" in capsys.readouterr().err


def test_where_nothing_can_be_written_nothing_is_left(stopped: list[str], tmp_path: Path, capsys: Captured) -> None:
    assert main(["report", ID, "--html", str(tmp_path / "no" / "report.html")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    long = tmp_path / ("x" * 250 + ".html")
    assert main(["report", ID, "--html", str(long)]) == 2
    assert "File name too long" in capsys.readouterr().err and not list(tmp_path.iterdir())

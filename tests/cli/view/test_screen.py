"""What a terminal shows of a deployment, and which targets have a place there."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from cli.view.progress import Alarm, Snapshot
from cli.view.screen import Terminal, healthy, ordered, screen

BEGIN = datetime(2026, 11, 23, 10, tzinfo=UTC)


def target(name: str, status: str = "Pending", *events: str, message: str = "") -> dict[str, Any]:
    told = [{"lifecycleEventName": f"Event{number}", "status": each} for number, each in enumerate(events)]
    for event in told:
        if event["status"] == "Failed":
            event["diagnostics"] = {"message": message}  # type: ignore[assignment]
    found: dict[str, Any] = {"targetId": name, "status": status, "lifecycleEvents": told}
    failed = [event["lifecycleEventName"] for event in told if event["status"] == "Failed"]
    if status == "Failed" and failed:
        found["failure"] = {"cause": "SCRIPT", "event": failed[-1], "message": message}
    return found


def snapshot(*targets: dict[str, Any], alarms: dict[str, str] | None = None, **info: Any) -> Snapshot:
    whole = {
        "deploymentId": "d-ABCDEF123",
        "applicationName": "shop",
        "deploymentGroupName": "web",
        "status": "InProgress",
        "startTime": BEGIN,
        "revision": {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "shop/1.zip"}},
        "requestedBy": "arn:aws:iam::123456789012:user/ann",
        **info,
    }
    states = {name: Alarm(state, None) for name, state in (alarms or {}).items()}
    return Snapshot(info=whole, targets={each["targetId"]: each for each in targets}, alarms=states)


def shown(seen: Snapshot, *, height: int = 24, width: int = 90, ascii_only: bool = False) -> list[str]:
    out = io.StringIO()
    now = BEGIN + timedelta(minutes=2, seconds=5)
    on = Terminal(width=width, height=height, ascii_only=ascii_only)
    Console(file=out, width=width).print(screen(seen, on, now=now))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_everything_that_is_known_is_shown() -> None:
    seen = snapshot(
        target("i-1", "Succeeded", "Succeeded", "Succeeded"),
        target("i-2", "InProgress", "Succeeded", "InProgress"),
        target("i-3", "Failed", "Failed", "Skipped", message="exit code 3"),
        target("i-4", "Pending", "Pending", "Pending"),
        alarms={"errors": "OK", "slow": "ALARM"},
        metadata={"commit": "0123abc", "ticket": "OPS-42"},
        deploymentOverview={"Succeeded": 1, "InProgress": 1, "Failed": 1, "Pending": 1},
        healthyHosts={"total": 4, "minimum": 2, "healthy": 2},
    )
    assert shown(seen) == [
        "d-ABCDEF123  shop/web  InProgress  2m 5s",
        "revision  shop/1.zip",
        "asked by  arn:aws:iam::123456789012:user/ann",
        "metadata  commit=0123abc, ticket=OPS-42",
        "targets   4: 1 succeeded, 1 failed, 1 in progress, 1 pending",
        "healthy   ███████████████░░░░░░░░░░░░░░░  2 of 4, at least 2",
        "waits     1 host waits for its turn: at most 2 of 4 may be out of service at one time, 1 …",
        "alarms    errors OK  slow ALARM",
        "✔ done  ● now  ✘ failed  – skipped  · next",
        "i-1  ✔✔  Succeeded",
        "i-2  ✔●  InProgress  Event1",
        "i-3  ✘–  Failed      Event0            exit code 3",
        "i-4  ··  Pending",
    ]


def test_a_terminal_without_unicode_gets_ascii() -> None:
    seen = snapshot(
        target("i-1", "Failed", "Succeeded", "InProgress", "Failed", "Skipped", "Pending", "Unknown"),
        deploymentOverview={"Failed": 1, "Succeeded": 1},
    )
    lines = shown(seen, ascii_only=True)
    assert "healthy   ###############...............  1 of 2" in lines
    assert lines[-2:] == ["i-1  +ox-.?  Failed      Event2", "+ 1 more"]


def test_who_is_healthy_is_counted_where_the_engine_does_not_tell() -> None:
    assert healthy(snapshot(deploymentOverview={"Succeeded": 2, "InProgress": 1, "Failed": 1})) == (2, 4, None)


def test_of_many_targets_those_at_work_and_the_failed_come_first() -> None:
    many = [target(f"i-{number:04}", "Succeeded") for number in range(40)]
    many[30]["status"], many[35]["status"] = "Failed", "InProgress"
    assert [each["targetId"] for each in ordered(many, 3)] == ["i-0035", "i-0030", "i-0000"]
    lines = shown(snapshot(*many, deploymentOverview={"Succeeded": 4320}), height=14)
    assert len(lines) <= 14
    assert lines[-1] == f"+ {4320 - (len(lines) - 7):,} more"


def test_few_targets_keep_their_places() -> None:
    few = [target("i-2", "InProgress"), target("i-1", "Pending")]
    assert [each["targetId"] for each in ordered(few, 2)] == ["i-1", "i-2"]


def test_what_others_wrote_is_neither_obeyed_nor_taken_for_markup() -> None:
    seen = snapshot(
        target("[red]i-1\x1b[2J", "Failed", "Failed", message="[bold]\x07"),
        alarms={"[blink]": "OK"},
        status="Failed",
        metadata={"a": "[/]\r"},
        requestedBy="\x1b]0;x",
        errorInformation={"code": "HEALTH_CONSTRAINTS", "message": "[link=x]\x9b"},
    )
    text = "\n".join(shown(seen))
    for literal in ("[red]i-1\\x1b[2J", "[bold]\\x07", "[blink] OK", "a=[/]\\r", "\\x1b]0;x", "[link=x]\\x9b"):
        assert literal in text


def test_what_is_too_long_is_cut_at_the_end_of_its_line_and_nothing_before_it() -> None:
    seen = snapshot(target("i-0123456789abcdef0", "Failed", "Failed", message="x" * 500), requestedBy="y" * 500)
    lines = shown(seen, width=60)
    assert len(lines) == 5
    assert lines[2] == f"asked by  {'y' * 49}…"
    assert lines[4] == f"i-0123456789abcdef0  ✘  Failed      Event0            {'x' * 5}…"


def test_one_that_is_stopping_says_so() -> None:
    stop = {"stoppedBy": "alarm errors", "message": "Stopped by ann: wrong build"}
    assert "stopping  Stopped by ann: wrong build" in shown(snapshot(stopInfo=stop))
    assert "stopping" not in "\n".join(shown(snapshot(stopInfo=stop, status="Stopped")))


def test_an_engine_that_does_not_answer_is_named() -> None:
    seen = Snapshot(info=snapshot().info, trouble="Could not connect")
    assert "trouble   Could not connect" in shown(seen)


def test_a_narrow_terminal_keeps_the_counts_the_events_and_the_reasons() -> None:
    overview, hosts = {"Succeeded": 1, "InProgress": 1, "Failed": 1}, {"total": 12, "minimum": 6, "healthy": 6}
    at_work = target("i-2", "InProgress", *["Succeeded"] * 6, "InProgress")
    at_work["lifecycleEvents"][-1] |= {"lifecycleEventName": "ValidateService", "startTime": BEGIN}
    seen = snapshot(
        target("i-027d76eded17687dd", "Succeeded", *["Succeeded"] * 7),
        at_work,
        target("i-3", "Failed", "Failed", *["Skipped"] * 6, message="exit code 3"),
        deploymentOverview=overview,
        healthyHosts=hosts,
    )
    lines = shown(seen, width=40)
    assert all(len(each) <= 40 for each in lines)
    assert "healthy   ████░░░░░  6 of 12, at least 6" in lines
    assert lines[-4:] == [
        "✔ done  ● now  ✘ failed  – skipped",
        "i-027...687dd  ✔✔✔✔✔✔✔  Succeeded",
        "i-2            ✔✔✔✔✔✔●  ValidateService…",
        "i-3            ✘––––––  Event0  exit co…",
    ]


def test_a_terminal_without_unicode_is_drawn_in_ascii_also_where_it_is_cut() -> None:
    long = "x" * 200
    seen = snapshot(target("i-1", "Failed", "Failed", message=long), metadata={"note": long}, requestedBy=long)
    assert all(each.isascii() and len(each) <= 60 for each in shown(seen, width=60, ascii_only=True))


def test_how_long_a_host_is_at_its_event_is_said() -> None:
    one = target("i-1", "InProgress", "Succeeded", "InProgress")
    one["lifecycleEvents"][1]["startTime"] = BEGIN + timedelta(seconds=85)
    assert shown(snapshot(one))[-1] == "i-1  ✔●  InProgress  Event1            for 40s"


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"status": "Queued", "queuedBehind": "d-0123ABCDE"}, "waits     for d-0123ABCDE to end; a newer"),
        ({"status": "Created"}, "waits     the engine reads the revision and finds the hosts"),
    ],
)
def test_why_nothing_has_begun_is_said(info: dict[str, Any], said: str) -> None:
    assert said in "\n".join(shown(snapshot(**info)))

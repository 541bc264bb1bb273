"""`stepdeploy simulate`: what it prints, and what it refuses."""

import json
from pathlib import Path

import pytest

from cli.__main__ import main


def test_a_person_sees_timetable_chart_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--hosts", "6", "--config", "HalfAtATime"]) == 0
    said = capsys.readouterr().out
    for text in ("deployment Succeeded", "│ promised", "6 Succeeded", "never fewer than 3 of 6, promised 3", "USD"):
        assert text in said


def test_the_same_seed_says_the_same_to_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    faults = ["--fail", "20%", "--lose-events", "10%", "--seed", "7"]
    options = ["simulate", "--hosts", "5", "--config", "50%", *faults, "--json"]
    assert main(options) == 0
    first = capsys.readouterr().out
    assert main(options) == 0 and capsys.readouterr().out == first
    found = json.loads(first)
    assert found["targets"] == {"Failed": 1, "Succeeded": 4} and found["causes"] == {"SCRIPT": 1}
    assert found["broken"] == [] and found["usd"] > 0


def test_an_alarm_stops_it_and_the_picture_is_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "chart.svg"
    assert main(["simulate", "--hosts", "4", "--alarm-at", "1m", "--runs", "2", "--svg", str(picture)]) == 0
    said = capsys.readouterr().out
    assert "2 Stopped -> Succeeded" in said and "seeds 1 to 2" in said and picture.read_text().startswith("<svg")


def test_a_broken_promise_is_named_with_its_seed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulation.world.World._is_over", lambda world: world.clock.time > 20)
    assert main(["simulate", "--hosts", "2", "--seed", "9"]) == 1
    assert "never ended: it is InProgress (--seed 9)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--config", "Some"], "must be OneAtATime, HalfAtATime, AllAtOnce, or the minimum"),
        (["--config", "20"], "keeps all 20 targets in service"),
        (["--fail", "most"], "must be a share, for example 2%"),
        (["--fail", "60%", "--hang", "50%"], "more than all hosts"),
        (["--throttle", "ssm"], "for example ssm=10/s"),
    ],
)
def test_what_cannot_be_is_a_wrong_use(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *options]) == 2
    assert words in capsys.readouterr().err

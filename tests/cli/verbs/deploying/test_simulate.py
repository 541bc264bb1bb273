"""`stepdeploy simulate`: what it prints, and what it refuses."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main
from cli.account.history import NONE, History
from functions.core.records import GroupSettings, LoadBalancers
from functions.core.rollout.health import PREDEFINED_CONFIGS
from functions.core.statuses import DeploymentStatus, TargetStatus
from tests.cli.deploying import put_deployment, put_target
from tests.clients import client
from tests.conftest import WEB, put_group, stand_in
from tests.fakes.run_command import FakeRunCommand
from tests.served import Served


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
    assert "2 Stopped -> Succeeded" in said and "seeds 1 to 2" in said
    drawn = "".join(ET.fromstring(picture.read_text()).itertext())
    assert "(seed 1)" in drawn and "at least 3 promised" in drawn and "rollback" in drawn


def test_a_broken_promise_is_named_with_its_seed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulation.world.World._is_over", lambda world: world.clock.time > 20)
    assert main(["simulate", "--hosts", "2", "--seed", "9"]) == 1
    assert "never ended: it is InProgress (--seed 9)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--config", "Some"], "OneThenGrowing, or the minimum"),
        (["--config", "20"], "keeps all 20 targets in service"),
        (["--fail", "most"], "must be a share, for example 2%"),
        (["--fail", "60%", "--hang", "50%"], "more than all hosts"),
        (["--throttle", "ssm"], "for example ssm=10/s"),
    ],
)
def test_what_cannot_be_is_a_wrong_use(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *options]) == 2
    assert words in capsys.readouterr().err


def launch(count: int) -> list[str]:
    """Instances of the group."""
    stand_in("ssm", FakeRunCommand())
    tags = {"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "web"}]}
    found = client("ec2").run_instances(
        ImageId="ami-12c6146b", MinCount=count, MaxCount=count, TagSpecifications=[tags]
    )
    return sorted(each["InstanceId"] for each in found["Instances"])


def test_a_group_is_simulated_with_its_hosts_its_configuration_and_the_times_of_its_past(
    engine: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = launch(4)
    half = PREDEFINED_CONFIGS["CodeDeployDefault.HalfAtATime"]
    put_group(settings=GroupSettings(tag_groups=(WEB,), config=half))
    put_deployment(DeploymentStatus.SUCCEEDED)
    for host_id in ids:
        put_target(host_id, TargetStatus.SUCCEEDED, done=7)  # a second an event
    assert main(["simulate", "shop/web", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["hosts"] == found["pastTargets"] == 4 and found["healthyHosts"] == {"promised": 2, "fewest": 2}
    assert 14 < found["seconds"]["p50"] < 60
    options = ["--hosts", "6", "--config", "AllAtOnce", "--scripts", "10m", "--json"]
    assert main(["simulate", "shop/web", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["hosts"] == 6 and found["healthyHosts"]["promised"] == 0 and 400 < found["seconds"]["p50"] < 1000


def test_a_group_is_simulated_behind_its_load_balancers(engine: Served, capsys: pytest.CaptureFixture[str]) -> None:
    ids = launch(3)
    balancers = LoadBalancers(target_groups=("web", "api"), classic=("old",), has_control=True)
    settings = GroupSettings(tag_groups=(WEB,), load_balancers=balancers)
    put_group(settings=settings)
    put_deployment(DeploymentStatus.SUCCEEDED)
    for host_id in ids:
        put_target(host_id, TargetStatus.SUCCEEDED, done=7)
    found = read(capsys, "simulate", "shop/web", "--json")
    assert found["calls"]["elbv2:DeregisterTargets"] == 3 * 3 and found["broken"] == []
    without = read(capsys, "simulate", "shop/web", "--load-balancers", "0", "--json")
    assert not any(each.startswith("elb") for each in without["calls"])
    assert found["seconds"]["p50"] > without["seconds"]["p50"] + 3 * 20, (
        "fifteen seconds of propagation, five of checks"
    )
    put_group(settings=replace(settings, load_balancers=replace(balancers, has_control=False)))
    assert read(capsys, "simulate", "shop/web", "--json") == without
    assert main(["simulate", "shop/web", "--load-balancers", "1"]) == 0
    assert "ELB calls" in capsys.readouterr().out


def test_a_host_takes_as_long_to_get_healthy_as_in_the_past(capsys: pytest.CaptureFixture[str]) -> None:
    past = History(host_ids=(), config=NONE.config, seconds={}, targets=0, load_balancers=1)
    quick, slow = (
        simulated(replace(past, seconds={"AllowTraffic": (each,)}), None, capsys)["seconds"]["p50"] for each in (5, 60)
    )
    assert 2 * 50 < slow - quick < 2 * 60


def read(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(list(words)) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_only_the_events_take_time_for_which_the_revision_has_scripts(
    capsys: pytest.CaptureFixture[str], site: Path
) -> None:
    seconds = []
    for hooks in ("", "hooks:\n  AfterInstall:\n    - location: a.sh\n"):
        (site / "appspec.yml").write_text(f"version: 0.0\nos: linux\n{hooks}")
        past = History(host_ids=(), config=NONE.config, seconds={}, targets=0)
        assert simulated(past, site, capsys)["targets"] == {"Succeeded": 2}
        seconds.append(simulated(past, site, capsys)["seconds"]["p50"])
    assert seconds[0] < 30 and 80 < seconds[1] < 130


def simulated(past: History, revision: Path | None, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cli.verbs.deploying.simulate.history.of", lambda engine, group: past)
        return read(capsys, "simulate", "shop/web", *([str(revision)] if revision else []), "--hosts", "2", "--json")


def test_a_revision_without_an_appspec_is_a_wrong_use(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cli.verbs.deploying.simulate.history.of", lambda engine, group: NONE)
        assert main(["simulate", "shop/web", str(tmp_path)]) == 2
    assert "has no valid AppSpec" in capsys.readouterr().err

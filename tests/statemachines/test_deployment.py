"""The way of a deployment, branch by branch."""

from collections.abc import Callable
from typing import Any

from tests.statemachines.conftest import Play, decided
from tests.statemachines.scripts import SILENCE, Raises

GIVEN = {"deployment_id": "d-000000001"}
SUCCEEDED = {"status": "Succeeded"}
FINISHED = [{**GIVEN, "status": "Succeeded"}]
Manifest = Callable[..., dict[str, Any]]
ASK = ["NextStage", "Decision"]


def prepared(*stages: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**GIVEN, "proceed": bool(stages), "stages": list(stages)}]


def all_well(*stages: dict[str, Any], targets: int = 1, **answers: Any) -> dict[str, Any]:
    """What the functions of a deployment answer whose targets all succeed, and `answers` besides."""
    outcomes = [SUCCEEDED] * targets
    return {
        "Prepare": prepared(*stages),
        "NextStage": decided(*stages),
        "RunSegment": outcomes,
        "TargetDone": outcomes,
        "Finish": FINISHED,
        **answers,
    }


def test_every_target_of_the_manifest_runs_and_then_the_deployment_is_finished(play: Play, manifest: Manifest) -> None:
    answers = all_well(manifest(0, "i-1", "i-2", "i-3"), targets=3)
    run = play("deployment", GIVEN, answers)
    assert run.status == "SUCCEEDED" and run.output == FINISHED[0]
    assert {call["target_id"] for call in run.payloads("TargetDone")} == {"i-1", "i-2", "i-3"}
    assert run.path == ["Way", "Prepare", *ASK, "Targets", *ASK, "Finish"]
    first, last = run.payloads("NextStage")
    assert first["last"] == {"next": "Begin"} and first["stages"] == last["stages"]
    assert last["last"] == {"next": "Run", "stage": first["stages"][0], "hold": None, "seconds": 0}


def test_a_refused_deployment_goes_straight_to_its_end(play: Play) -> None:
    run = play("deployment", GIVEN, {"Prepare": prepared(), "NextStage": decided(), "Finish": FINISHED})
    assert run.path == ["Way", "Prepare", *ASK, "Finish"]
    assert run.payloads("Finish") == [GIVEN]


def test_a_prepare_that_fails_for_good_is_told_to_finish(play: Play) -> None:
    run = play("deployment", GIVEN, {"Prepare": [Raises("Bug")] * 6, "Finish": FINISHED})
    assert run.path == ["Way", "Prepare", "FinishWithError"] and run.status == "SUCCEEDED"
    assert run.payloads("Finish")[0]["error"]["Error"] == "Bug"


def test_a_decision_that_is_not_made_is_told_to_finish(play: Play) -> None:
    run = play("deployment", GIVEN, {"Prepare": prepared(), "NextStage": [Raises("Bug")] * 6, "Finish": FINISHED})
    assert run.path == ["Way", "Prepare", "NextStage", "FinishWithError"] and run.status == "SUCCEEDED"


def test_an_instance_that_waits_has_the_targets_way_alone(play: Play) -> None:
    given = {**GIVEN, "target_id": "i-1"}
    answers = {"Prepare": prepared(), "RunSegment": [SUCCEEDED], "TargetDone": [SUCCEEDED], "Finish": FINISHED}
    run = play("deployment", given, answers)
    alone = [f"{each}Alone" for each in ("Prepare", "RunSegment", "NextStep", "TargetDone")]
    assert run.path == ["Way", *alone, "Finish"] and len(run.path) <= 8
    assert run.payloads("Finish") == [GIVEN] and run.payloads("Prepare") == [given]


def test_one_that_does_not_begin_goes_straight_to_its_end(play: Play) -> None:
    run = play("deployment", {**GIVEN, "target_id": "i-1"}, {"Prepare": [Raises("NothingBegun")], "Finish": FINISHED})
    assert run.path == ["Way", "PrepareAlone", "Finish"]


def test_stages_run_one_after_another(play: Play, manifest: Manifest) -> None:
    answers = all_well(manifest(0, "i-1"), manifest(1, "i-2"), targets=2)
    run = play("deployment", GIVEN, answers)
    order = [(name, payload["target_id"]) for name, payload in run.calls if "target_id" in payload]
    assert order == [(name, target) for target in ("i-1", "i-2") for name in ("RunSegment", "TargetDone")]


def test_a_bake_that_nobody_ends_is_a_success(play: Play, manifest: Manifest) -> None:
    answers = all_well(manifest(0, "i-1", bake_seconds=1), Hold=[SILENCE])
    run = play("deployment", GIVEN, answers)
    assert run.status == "SUCCEEDED" and "Hold" in run.path and "FinishWithError" not in run.path
    assert len(run.payloads("Hold")) == 1  # running out of time is not retried


def test_a_stop_ends_the_bake_at_once(play: Play, manifest: Manifest) -> None:
    answers = all_well(manifest(0, "i-1", bake_seconds=3600), Hold=[{"status": "Stopping"}])
    run = play("deployment", GIVEN, answers)
    assert run.path[-1] == "Finish" and run.status == "SUCCEEDED"


def test_a_manifest_that_cannot_be_read_is_told_to_finish(play: Play, manifest: Manifest) -> None:
    lost = {**manifest(0, "i-1"), "key": "gone.json"}
    run = play("deployment", GIVEN, {"Prepare": prepared(lost), "NextStage": decided(lost), "Finish": FINISHED})
    assert run.path[-1] == "FinishWithError" and run.status == "SUCCEEDED"
    assert "error" in run.payloads("Finish")[0]


def test_a_bake_that_cannot_be_ended_by_a_stop_is_told_to_finish(play: Play, manifest: Manifest) -> None:
    answers = all_well(manifest(0, "i-1", bake_seconds=3600), Hold=[Raises("Bug")] * 6)
    run = play("deployment", GIVEN, answers)
    assert run.path[-1] == "FinishWithError" and run.status == "SUCCEEDED"
    assert run.payloads("Finish")[0]["error"]["Error"] == "Bug"


def test_a_deployment_with_a_bake_takes_at_most_twelve_transitions(play: Play, manifest: Manifest) -> None:
    """AWS counts each state that is entered; a target's own are counted in test_target."""
    answers = all_well(manifest(0, "i-1", bake_seconds=1), Hold=[SILENCE])
    assert len(play("deployment", GIVEN, answers).path) == 11


def test_finish_is_tried_again_until_it_ends_the_deployment(play: Play) -> None:
    run = play("deployment", GIVEN, {"Prepare": prepared(), "NextStage": decided(), "Finish": [Raises(), *FINISHED]})
    assert run.status == "SUCCEEDED" and len(run.payloads("Finish")) == 2

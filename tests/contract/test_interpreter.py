"""The same scenarios under our interpreter and under moto's: the project's real ASL files, the same answers."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.simulation.scripted import Scripted
from tests.statemachines.conftest import Play, decided, flow
from tests.statemachines.conftest import manifest as manifest
from tests.statemachines.conftest import no_waiting as no_waiting
from tests.statemachines.conftest import parsed_once as parsed_once
from tests.statemachines.conftest import play as play
from tests.statemachines.scripts import SILENCE, Answers, Raises, Run, Throttled

TARGET = {"deployment_id": "d-000000001", "target_id": "i-1"}
DEPLOYMENT = {"deployment_id": "d-000000001"}
DONE, FAILED, NEXT = ({"status": each} for each in ("Succeeded", "Failed", "Next"))
WAIT = {"status": "Wait", "seconds": 1}
FINISHED = {**DEPLOYMENT, "status": "Succeeded"}
OF_A_TARGET: Mapping[str, Answers] = {
    "well": {"RunSegment": [DONE], "TargetDone": [DONE]},
    "lost event": {"RunSegment": [SILENCE, DONE], "TargetDone": [DONE]},
    "waits, then another segment": {"RunSegment": [WAIT, NEXT, FAILED], "TargetDone": [DONE]},
    "throttled and killed": {"RunSegment": [Throttled(), Raises("Lambda.Unknown"), DONE], "TargetDone": [DONE]},
    "fails for good": {"RunSegment": [Raises("Bug")] * 9, "TargetDone": [Raises(), DONE]},
    "cannot be recorded": {"RunSegment": [DONE], "TargetDone": [*[Raises("Bug")] * 9, DONE]},
}


def same(ours: Run, theirs: Run) -> None:
    """Calls of targets that run side by side come in any order."""
    assert (ours.status, ours.path, ours.output) == (theirs.status, theirs.path, theirs.output)
    assert calls(ours) == calls(theirs)


def calls(run: Run) -> list[tuple[str, str, str]]:
    found = [(name, {**payload, "task_token": "token"}) for name, payload in run.calls]
    told = [(str(payload.get("target_id")), name, _without_cause(payload)) for name, payload in found]
    return sorted(told, key=lambda each: each[0])


def _without_cause(payload: dict[str, Any]) -> str:
    """The words of an error are the interpreter's own."""
    error = payload.get("error")
    return str({**payload, "error": error["Error"]} if error else payload)


@pytest.mark.parametrize("scenario", OF_A_TARGET)
def test_a_target_goes_the_same_way(play: Play, scenario: str) -> None:
    answers = OF_A_TARGET[scenario]
    same(Scripted(answers).play(flow("target"), TARGET), play("target", TARGET, answers))


@pytest.mark.parametrize(
    ("bake_seconds", "more"),
    [
        (0, {}),
        (1, {"Hold": [SILENCE]}),
        (3600, {"Hold": [DONE]}),
        (3600, {"Hold": [Raises("Bug")] * 6}),
    ],
    ids=["plain", "a bake runs out", "a bake is ended", "a bake fails"],
)
def test_a_deployment_goes_the_same_way(
    play: Play, manifest: Callable[..., dict[str, Any]], bake_seconds: int, more: Answers
) -> None:
    stages = [manifest(0, "i-1", "i-2", "i-3", bake_seconds=bake_seconds), manifest(1, "i-4")]
    prepared = {**DEPLOYMENT, "proceed": True, "stages": stages}
    answers: Answers = {
        "Prepare": [Raises(), prepared],
        "NextStage": decided(*stages),
        "RunSegment": [DONE] * 4,
        "TargetDone": [DONE] * 4,
        "Finish": [Raises(), FINISHED],
        **more,
    }
    objects = {"0.json": [{"target_id": f"i-{n}"} for n in (1, 2, 3)], "1.json": [{"target_id": "i-4"}]}
    ours = Scripted(answers, objects).play(flow("deployment"), DEPLOYMENT)
    same(ours, play("deployment", DEPLOYMENT, answers))


def test_a_manifest_that_is_gone_leads_to_the_same_end(play: Play, manifest: Callable[..., dict[str, Any]]) -> None:
    lost = {**manifest(0, "i-1"), "key": "gone.json"}
    answers: Answers = {
        "Prepare": [{**DEPLOYMENT, "proceed": True, "stages": [lost]}],
        "NextStage": decided(lost),
        "Finish": [FINISHED],
    }
    ours = Scripted(answers).play(flow("deployment"), DEPLOYMENT)
    theirs = play("deployment", DEPLOYMENT, answers)
    assert ours.path == theirs.path and ours.output == theirs.output

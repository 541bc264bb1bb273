"""No branch of the two files goes unplayed: these executions together take every one of them.

What each branch is for, the sentences of test_target and test_deployment say.
"""

from collections.abc import Callable
from typing import Any

from tests.statemachines.branches import branches, taken
from tests.statemachines.conftest import Play, decided, flow
from tests.statemachines.scripts import SILENCE, Answers, Raises, Throttled

TARGET = {"deployment_id": "d-000000001", "target_id": "i-1"}
DEPLOYMENT = {"deployment_id": "d-000000001"}
DONE, WAIT, NEXT = {"status": "Succeeded"}, {"status": "Wait", "seconds": 1}, {"status": "Next"}
FINISHED = {**DEPLOYMENT, "status": "Succeeded"}
BAD_LUCK = [Throttled(), Raises("Busy"), Raises()]  # what each retrier is for


def test_every_branch_of_a_targets_way_is_played(play: Play) -> None:
    executions: list[Answers] = [
        {"RunSegment": [SILENCE, *BAD_LUCK, WAIT, NEXT, DONE], "TargetDone": [*BAD_LUCK, DONE]},
        {"RunSegment": [Raises()] * 9, "TargetDone": [Raises(), DONE]},
        {"RunSegment": [DONE], "TargetDone": [*[Raises()] * 9, DONE]},
    ]
    target = flow("target")
    assert _taken(play, "target", TARGET, executions) == branches(target)


def test_every_branch_of_a_deployments_way_is_played(play: Play, manifest: Callable[..., dict[str, Any]]) -> None:
    def planned(**stage: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        stages = [{**manifest(0, "i-1", bake_seconds=1), **stage}]
        return {**DEPLOYMENT, "proceed": True, "stages": stages}, decided(*stages)

    target = {"RunSegment": [DONE], "TargetDone": [DONE]}
    refused = {**DEPLOYMENT, "proceed": False, "stages": []}
    prepared, decisions = planned()
    plain, undisturbed = planned(bake_seconds=0)
    lost, never = planned(key="gone.json")
    executions: list[Answers] = [
        {
            **target,
            "Prepare": [*BAD_LUCK, prepared],
            "NextStage": [*BAD_LUCK, *decisions],
            "Hold": [*BAD_LUCK, SILENCE],
            "Finish": [Raises(), FINISHED],
        },
        {"Prepare": [prepared], "NextStage": decisions, **target, "Hold": [DONE], "Finish": [FINISHED]},
        {"Prepare": [prepared], "NextStage": decisions, **target, "Hold": [Raises()] * 6, "Finish": [FINISHED]},
        {"Prepare": [plain], "NextStage": undisturbed, **target, "Finish": [FINISHED]},
        {"Prepare": [lost], "NextStage": never, "Finish": [FINISHED]},
        {"Prepare": [refused], "NextStage": decided(), "Finish": [FINISHED]},
        {"Prepare": [refused], "NextStage": [Raises()] * 6, "Finish": [FINISHED]},
        {"Prepare": [Raises()] * 6, "Finish": [Raises(), FINISHED]},
    ]
    alone: list[Answers] = [
        {
            "Prepare": [*BAD_LUCK, refused],
            "RunSegment": [SILENCE, *BAD_LUCK, WAIT, NEXT, DONE],
            "TargetDone": [*BAD_LUCK, DONE],
            "Finish": [FINISHED],
        },
        {"Prepare": [refused], "RunSegment": [Raises()] * 9, "TargetDone": [Raises(), DONE], "Finish": [FINISHED]},
        {"Prepare": [refused], "RunSegment": [DONE], "TargetDone": [*[Raises()] * 9, DONE], "Finish": [FINISHED]},
        {"Prepare": [Raises("NothingBegun")], "Finish": [FINISHED]},
        {"Prepare": [Raises()] * 6, "Finish": [FINISHED]},
    ]
    whole = flow("deployment")
    played = _taken(play, "deployment", DEPLOYMENT, executions) | _taken(play, "deployment", TARGET, alone)
    assert played == branches(whole) - branches(flow("target"))


def _taken(play: Play, which: str, given: Any, executions: list[Answers]) -> set[str]:
    return set().union(*(taken(flow(which), play(which, given, answers).history) for answers in executions))

"""What must hold of the two files as they are written, whatever interprets them."""

import json
import re
from typing import Any

import pytest

from tests.statemachines.branches import machines, states
from tests.statemachines.conftest import flow, sources


def targets_of(state: dict[str, Any]) -> set[str]:
    """The states that may come next."""
    found = {state.get("Next"), state.get("Default")}
    found |= {rule.get("Next") for rule in [*state.get("Choices", ()), *state.get("Catch", ())]}
    return {name for name in found if name}


WHOLE = flow("deployment")
ALL = states(WHOLE).items()


@pytest.mark.parametrize(("name", "state"), ALL, ids=[name for name, _ in ALL])
def test_every_state_tells_the_operator_what_it_is_for(name: str, state: dict[str, Any]) -> None:
    assert state.get("Comment"), f"{name} has no Comment"


def test_every_task_has_a_time_limit_and_is_tried_again() -> None:
    for name, state in ALL:
        if state["Type"] == "Task":
            assert {"TimeoutSeconds", "TimeoutSecondsPath"} & state.keys(), name
            assert state["Retry"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_every_state_can_be_reached_and_leads_somewhere() -> None:
    for machine in machines(WHOLE):
        known = set(machine["States"])
        reached = {machine["StartAt"]}.union(*(targets_of(state) for state in machine["States"].values()))
        assert reached == known
        for name, state in machine["States"].items():
            assert targets_of(state) or state.get("End") or state["Type"] in ("Succeed", "Fail"), name


def test_no_state_is_named_as_yaml_spells_a_boolean() -> None:
    names = {name for machine in sources().values() for name in states(machine)}
    assert all(isinstance(name, str) for name in names)
    assert not {name.lower() for name in names} & {"yes", "no", "on", "off", "true", "false"}


def test_the_placeholders_are_the_functions_that_the_states_name() -> None:
    placeholders = set(re.findall(r"\$\{(\w+)\}", json.dumps(WHOLE)))
    assert placeholders == {"Prepare", "NextStage", "RunSegment", "TargetDone", "Hold", "Finish"}


def test_no_retries_outgrow_an_executions_history() -> None:
    """AWS ends an execution at 25,000 events; an attempt takes four (scheduled, started, submitted, failed)."""
    for name, state in ALL:
        attempts = sum(retrier["MaxAttempts"] for retrier in state.get("Retry", ()))
        assert 4 * attempts < 25_000 / 2, name


def test_a_failed_child_never_fails_the_map() -> None:
    (targets,) = (state for name, state in ALL if name == "Targets")
    assert targets["ToleratedFailurePercentage"] == 100 and len(targets["Label"]) <= 40


def test_a_childs_output_is_empty_so_that_ten_thousand_fit() -> None:
    ends = [state for state in states(flow("target")).values() if state.get("End")]
    assert ends and all(state["OutputPath"] is None for state in ends)

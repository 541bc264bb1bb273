"""The state machine as AWS gets it: the flow of both files, with functions that exist."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from infra.app import ROOT
from infra.flow import definition
from tests.infra.conftest import only


@pytest.fixture(scope="module")
def machine(template: dict[str, Any]) -> dict[str, Any]:
    return only(template, "AWS::StepFunctions::StateMachine")


@pytest.fixture(scope="module")
def flow(machine: dict[str, Any]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(machine["DefinitionString"])
    return parsed


def test_placeholders_are_exactly_the_functions_of_the_engine(machine: dict[str, Any]) -> None:
    placeholders = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
    assert placeholders == set(machine["DefinitionSubstitutions"])
    for name, arn in machine["DefinitionSubstitutions"].items():
        assert re.fullmatch(f"Engine{name}[0-9A-F]{{8}}", arn["Fn::GetAtt"][0])


def test_the_targets_flow_is_the_distributed_map(flow: dict[str, Any]) -> None:
    targets = flow["States"]["Targets"]
    assert targets["Label"] == "Targets", "grants name it"
    processor = targets["ItemProcessor"]
    assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    target = yaml.safe_load((ROOT / "statemachines" / "target.asl.yaml").read_text())
    assert processor["StartAt"] == target["StartAt"]
    assert list(processor["States"]) == list(target["States"])


def test_state_names_are_unique_and_short(flow: dict[str, Any]) -> None:
    """Amazon States Language: unique within the whole state machine, at most 80 characters."""
    names = [name for name, _ in _states(flow)]
    assert len(names) == len(set(names))
    assert all(len(name) <= 80 for name in names)


def test_every_state_leads_to_a_state_of_its_own_level(flow: dict[str, Any]) -> None:
    for level in _levels(flow):
        assert level["StartAt"] in level["States"]
        for name, state in level["States"].items():
            branches = [state, *state.get("Choices", ()), *state.get("Catch", ())]
            leads_to = {each["Next"] for each in branches if "Next" in each} | {state.get("Default")} - {None}
            assert leads_to <= set(level["States"]), name
            assert leads_to or state.get("End") or state["Type"] in ("Succeed", "Fail"), name


def test_every_task_has_a_timeout_and_retries_what_passes(flow: dict[str, Any]) -> None:
    for name, state in _states(flow):
        if state["Type"] == "Task":
            assert {"TimeoutSeconds", "TimeoutSecondsPath"} & set(state), name
            retried = {error for retrier in state["Retry"] for error in retrier["ErrorEquals"]}
            assert retried & {"States.ALL", "Lambda.TooManyRequestsException"}, name


def test_the_machine_is_traced_and_logs_without_data(machine: dict[str, Any]) -> None:
    assert machine["TracingConfiguration"] == {"Enabled": True}
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)


def test_a_flow_without_a_place_for_the_targets_is_refused(tmp_path: Path) -> None:
    for name in ("deployment", "target"):
        (tmp_path / f"{name}.asl.yaml").write_text("{StartAt: Finish, States: {Finish: {Type: Succeed}}}")
    with pytest.raises(ValueError, match=r"deployment\.asl\.yaml has no state Targets"):
        definition(tmp_path)


def _levels(flow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield flow
    for state in flow["States"].values():
        if "ItemProcessor" in state:
            yield from _levels(state["ItemProcessor"])


def _states(flow: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, state) for level in _levels(flow) for name, state in level["States"].items()]


@pytest.mark.parametrize("which", ["deployment", "target"])
def test_cfn_lints_schema_of_the_language_accepts_it(flow: dict[str, Any], which: str) -> None:
    schema = (files("cfnlint") / "data/schemas/other/step_functions/statemachine.json").read_text()
    levels = dict(zip(("deployment", "target"), _levels(flow), strict=True))
    jsonschema.validate({name: levels[which][name] for name in ("StartAt", "States")}, json.loads(schema))

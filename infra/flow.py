"""The flow as ASL: the two files of statemachines/ put together; without the CDK, so that a simulation can read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_ALONE = "Alone"
TARGETS = "Targets"  # the Distributed Map: the state and its label


def ask_again_seconds(reconcile_seconds: int) -> int:
    """For which a target waits: ten history events a round, so that ten hours fit into 25,000 of them."""
    return min(15, reconcile_seconds)


def definition(statemachines: Path) -> dict[str, Any]:
    """The flow as ASL: the target's states inside the Distributed Map `Targets`. What names a function stays a
    placeholder: only CloudFormation knows ARNs."""
    flow: dict[str, Any] = yaml.safe_load((statemachines / "deployment.asl.yaml").read_text())
    target = yaml.safe_load((statemachines / "target.asl.yaml").read_text())
    targets = flow["States"].get(TARGETS)
    if targets is None:
        raise ValueError(f"deployment.asl.yaml has no state {TARGETS}: the target's flow has no place in it")
    targets["Label"] = TARGETS  # without one AWS makes a new name for each version, which no grant could name
    targets["ItemProcessor"] = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": target["StartAt"],
        "States": target["States"],
    }
    flow["States"] |= _alone(target["States"])
    return flow


def _alone(states: Mapping[str, Any]) -> dict[str, Any]:
    """The target's states in the deployment's own flow: under other names, which have to be unique, and with Finish
    where the target's way ends."""
    names = {name: f"{name}{_ALONE}" for name in states}

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(each) for each in value]
        if not isinstance(value, dict):
            return value
        found = {key: moved(each) for key, each in value.items()}
        for key in {"Next", "Default"} & found.keys():
            found[key] = names[found[key]]
        if found.pop("End", False):
            del found["OutputPath"]
            found |= {"ResultPath": None, "Next": "Finish"}
        return found

    return {names[name]: moved(state) for name, state in states.items()}

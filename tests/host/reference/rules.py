"""What a test says about the reference's rules that it shows, read from outside."""

import ast
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest

Marked = TypeVar("Marked", bound=Callable[..., None])


def rule(*names: str) -> Callable[[Marked], Marked]:
    """The rules that a test shows."""

    def mark(test: Marked) -> Marked:
        test.rules = names  # type: ignore[attr-defined]
        return test

    return mark


def case(name: str, *values: object) -> Any:
    """A case of a table; its id names the rule."""
    return pytest.param(*values, id=name)


def shown(module: ModuleType) -> set[str]:
    """The rules that the tests of a module name."""
    names: list[str] = []
    for test in vars(module).values():
        names += getattr(test, "rules", ())
        for mark in getattr(test, "pytestmark", ()):
            names += [each.id for each in mark.args[1] if getattr(each, "id", None)] if len(mark.args) > 1 else []
    return {name.partition(":")[0] for name in names}


def functions_of(file: str) -> set[str]:
    """The names of the tests in a file below tests/host."""
    tree = ast.parse((Path(__file__).parents[1] / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

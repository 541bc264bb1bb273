"""What mypy is told to pass over is nothing that we import."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("infra", "local", "stepdeploy", "tests", "examples")


def imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "aws_cdk":
            names = {f"aws_cdk.{each.name}" for each in node.names if node.module == "aws_cdk"}
            yield from {name if name.startswith("aws_cdk.aws_") else "aws_cdk" for name in names} or {node.module or ""}


def test_the_constructs_that_mypy_reads_are_those_that_are_imported() -> None:
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    (read,) = (each["module"] for each in overrides if each.get("follow_imports") == "normal")
    sources = (file.read_text() for name in FOLDERS for file in (ROOT / name).rglob("*.py"))
    assert sorted({name for source in sources if "aws_cdk" in source for name in imported(source)}) == read

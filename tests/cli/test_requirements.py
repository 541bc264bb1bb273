"""requirements-cli.txt is enough for the verbs, so that a pipeline need not install the stack."""

import ast
import re
import sys
from pathlib import Path

from cli.__main__ import VERBS, module_of

ROOT = Path(__file__).resolve().parents[2]
OF_A_MODULE = {"PyYAML": {"yaml"}, "boto3": {"boto3", "botocore"}, "htpy": {"htpy", "markupsafe"}}


def imported(module: str, seen: set[str]) -> set[str]:
    """The modules of others that a module of ours imports, and those that it imports do, wherever in a file."""
    file = next((each for each in (source(module), source(f"{module}.__init__")) if each.is_file()), None)
    if module in seen or file is None:
        return set()
    seen.add(module)
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            root = name.partition(".")[0]
            if (ROOT / root).is_dir():
                parents = [name.rsplit(".", back)[0] for back in range(1, name.count(".") + 1)]
                found |= {each for one in (name, *parents) for each in imported(one, seen)}
            elif root not in sys.stdlib_module_names:
                found.add(root)
    return found


def source(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def test_the_verbs_need_nothing_else() -> None:
    lines = (ROOT / "requirements-cli.txt").read_text().splitlines()
    named = [found[1] for line in lines if (found := re.match(r"([\w-]+)==", line))]
    allowed = {module for name in named for module in OF_A_MODULE.get(name, {name})}
    seen: set[str] = set()
    for verb in VERBS:
        if verb != "simulate":  # it runs the engine's functions
            assert imported(module_of(verb), seen) <= allowed, verb
    assert len(seen) > 50

"""Which settings a handler reads: its functions, and what those name, followed through the modules.

A name is followed however it is reached (called, kept, passed on); a class with all of its methods. What is named by a
text, as the operations of the API are by their table, is given by the caller.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infra.app import ROOT


@cache
def _tree(module: str) -> ast.Module | None:
    path = ROOT.joinpath(*module.split("."))
    for source in (path.with_suffix(".py"), path / "__init__.py"):
        if source.is_file():
            return ast.parse(source.read_text())
    return None


@cache
def _defined(module: str) -> dict[str, list[ast.stmt]]:
    """The statements that give each name of a module its meaning."""
    tree, found = _tree(module), dict[str, list[ast.stmt]]()
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node)
    return found


@cache
def _imported(module: str) -> dict[str, str]:
    """What the names mean that a module imports, at its top and in its functions."""
    found: dict[str, str] = {}
    for node in ast.walk(_tree(module) or ast.Module([], [])):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


@cache
def _named(module: str, statement: ast.stmt) -> list[str]:
    """The full names of what a statement names of our own."""
    return list(_names(module, statement))


def _names(module: str, statement: ast.stmt) -> Iterator[str]:
    imported, defined = _imported(module), _defined(module)
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            if node.id in defined:
                yield f"{module}.{node.id}"
            elif node.id in imported:
                yield imported[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
            yield f"{imported[node.value.id]}.{node.attr}"


@cache
def _settings_read(module: str, statement: ast.stmt) -> set[str]:
    """All attributes that a statement names which asks for the settings, perhaps by a name of its own for them."""
    is_theirs = _imported(module).get("settings") == "functions.settings.settings"
    if is_theirs and any(isinstance(node, ast.Name) and node.id == "settings" for node in ast.walk(statement)):
        return {node.attr for node in ast.walk(statement) if isinstance(node, ast.Attribute)}
    return set()


def settings_of(*names: str) -> set[str]:
    """The properties of Settings that what these names mean reads, or something that it names; and other attributes."""
    waiting, known, found = list(names), set[str](), set[str]()
    while waiting:
        name = waiting.pop()
        module, _, own = name.rpartition(".")
        if name in known or not module.startswith("functions"):
            continue
        known.add(name)
        if own not in _defined(module) and own in _imported(module):  # a package that passes it on
            waiting.append(_imported(module)[own])
        for statement in _defined(module).get(own, ()):
            waiting += _named(module, statement)
            found |= _settings_read(module, statement)
    return found


def modules_of(package: str) -> list[str]:
    folder: Path = ROOT.joinpath(*package.split("."))
    return [f"{package}.{path.stem}" for path in sorted(folder.glob("[!_]*.py"))]


def everything_in(package: str) -> list[str]:
    """The names that the modules of a package define."""
    return [f"{module}.{name}" for module in modules_of(package) for name in _defined(module)]

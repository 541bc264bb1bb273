"""The rooms and their arrows: a file imports what lies below it, and nothing above or beside."""

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Each room may import from those that it names, and from itself.
ROOMS: dict[str, tuple[str, ...]] = {
    "functions.core": ("host.lifecycle", "host.instructions", "host.report"),  # the contracts with hosts
    "functions.settings": (),
    "functions.telemetry": ("functions.settings",),
    "functions.aws": ("functions.core", "functions.settings", "functions.telemetry", "host"),
    "functions.store": ("functions.aws", "functions.core", "functions.settings", "functions.telemetry"),
    "functions.engine": ("functions.store", "functions.aws", "functions.core", "functions.telemetry"),
    "functions.api": (
        "functions.engine",
        "functions.store",
        "functions.aws",
        "functions.core",
        "functions.settings",
        "functions.telemetry",
    ),
    "functions.handlers": ("functions",),
    "host": (),
    "cli": ("functions.core", "host"),
    "cli.verbs.deploying.simulate": ("cli", "functions.core", "host.lifecycle", "simulation"),
    "simulation": ("functions", "host", "infra.flow"),
    "infra": ("functions.core", "host"),
    "stepdeploy.cdk": (),  # lives in apps of users
    "local": ("functions.core", "functions.store", "cli", "infra", "host", "simulation.aws.limits"),
    "bench": ("functions", "host", "cli", "infra", "local", "simulation", "tests"),
    "app": ("functions.core", "infra"),
}
OURS = frozenset(room.partition(".")[0] for room in ROOMS) | {"tests"}

# What is asked for in one place only, by whatever name. A value names the rooms or files that are that place.
HOMES: dict[str, tuple[str, ...]] = {
    "boto3": ("functions.aws", "cli", "local", "bench"),
    "botocore": (
        "functions.aws",
        "functions.store",
        "functions.api.model",
        "infra.api",
        "cli",
        "local",
        "simulation",
        "bench",
    ),
    "uuid.uuid1": (),
    "uuid.uuid4": ("functions.aws.clock", "host", "local"),
    "random": ("functions.aws.clock", "host", "local", "simulation"),
    "secrets": ("functions.aws.clock", "cli", "local", "host"),
    "time": (
        "functions.aws",
        "cli",
        "local",
        "host",
        "bench",
    ),
    "datetime.datetime.now": ("functions.aws.clock", "cli", "local", "bench"),
    "os.environ": ("functions.settings", "app", "infra", "cli", "local", "host", "simulation", "bench"),
    # -- what touches a host is apart from what only reads and decides
    "host.posix": ("host.posix", "host.__main__", "host.bootstrap", "cli", "bench"),
    "os.getenv": (),
    "os.urandom": ("cli", "host"),
}

# How requests of DynamoDB are spelled: only the store writes them, whatever variable or text they stand in.
EXPRESSIONS = re.compile(
    r"attribute_(?:not_)?exists|attribute_type|begins_with\(|contains\(\w+,|if_not_exists|list_append|ExpressionAttribute"
    r"|(?:Update|Condition|KeyCondition|Filter|Projection)Expression|TransactItems"
    r"|\b(?:SET|ADD|REMOVE|DELETE) [#:\w]+ ?[=:]"
)
WITHOUT_EXPRESSIONS = ("functions.api", "functions.engine", "functions.handlers", "functions.core")


@dataclass(frozen=True)
class Named:
    """A dotted name that a line of a file imports or uses."""

    file: str
    line: int
    module: str  # of the file
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.module} names {self.name}"


MOST_LINES, MOST_FILES = 400, 20
ONE_FOR_EACH_FUNCTION = ("functions/handlers", "tests/unit/handlers")  # the name of a function says its file


def _names(source: str, file: str, module: str) -> Iterator[Named]:
    """Every import, in a function as on top, and every use of an imported module's attribute, in full."""
    nodes = list(ast.walk(ast.parse(source)))
    known: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                yield Named(file, node.lineno, module, alias.name)
        elif isinstance(node, ast.ImportFrom):
            parent = node.module or ""
            if node.level:
                base = module.split(".")[: -node.level]
                parent = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                known[alias.asname or alias.name] = f"{parent}.{alias.name}"
                yield Named(file, node.lineno, module, f"{parent}.{alias.name}")
    for node in nodes:
        if isinstance(node, ast.Attribute) and (name := _dotted(node)):
            first, _, rest = name.partition(".")
            if first in known:
                yield Named(file, node.lineno, module, f"{known[first]}.{rest}")


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return None


def _within(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def _room(module: str) -> str | None:
    return next((room for room in sorted(ROOMS, key=len, reverse=True) if _within(module, (room,))), None)


def leaks(source: str, file: str) -> list[str]:
    """What a file imports or uses that its room may not, with the rule."""
    module = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    room, found = _room(module), []
    if room is None:
        return [f"{file}: is in no room: name its room in ROOMS"] if source.strip() else []
    told = set[str]()
    first = dict[str, Named]()
    for each in _names(source, file, module):
        first.setdefault(each.name, each)
    for each in first.values():
        if each.name.partition(".")[0] in OURS and not _within(each.name, (room, *ROOMS[room])):
            allowed = ", ".join(ROOMS[room]) or "nothing"
            found.append(f"{each}: {room} imports from {allowed} only")
        for thing, homes in HOMES.items():
            if _within(each.name, (thing,)) and not _within(module, homes) and thing not in told:
                told.add(thing)
                found.append(f"{each}: {thing} belongs to {', '.join(homes) or 'nobody'}")
    if room in WITHOUT_EXPRESSIONS:
        for number, line in enumerate(source.splitlines(), 1):
            if spelled := EXPRESSIONS.search(line):
                found.append(f"{file}:{number}: {module} says {spelled[0]!r}: expressions belong to functions.store")
    return found


def _files() -> list[Path]:
    tops = sorted({room.partition(".")[0] for room in ROOMS} - {"app"})
    return [ROOT / "app.py", *(path for top in tops for path in sorted((ROOT / top).rglob("*.py")))]


def test_arrows_go_down_only() -> None:
    found = [each for path in _files() for each in leaks(path.read_text(), path.relative_to(ROOT).as_posix())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("file", "source", "rule"),
    [
        ("functions/core/x.py", "from functions.store.table.items import items", "host.report only"),
        ("functions/core/x.py", "from host import grammar", "host.report only"),
        ("functions/core/x.py", "from ..aws import clock", "host.report only"),
        ("functions/core/x.py", "import time\ntime.monotonic()", "time belongs to"),
        ("functions/core/x.py", "from random import random", "random belongs to"),
        ("functions/core/x.py", "import datetime as dt\ndt.datetime.now()", "datetime.datetime.now belongs to"),
        ("functions/core/x.py", "from datetime import datetime\ndatetime.now()", "datetime.datetime.now belongs to"),
        ("functions/engine/x.py", "def f():\n    import boto3", "boto3 belongs to"),
        ("functions/engine/x.py", "from functions.api import responses", "functions.engine imports from"),
        ("functions/engine/x.py", "import os\nos.environ['A']", "os.environ belongs to"),
        ("functions/engine/x.py", "from os import environ", "os.environ belongs to"),
        ("functions/api/operations/x.py", "import botocore", "botocore belongs to"),
        ("functions/store/x.py", "from functions.engine import end", "functions.store imports from"),
        ("functions/handlers/x.py", "import uuid\nuuid.uuid4()", "uuid.uuid4 belongs to"),
        ("cli/verbs/x.py", "from functions.api import model", "cli imports from"),
        ("infra/x.py", "from functions.store import keys", "infra imports from"),
        ("host/x.py", "from functions.core import errors", "host imports from nothing only"),
        ("host/x.py", "from host.posix import install", "host.posix belongs to"),
        ("functions/x.py", "import json", "is in no room"),
        ("functions/engine/x.py", "from simulation import clock", "functions.engine imports from"),
        ("cli/verbs/x.py", "from simulation import clock", "cli imports from"),
        ("local/x.py", "import simulation.clock", "local imports from"),
        ("simulation/x.py", "from infra import engine", "infra.flow only"),
        ("simulation/x.py", "import time\ntime.time()", "time belongs to"),
        ("functions/engine/x.py", "asked = {'UpdateExpression': f'...'}", "expressions belong to functions.store"),
        ("functions/engine/x.py", "lost = 'attribute_not_exists(pk)'", "expressions belong to functions.store"),
        ("functions/api/x.py", "more = dict(ExpressionAttributeValues={})", "expressions belong to functions.store"),
        ("functions/api/x.py", "fits = 'begins_with(sk, :0)'", "expressions belong to functions.store"),
        ("functions/engine/x.py", "write = 'SET #0 = :0'", "expressions belong to functions.store"),
        ("functions/engine/x.py", "write = 'ADD counters :1'", "expressions belong to functions.store"),
    ],
)
def test_a_leak_is_found_with_its_line_and_its_rule(file: str, source: str, rule: str) -> None:
    (found,) = leaks(source, file) or [""]
    assert file in found and rule in found


def test_what_a_room_may_do_is_no_leak() -> None:
    assert (
        leaks(
            "from functions.core.errors import Conflict\nfrom functions.store import groups\n", "functions/engine/x.py"
        )
        == []
    )
    assert leaks("import os\nos.path.join('a')\nimport timeit", "functions/core/x.py") == []
    assert (
        leaks(
            "from functions.store.table.values import BeginsWith, Update\nUpdate(key, sets={})", "functions/engine/x.py"
        )
        == []
    )


def test_files_and_packages_can_be_overlooked() -> None:
    """A file has few lines; a package has few modules beside its folders."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split()]
    modules = Counter(str(file.parent.relative_to(ROOT)) for file in files if file.name != "__init__.py")
    assert {file: lines for file in files if (lines := len(file.read_text().splitlines())) > MOST_LINES} == {}
    assert {name for name, number in modules.items() if number > MOST_FILES} <= set(ONE_FOR_EACH_FUNCTION)

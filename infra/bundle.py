"""The functions' package: our code, the pure-Python libraries it imports (of this virtual environment), the runner.

No network, no Docker, no compiled file: the same tree, and so the same asset hash, on every machine that has the
versions pinned in requirements.txt. boto3 comes with the Lambda runtime.
"""

import ast
import re
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

CODEDEPLOY = Path("codedeploy", "2014-10-06", "service-2.json.gz")  # what the control API is held to
_FROM_HOST = re.compile(r"\b(?:from|import)\s+host\b")
DISTRIBUTIONS = ("aws-lambda-powertools", "jmespath", "typing-extensions", "PyYAML", "cronsim", "tzdata")


def stage_functions(root: Path, destination: Path, runner: Path) -> Path:
    """Fills `destination` with what Lambda unpacks; returns it. `root`: the repository, `runner`: the hosts' zipapp."""
    for source in (*(root / "functions").rglob("*.py"), *host_modules(root)):
        _copy(source, destination / source.relative_to(root))
    model = Path(str(metadata.distribution("botocore").locate_file(Path("botocore", "data", CODEDEPLOY))))
    _copy(model, destination / "functions" / "api" / "models" / CODEDEPLOY)
    for distribution in DISTRIBUTIONS:
        for source, target in _library_files(distribution):
            _copy(source, destination / target)
    _copy(runner, destination / "runner.pyz")  # functions/aws/runner.py
    return destination


def host_modules(root: Path) -> list[Path]:
    """The files of `host/` that the functions import, and the files of `host/` that those import."""
    waiting, found = sorted((root / "functions").rglob("*.py")), set[Path]()
    while waiting:
        for name in _imports(waiting.pop()):
            source = root.joinpath(*name.split(".")).with_suffix(".py")
            if name.startswith("host.") and source.is_file() and source not in found:
                found.add(source)
                waiting.append(source)
    packages = {
        folder / "__init__.py" for file in found for folder in file.parents if folder.is_relative_to(root / "host")
    }
    return [*sorted(packages), *sorted(found)]


def _imports(source: Path) -> Iterator[str]:
    """Every module that a file with imports from `host` may import; `from host import appspec` gives host and
    host.appspec."""
    text = source.read_text()
    if not _FROM_HOST.search(text):
        return  # most of them: to parse all takes a second
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _library_files(distribution: str) -> Iterator[tuple[Path, Path]]:
    """Source and place in the package of each Python file of an installed distribution, its scripts left out; of tzdata
    the time zones, too."""
    for file in metadata.distribution(distribution).files or ():
        is_zone = file.parts[:2] == ("tzdata", "zoneinfo") and "__pycache__" not in file.parts
        if (file.suffix == ".py" or is_zone) and ".." not in file.parts and "tests" not in file.parts:
            yield Path(str(file.locate())), Path(*file.parts)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)

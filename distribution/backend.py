"""The build backend of `pip install .`: a wheel of the command line, and nothing that must be downloaded to build it.

The repository's packages have names such as `functions` and `infra`, which users have as well. So they lie below
`stepdeploy/`, where nobody else's code finds them: only the process that `stepdeploy` starts looks there
(distribution/launcher.py). Source: PEP 517, and "Binary distribution format" of the Python Packaging User Guide.
"""

import base64
import hashlib
import io
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
INSIDE = "stepdeploy/_app"
# What the command line imports and reads. Of infra it is the flow alone, for `stepdeploy simulate`.
PARTS = ("cli", "functions", "host", "simulation", "statemachines", "infra/__init__.py", "infra/flow.py")
_MADE = (2026, 1, 1, 0, 0, 0)  # the same bytes each time


class UnsupportedOperation(Exception):
    """By PEP 517, what a backend says that cannot make a source distribution."""


def build_sdist(sdist_directory: str, config_settings: Mapping[str, Any] | None = None) -> str:
    raise UnsupportedOperation("the repository is the source: install it from a clone")


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Write the wheel; its file name."""
    content = {
        **{f"{INSIDE}/{path.relative_to(ROOT).as_posix()}": path.read_bytes() for path in files(PARTS)},
        "stepdeploy/__init__.py": b'"""CodeDeploy that you own: the command `stepdeploy`."""\n',
        "stepdeploy/__main__.py": (ROOT / "distribution" / "launcher.py").read_bytes(),
    }
    commands = "[console_scripts]\nstepdeploy = stepdeploy.__main__:start\n"
    return write_wheel(Path(wheel_directory), ROOT / "pyproject.toml", content, commands=commands)


def write_wheel(folder: Path, pyproject: Path, files: Mapping[str, bytes], *, commands: str | None = None) -> str:
    """A wheel of these files for the project of a pyproject.toml; its file name. `commands`: its entry points."""
    project = tomllib.loads(pyproject.read_text())["project"]
    name = f"{project['name'].replace('-', '_')}-{project['version']}"
    info = f"{name}.dist-info"
    content = {
        **files,
        f"{info}/METADATA": _metadata(project).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: stepdeploy\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if commands:
        content[f"{info}/entry_points.txt"] = commands.encode()
    record = "".join(f"{path},sha256={_digest(body)},{len(body)}\n" for path, body in content.items())
    content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, body in content.items():
            entry = zipfile.ZipInfo(path, _MADE)
            entry.external_attr = 0o644 << 16
            wheel.writestr(entry, body, zipfile.ZIP_DEFLATED)
    (folder / f"{name}-py3-none-any.whl").write_bytes(packed.getvalue())
    return f"{name}-py3-none-any.whl"


def files(parts: Iterable[str]) -> Iterator[Path]:
    """Everything of these folders and files of the repository that is a source or its data."""
    for part in parts:
        place = ROOT / part
        found = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
        yield from (path for path in found if "__pycache__" not in path.parts)


def _metadata(project: Mapping[str, Any]) -> str:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {each}" for each in project["dependencies"]),
    ]
    return "\n".join(lines) + "\n"


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()

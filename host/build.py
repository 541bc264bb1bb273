"""Builds the runner: a zipapp of this package and the part of PyYAML that reads. Runs where a stack is synthesized."""

import zipfile
from pathlib import Path

import yaml

_MOMENT = (2026, 1, 1, 0, 0, 0)  # of every entry: the same input gives the same bytes
_NOT_ON_HOSTS = ("build.py", "step.py", "bootstrap.py", "verify.py")
_OF_YAML = ("composer", "error", "events", "nodes", "parser", "reader", "resolver", "scanner", "tokens")
_HERE = Path(__file__).resolve().parent


def build_runner(destination: Path) -> Path:
    """Write the runner to `destination`, a .pyz, and return that."""
    own = {file.relative_to(_HERE).as_posix(): file.read_bytes() for file in _HERE.rglob("*.py")}
    files = {f"host/{name}": content for name, content in own.items() if name not in _NOT_ON_HOSTS}
    library = Path(yaml.__file__).resolve().parent
    files.update({f"yaml/{name}.py": (library / f"{name}.py").read_bytes() for name in _OF_YAML})
    files["yaml/__init__.py"] = b""  # PyYAML's own imports all of it, which takes longer than most events take
    files["__main__.py"] = files["host/__main__.py"]
    destination.parent.mkdir(parents=True, exist_ok=True)
    with destination.open("wb") as written:
        written.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(name, date_time=_MOMENT)
                entry.external_attr = 0o100644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, files[name])
    return destination

"""Builds the runner: one zipapp of this package and the pure-Python part of PyYAML. Runs where the stack is
synthesized, not on hosts."""

import zipfile
from pathlib import Path

import yaml

_MOMENT = (2026, 1, 1, 0, 0, 0)  # of every entry: the same input gives the same bytes
_NOT_ON_HOSTS = ("build.py", "step.py", "bootstrap.py", "unpacked.py")
_HERE = Path(__file__).resolve().parent


def build_runner(destination: Path) -> Path:
    """Write the runner to `destination`, a .pyz, and return that."""
    files = {f"host/{file.name}": file.read_bytes() for file in _HERE.glob("*.py") if file.name not in _NOT_ON_HOSTS}
    for file in Path(yaml.__file__).resolve().parent.glob("*.py"):
        if file.name != "cyaml.py":  # needs the C library; PyYAML does without it
            files[f"yaml/{file.name}"] = file.read_bytes()
    files["__main__.py"] = (_HERE / "unpacked.py").read_bytes()
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

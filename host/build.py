"""Builds the runner: one zipapp of this package and the pure-Python part of PyYAML. Runs where the stack is
synthesized, not on hosts."""

import zipfile
from pathlib import Path

import yaml

_MOMENT = (2026, 1, 1, 0, 0, 0)  # of every entry: the same input gives the same bytes
_MAIN = "import sys\nfrom host.__main__ import main\nsys.exit(main(sys.argv[1:]))\n"


def build_runner(destination: Path) -> Path:
    """Write the runner to `destination`, a .pyz, and return that."""
    here = Path(__file__).resolve().parent
    files = {f"host/{file.name}": file.read_text() for file in here.glob("*.py") if file.name != "build.py"}
    for file in Path(yaml.__file__).resolve().parent.glob("*.py"):
        if file.name != "cyaml.py":
            files[f"yaml/{file.name}"] = file.read_text()
    files["__main__.py"] = _MAIN
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

"""The revision that `doctor --smoke` deploys: no files, and one script that says how its host is."""

import io
import zipfile
from typing import NamedTuple

_APPSPEC = """\
version: 0.0
os: linux
hooks:
  ValidateService:
    - location: facts.sh
      timeout: 60
"""
_FACTS = """\
#!/bin/sh
tmp=no
if mark=$(mktemp /tmp/stepdeploy-smoke.XXXXXX 2>/dev/null); then
  echo full >"$mark" 2>/dev/null && [ -s "$mark" ] && tmp=yes
  rm -f "$mark"
fi
free=$(df -Pk /opt | awk 'NR == 2 { print $4 }')
python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none)
echo "facts tmp=$tmp free_kb=$free epoch=$(date +%s) python=$python"
"""
_MADE = (2026, 1, 1, 0, 0, 0)


class Facts(NamedTuple):
    """What the script said of its host."""

    tmp: bool  # whether /tmp takes a file
    free_kb: int  # below /opt
    epoch: int  # its clock, in seconds since the epoch
    python: str  # of `python3`

    @classmethod
    def read(cls, log: str) -> "Facts | None":
        """
        >>> Facts.read("... [stdout]facts tmp=yes free_kb=12 epoch=1764000000 python=3.9")
        Facts(tmp=True, free_kb=12, epoch=1764000000, python='3.9')
        """
        for line in log.splitlines():
            _, mark, said = line.partition("facts ")
            found = dict(pair.partition("=")[::2] for pair in said.split())
            if mark and set(found) == set(cls._fields) and found["free_kb"].isdigit() and found["epoch"].isdigit():
                return cls(found["tmp"] == "yes", int(found["free_kb"]), int(found["epoch"]), found["python"])
        return None


def archive() -> bytes:
    """The same bytes each time."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, text, mode in (("appspec.yml", _APPSPEC, 0o644), ("facts.sh", _FACTS, 0o755)):
            entry = zipfile.ZipInfo(name, _MADE)
            entry.external_attr = mode << 16
            packed.writestr(entry, text)
    return file.getvalue()

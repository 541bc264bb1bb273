"""CodeCommit in front of the emulator, which has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local import json_edge
from local.codecommit.service import SERVICE, CodeCommit


def install(folder: Path, **about: Any) -> CodeCommit:
    """Take the service; repositories lie below `folder`."""
    service = CodeCommit(folder, **about)
    json_edge.install(SERVICE, service.operations, service.checks)
    return service

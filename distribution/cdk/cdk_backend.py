"""The build backend of `pip install ./distribution/cdk`: a wheel of stepdeploy.cdk, and nothing else of the repository.

It has no stepdeploy/__init__.py: that is the command's. Python finds the package with and without it, so the two
distributions can lie in one environment.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from distribution.backend import UnsupportedOperation as UnsupportedOperation  # noqa: E402
from distribution.backend import build_sdist as build_sdist  # noqa: E402
from distribution.backend import files, write_wheel  # noqa: E402


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Write the wheel; its file name."""
    content = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in files(["stepdeploy/cdk"])}
    return write_wheel(Path(wheel_directory), ROOT / "distribution" / "cdk" / "pyproject.toml", content)

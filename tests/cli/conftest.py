"""The command line against the control API, which is really served, over moto's AWS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.engine import Engine
from functions.aws.table import Table
from tests.conftest import BUCKET, put_group
from tests.served import Served, serve


@pytest.fixture
def served(table: Table, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with serve() as found:
        monkeypatch.setenv("STEPDEPLOY_ENDPOINT", found.endpoint)
        yield found


@pytest.fixture
def engine(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The served API with a group shop/web, and a stack of which the outputs are known."""
    put_group()
    monkeypatch.setattr(Engine, "outputs", {"BucketName": BUCKET})
    return served


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder that can be deployed."""
    root = tmp_path / "site"
    root.mkdir()
    (root / "appspec.yml").write_text("version: 0.0\nos: linux\n")
    return root

"""The command line against the control API, which is really served, over moto's AWS."""

from collections.abc import Iterator

import pytest

from functions.aws.table import Table
from tests.served import Served, serve


@pytest.fixture
def served(table: Table, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with serve() as found:
        monkeypatch.setenv("STEPDEPLOY_ENDPOINT", found.endpoint)
        yield found

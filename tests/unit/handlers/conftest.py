"""One running instance that the group selects, and the control API beside it."""

import pytest

from functions.aws import clients
from functions.store.table import Table
from tests.conftest import LambdaContext, put_group
from tests.fakes import FakeRunCommand
from tests.unit.api.conftest import Api
from tests.unit.handlers.test_prepare import World


@pytest.fixture
def world(table: Table, bucket: str, context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> World:
    ssm = FakeRunCommand()
    monkeypatch.setitem(clients.stand_ins, "ssm", ssm)
    put_group()
    found = World(table, bucket, ssm, context)
    found.launch(1)
    return found


@pytest.fixture
def api(context: LambdaContext) -> Api:
    return Api(context)

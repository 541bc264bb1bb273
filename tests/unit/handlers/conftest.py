"""One running instance that the group selects, and the control API beside it."""

import pytest

from tests.conftest import LambdaContext, put_group, stand_in
from tests.fakes import FakeRunCommand
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.handlers.test_prepare import World


@pytest.fixture
def world(store: Store, bucket: str, context: LambdaContext) -> World:
    ssm = stand_in("ssm", FakeRunCommand())
    put_group()
    found = World(store, bucket, ssm, context)
    found.launch(1)
    return found


@pytest.fixture
def api(context: LambdaContext) -> Api:
    return Api(context)

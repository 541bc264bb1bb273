"""One running instance that the group selects, and the control API beside it."""

import pytest

from functions.aws.clients import client
from tests.conftest import LambdaContext, put_group
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.handlers.test_prepare import World


@pytest.fixture
def world(store: Store, services: None, context: LambdaContext) -> World:
    put_group()
    found = World(store, client("ssm"), context)
    found.launch(1)
    return found


@pytest.fixture
def api(context: LambdaContext) -> Api:
    return Api(context)

"""A group that deploys, and instances for it."""

import pytest

from functions.aws.clients import client
from functions.core.records import (
    Group,
)
from tests.conftest import (
    LambdaContext,
    put_group,
)
from tests.store import Store
from tests.unit.api.creating.asked import OF_THE_GROUP
from tests.unit.handlers.test_prepare import World


@pytest.fixture
def group(store: Store) -> Group:
    return put_group(settings=OF_THE_GROUP)


@pytest.fixture
def world(store: Store, services: None, context: LambdaContext) -> World:
    return World(store, client("ssm"), context)

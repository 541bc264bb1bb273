"""An application with groups, and a clock that the test sets."""

from collections.abc import Callable

import pytest

from functions.aws import clock
from tests.conftest import put_group
from tests.store import Store
from tests.unit.api.revisions.locations import moment


@pytest.fixture
def when(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the API's clock to a minute of a day."""

    def set_to(minute: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment(minute))

    return set_to


@pytest.fixture
def shop(store: Store) -> Store:
    """An application with two groups."""
    for group in ("web", "api"):
        put_group(group)
    return store

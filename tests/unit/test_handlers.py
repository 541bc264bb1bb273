"""What holds of every handler."""

import json
from pathlib import Path
from typing import Any

import pytest

from functions import handlers
from functions.handlers import command_status, execution_status, stop
from tests.conftest import LambdaContext
from tests.store import Store
from tests.unit.inbox import Inbox

pytestmark = pytest.mark.usefixtures("executing", "alarms")


@pytest.mark.parametrize("handler", [command_status.handler, stop.handler, execution_status.handler])
@pytest.mark.parametrize("event", [{"detail": {}}, {"detail": None}, {"detail": {"name": "d-1", "command-id": "c"}}])
def test_an_event_without_its_fields_is_set_aside(
    store: Store, context: LambdaContext, undelivered: Inbox, handler: Any, event: dict[str, Any]
) -> None:
    """Invariant 8."""
    handler(event, context)
    (letter,) = undelivered.read()
    assert json.loads(letter["event"]) == event and letter["why"]


def test_every_handler_has_its_file_of_tests() -> None:
    names = {file.name for file in Path(handlers.__file__).parent.glob("[a-z]*.py")}
    tested = {file.name.removeprefix("test_") for file in (Path(__file__).parent / "handlers").glob("test_*.py")}
    assert tested == names

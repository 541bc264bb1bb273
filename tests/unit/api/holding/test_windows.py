"""CreateFreeze, DeleteFreeze and ListWindows: what is on record, what is told, and what makes room."""

from functions.core.declaration.windows import DECLARED, MAX
from functions.core.records import Freeze
from functions.store.records import calendar
from tests.conftest import put_group
from tests.unit.api.conftest import ARN, Api

PAST = "2026-11-01T10:00:00.000Z"


def put_freeze(number: int, end: str | None = None, who: str = "ann") -> None:
    made = Freeze(freeze_id=f"f-{number}", scope="shop", start=PAST, end=end, reason="a move", who=who)
    assert calendar.add_freeze(made)


def test_a_freeze_is_told_until_it_is_lifted_and_the_answer_says_which_was(api: Api) -> None:
    put_group()
    freeze_id = api("CreateFreeze", scope="shop", reason=" a move ")["freezeId"]
    (told,) = api("ListWindows")["freezes"]
    assert (told["freezeId"], told["scope"], told["reason"], told["by"]) == (freeze_id, "shop", "a move", ARN)
    assert api("ListWindows", applicationName="shop", deploymentGroupName="web")["closed"]["reason"].endswith(
        ": a move"
    )
    assert api("DeleteFreeze", freezeId=freeze_id) == {"freeze": told}
    assert api("DeleteFreeze", freezeId=freeze_id) == {}
    assert api("ListWindows") == {"windows": [], "freezes": []}


def test_freezes_that_are_over_make_room(api: Api) -> None:
    """Nobody sees them, so nobody could lift one. Those of deployments.yaml stay as the file says."""
    for number in range(MAX - 1):
        put_freeze(number, end="2026-11-02T10:00:00.000Z")
    put_freeze(MAX, end="2026-11-02T10:00:00.000Z", who=DECLARED)
    api("CreateFreeze", scope="*", reason="a move")
    assert {each.who for each in calendar.read().freezes} == {DECLARED, ARN}


def test_of_those_that_last_there_are_a_hundred_at_most(api: Api) -> None:
    for number in range(MAX):
        put_freeze(number)
    said = api.refuses("InvalidInputException", "CreateFreeze", scope="*", reason="a move")
    assert "there are 100 freezes already: lift one first" in said


def test_what_the_file_declares_is_lifted_there(api: Api) -> None:
    put_freeze(1, who=DECLARED)
    said = api.refuses("InvalidInputException", "DeleteFreeze", freezeId="f-1")
    assert "f-1 is declared in deployments.yaml: take it out there" in said

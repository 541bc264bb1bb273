"""docs/api.md says of every operation what the code does."""

from pathlib import Path

from functions.api import model, operations

PAGE = Path(__file__).parents[3] / "docs" / "api.md"


def test_the_page_has_the_table_of_the_code() -> None:
    text = PAGE.read_text()
    assert operations.page(text) == text, "rewrite it: .venv/bin/python -m functions.api.operations docs/api.md"


def test_the_table_has_every_operation_once_with_one_of_three_states() -> None:
    rows = [row.strip("| ").split(" | ") for row in operations.table().splitlines()[2:]]
    assert [operation for operation, _ in rows] == model.operations()
    assert all(state.startswith((operations.WORKS, "records only: ", "refuses: ")) for _, state in rows)


def test_only_working_operations_have_a_state_of_their_own() -> None:
    assert operations.STATES.keys() <= operations.WORKING.keys()


def test_a_page_keeps_what_stands_around_the_table() -> None:
    old = f"before {operations.TABLE_BEGINS} stale text {operations.TABLE_ENDS} after"
    new = operations.page(old)
    assert (
        new.startswith("before ") and new.endswith(" after") and operations.table() in new and "stale text" not in new
    )

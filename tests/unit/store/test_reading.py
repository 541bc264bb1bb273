"""Many items by their keys."""

from functions.store.reading import get_many
from functions.store.table.values import Key
from tests.conftest import put_items
from tests.store import Store

KEYS = [Key("many", f"{number:03}") for number in range(250)]


def test_many_items_take_a_request_for_each_hundred_and_each_is_read_once(store: Store) -> None:
    put_items(key._asdict() for key in KEYS[1:])
    before = store.operations.count("BatchGetItem")
    found = [item["sk"] for item in get_many([*KEYS, *KEYS])]
    assert sorted(found) == [key.sk for key in KEYS[1:]]
    assert store.operations.count("BatchGetItem") - before == 3


def test_no_more_is_read_than_is_used(store: Store) -> None:
    put_items(key._asdict() for key in KEYS)
    next(get_many(KEYS))
    assert store.operations.count("BatchGetItem") == 1

"""Tokens that somebody made up: none is more than a wrong token."""

import base64
import json
from typing import Any

import pytest

from functions.core.errors import Refused
from functions.store.table import pages
from functions.store.table.values import Query
from tests.conftest import put_items
from tests.store import Store


def token(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode()).decode()


def begin(count: int = 3) -> str:
    """The token after one item of `count`."""
    put_items({"pk": "A", "sk": f"{number}"} for number in range(count))
    items, after = pages.page(Query("A"), None, limit=1)
    assert [item["sk"] for item in items] == ["0"] and after
    return after


def test_a_token_goes_on_where_its_page_ended(store: Store) -> None:
    after = begin()
    for _ in range(2):
        items, rest = pages.page(Query("A"), after)
        assert ([item["sk"] for item in items], rest) == (["1", "2"], None)


@pytest.mark.parametrize(
    "content",
    [" ", "7", "{}", "[]", "[1]", "[1, 2, 3]", '["mark", {}]', '"ab"', "\x00", "[" * 100_000],
    ids=lambda content: content[:12],
)
def test_what_is_no_token_is_refused(store: Store, content: str) -> None:
    begin()
    for made_up in (token(content), content, "€"):
        with pytest.raises(Refused) as refused:
            pages.page(Query("A"), made_up)
        assert refused.value.code == "InvalidNextTokenException"


@pytest.mark.parametrize(
    "key",
    [
        None,
        7,
        "x",
        [],
        {"pk": 7},
        {"pk": "A"},
        {"pk": "A", "sk": 7},
        {"pk": "B", "sk": "0"},
        {"pk": "A", "sk": ""},
        {"pk": "A", "sk": "x" * 1025},
        {"pk": "A", "sk": "\ud800"},
        {"pk": "A", "sk": "0", "more": "0"},
    ],
    ids=str,
)
def test_a_key_that_is_none_is_refused_also_with_the_right_mark(store: Store, key: Any) -> None:
    mark, _ = json.loads(base64.urlsafe_b64decode(begin()))
    with pytest.raises(Refused) as refused:
        pages.page(Query("A"), token(json.dumps([mark, key])))
    assert refused.value.code == "InvalidNextTokenException"

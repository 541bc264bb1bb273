"""Tokens that somebody made up: none is more than a wrong token."""

import base64
import json
from typing import Any

import pytest

from functions.core.errors import Refused
from functions.store import pages
from functions.store.table import Table
from tests.conftest import put_items


def question(table: Table, pk: str = "A") -> dict[str, Any]:
    values = {":pk": {"S": pk}}
    return {"TableName": table.name, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": values}


def token(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode()).decode()


def begin(table: Table, count: int = 3) -> str:
    """The token after one item of `count`."""
    put_items({"pk": "A", "sk": f"{number}"} for number in range(count))
    items, after = pages.page(question(table), None, limit=1)
    assert [item["sk"] for item in items] == ["0"] and after
    return after


def test_a_token_goes_on_where_its_page_ended(table: Table) -> None:
    after = begin(table)
    for _ in range(2):
        items, rest = pages.page(question(table), after)
        assert ([item["sk"] for item in items], rest) == (["1", "2"], None)


@pytest.mark.parametrize(
    "content",
    [" ", "7", "{}", "[]", "[1]", "[1, 2, 3]", '["mark", {}]', '"ab"', "\x00", "[" * 100_000],
    ids=lambda content: content[:12],
)
def test_what_is_no_token_is_refused(table: Table, content: str) -> None:
    begin(table)
    for made_up in (token(content), content, "€"):
        with pytest.raises(Refused) as refused:
            pages.page(question(table), made_up)
        assert refused.value.code == "InvalidNextTokenException"


@pytest.mark.parametrize(
    "key",
    [None, 7, "x", [], {"pk": 7}, {"pk": "A"}, {"pk": {"S": 7}}, {"pk": {"N": "7"}}, {"pk": {"S": "A", "N": "7"}}],
    ids=str,
)
def test_a_key_that_is_none_is_refused_also_with_the_right_mark(table: Table, key: Any) -> None:
    mark, _ = json.loads(base64.urlsafe_b64decode(begin(table)))
    with pytest.raises(Refused) as refused:
        pages.page(question(table), token(json.dumps([mark, key])))
    assert refused.value.code == "InvalidNextTokenException"

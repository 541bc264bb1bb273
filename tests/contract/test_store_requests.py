"""What the rest of the store relies on, of DynamoDB and of its twin alike: many writes at once, queries, the stream."""

from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.store.stream import each
from functions.store.table.items import Items
from functions.store.table.values import IS_NEW, Check, Delete, Equals, Index, Key, Missing, Put, Query, Update, Write
from tests.contract.conftest import A, Both, put

# -- transactions


def test_a_transaction_writes_all_or_nothing(items: Items) -> None:
    put(items, one=1)
    writes: list[Write] = [
        Put(Key("B", "1"), {"new": True}, IS_NEW),
        Update(A, adds={"one": 1}, condition=Equals("one", 1)),
        Delete(Key("C", "1")),
        Check(Key("D", "1"), IS_NEW),
    ]
    assert items.transact(writes)
    assert items.get(A) == {**A.item, "one": 2} and items.get(Key("B", "1"))
    assert not items.transact([Delete(Key("B", "1")), *writes[1:]])
    assert items.get(A) == {**A.item, "one": 2} and items.get(Key("B", "1"))


def test_a_transaction_whose_update_is_refused_writes_nothing(items: Items) -> None:
    put(items, text="a")
    with pytest.raises(ClientError):
        items.transact([Put(Key("B", "1")), Update(A, adds={"text": 1})])
    assert items.get(Key("B", "1")) is None


@pytest.mark.parametrize(
    "writes",
    [[Put(A), Delete(A)], [Put(A), Check(A, IS_NEW)], [Put(Key("A", str(number))) for number in range(101)]],
    ids=["put and delete", "put and check", "101"],
)
def test_two_writes_on_one_item_and_too_many_writes_are_refused(items: Items, writes: list[Write]) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        items.transact(writes)
    assert [*items.query(Query("A"))] == []


def test_a_hundred_writes_are_one_transaction(items: Items) -> None:
    assert items.transact([Put(Key("A", f"{number}")) for number in range(100)])
    assert len([*items.query(Query("A"))]) == 100


LATER = [
    "TransactionConflictException",
    "TransactionInProgressException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
]


@pytest.mark.parametrize("code", LATER)
def test_a_write_that_meets_another_or_is_throttled_is_tried_again(both: Both, code: str) -> None:
    both.refuse_next(*[code] * 11)
    assert both.items.write(Put(A, {"one": 1}))
    both.refuse_next(code)
    assert both.items.transact([Update(A, adds={"one": 1})])
    both.refuse_next(code)
    assert both.items.update_or_read(Update(A, adds={"one": 1})) == {**A.item, "one": 3}


def test_what_is_refused_for_ever_is_raised(both: Both) -> None:
    both.refuse_next(*["ThrottlingException"] * 12)
    with pytest.raises(ClientError, match="ThrottlingException"):
        both.items.write(Put(A))
    assert both.items.get(A) is None


# -- queries


def fill(items: Items, count: int = 5) -> None:
    for number in reversed(range(count)):
        put(items, Key("A", f"{number:03}"), even=number % 2 == 0)
    put(items, Key("A", "x1"))
    put(items, Key("B", "000"))


def keys(found: Any) -> list[str]:
    return [item["sk"] for item in found]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query("A"), ["000", "001", "002", "003", "004", "x1"]),
        (Query("A", descending=True), ["x1", "004", "003", "002", "001", "000"]),
        (Query("A", "x"), ["x1"]),
        (Query("A", between=("001", "003")), ["001", "002", "003"]),
        (Query("A", where=Equals("even", True)), ["000", "002", "004"]),
        (Query("C"), []),
    ],
    ids=["all", "descending", "prefix", "range", "filter", "none"],
)
def test_a_query_finds_in_order(items: Items, query: Query, expected: list[str]) -> None:
    fill(items)
    assert keys(items.query(query)) == expected


def test_text_is_ordered_by_its_bytes(items: Items) -> None:
    words = ["Z", "a", "b", "é", "\N{SNOWMAN}", "\N{PILE OF POO}", "", "~"]
    for word in words:
        put(items, Key("A", f"#{word}"))
    assert keys(items.query(Query("A"))) == [f"#{word}" for word in sorted(words, key=str.encode)]


@pytest.mark.parametrize("descending", [False, True])
def test_pages_go_on_where_they_ended(items: Items, descending: bool) -> None:
    fill(items)
    query, found, after = Query("A", "0", descending=descending), list[str](), None
    for size in (2, 2, 1):
        page = items.page(query, 2, after)
        assert len(page.items) == size
        found, after = found + keys(page.items), page.after
    assert found == sorted(found, reverse=descending) and len(found) == 5 and after is None
    page = items.page(query, 2)
    assert page.after is not None and query.may_continue_after(page.after)
    assert keys(items.page(query, 2, page.after).items) == keys(items.page(query, 2, page.after).items)


def test_a_page_counts_what_it_reads_and_not_what_fits(items: Items) -> None:
    fill(items)
    query = Query("A", where=Equals("even", False))
    page = items.page(query, 3)
    assert keys(page.items) == ["001"]
    page = items.page(query, 1, page.after)
    assert keys(page.items) == ["003"] and page.after
    page = items.page(query, 1, page.after)
    assert page.items == [] and page.after, "empty, and not the last"


def test_a_page_goes_on_behind_an_item_that_is_gone(items: Items) -> None:
    fill(items)
    page = items.page(Query("A"), 2)
    items.write(Delete(Key("A", "001")))
    assert keys(items.page(Query("A"), 2, page.after).items) == ["002", "003"]


def test_a_page_has_a_megabyte_at_most_and_a_query_all(items: Items) -> None:
    for number in range(5):
        put(items, Key("A", f"{number}"), text="x" * 300_000)
    page = items.page(Query("A", where=Missing("text")))
    assert page.items == [] and page.after
    assert keys(items.query(Query("A"))) == ["0", "1", "2", "3", "4"]


def test_an_index_has_what_has_its_attributes_in_their_order(items: Items) -> None:
    for number, group in enumerate(["shop/web", "shop/api", "shop/web"]):
        key = Key(f"DEPLOYMENT#{number}", "DEPLOYMENT")
        put(items, key, group_key=group, created=f"2026#{number}", kind="deployment", status="Failed")
    put(items, Key("OTHER", "1"), group_key="shop/web")
    web = Query("shop/web", index=Index.BY_GROUP, descending=True)
    assert [item["pk"] for item in items.query(web)] == ["DEPLOYMENT#2", "DEPLOYMENT#0"]
    assert len([*items.query(Query("Failed", index=Index.BY_STATUS, between=("2026#1", "2026#2")))]) == 2
    page = items.page(Query("deployment", index=Index.BY_TIME), 2)
    assert page.after == {"pk": "DEPLOYMENT#1", "sk": "DEPLOYMENT", "kind": "deployment", "created": "2026#1"}
    rest = items.page(Query("deployment", index=Index.BY_TIME), 2, page.after)
    assert [item["pk"] for item in rest.items] == ["DEPLOYMENT#2"] and rest.after is None


# -- the stream


def test_the_stream_has_every_change_with_both_images_in_order(both: Both) -> None:
    items = both.items
    put(items, one=1)
    items.write(Update(A, sets={"one": 2}))
    items.write(Update(A, sets={"one": 3}, condition=IS_NEW))
    items.transact([Put(Key("B", "1"), {"map": {"x": [True]}}), Delete(A)])
    records = [record["dynamodb"] for record in both.stream()]
    own = [record for record in records if record["Keys"]["pk"] == {"S": "A"}]
    key = {"pk": {"S": "A"}, "sk": {"S": "1"}}
    first, second = {**key, "one": {"N": "1"}}, {**key, "one": {"N": "2"}}
    assert [(record.get("OldImage") or None, record.get("NewImage") or None) for record in own] == [
        (None, first),
        (first, second),
        (second, None),
    ]
    assert [record["eventName"] for record in both.stream()].count("INSERT") == 2
    (other,) = [record for record in records if record["Keys"]["pk"] == {"S": "B"}]
    assert other["NewImage"]["map"] == {"M": {"x": {"L": [{"BOOL": True}]}}}
    numbers = [int(record["SequenceNumber"]) for record in records]
    assert numbers == sorted(numbers)


def test_the_streams_readers_read_it(both: Both, undelivered: Any) -> None:
    key = Key("DEPLOYMENT#d-1", "DEPLOYMENT")
    put(both.items, key, status="Created", deployment_id="d-1")
    both.items.write(Update(key, sets={"bake_token": "t"}))
    both.items.write(Update(key, sets={"status": "InProgress"}))
    seen: list[str] = []
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/stepdeploy/stream/1"
    records = [{"eventSourceARN": arn, **record} for record in both.stream()]
    for record in records:
        moment = record["dynamodb"]["ApproximateCreationDateTime"]
        if isinstance(moment, datetime):  # boto3's form; Lambda's is a number
            record["dynamodb"]["ApproximateCreationDateTime"] = moment.timestamp()
    assert each({"Records": records}, lambda change: seen.append(change.item["status"])) is None
    assert seen == ["Created", "InProgress"]

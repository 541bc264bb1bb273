"""What the rest of the store relies on, of DynamoDB and of its twin in memory alike."""

from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.store.items import Items
from functions.store.memory import Memory
from functions.store.stream import each
from functions.store.values import (
    IS_NEW,
    IS_THERE,
    At,
    AtMost,
    BeginsWith,
    Check,
    Condition,
    Contains,
    Delete,
    Differs,
    Equals,
    Exists,
    In,
    Index,
    Key,
    Less,
    Missing,
    Put,
    Query,
    Update,
    Write,
    all_of,
    any_of,
)
from tests.unit.store.conftest import Both

A = Key("A", "1")


def put(items: Items, key: Key = A, **attributes: Any) -> None:
    assert items.write(Put(key, attributes))


# -- items


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, 7, -3, 1.5, "", "text", "\N{SNOWMAN}", [], [1, "a", [True]], {}, {"a.b": {"c": None}}],
    ids=str,
)
def test_a_value_comes_back_as_it_was(items: Items, value: Any) -> None:
    put(items, value=value)
    assert items.get(A) == {"pk": "A", "sk": "1", "value": value}
    assert type(items.get(A)["value"]) is type(value)  # type: ignore[index]


def test_what_is_read_is_a_copy(items: Items) -> None:
    given = {"list": [1]}
    put(items, **given)
    given["list"].append(2)
    items.get(A)["list"].append(3)  # type: ignore[index]
    assert items.get(A) == {**A.item, "list": [1]}


def test_a_put_replaces_all_of_an_item(items: Items) -> None:
    put(items, one=1)
    put(items, two=2)
    assert items.get(A) == {**A.item, "two": 2}
    assert items.write(Delete(A)) and items.get(A) is None
    assert items.write(Delete(A)), "it is as it should be"


def test_many_are_read_at_once_without_those_that_are_not_there(items: Items) -> None:
    keys = [Key("A", f"{number:03}") for number in range(100)]
    for key in keys[:3]:
        put(items, key)
    assert sorted(item["sk"] for item in items.get_all(keys)) == ["000", "001", "002"]
    assert items.get_all([]) == []


@pytest.mark.parametrize("keys", [[A, A], [Key("A", str(number)) for number in range(101)]], ids=["twice", "101"])
def test_more_than_can_be_read_at_once_is_refused(items: Items, keys: list[Key]) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        items.get_all(keys)


@pytest.mark.parametrize("key", [Key("x" * 2049, "1"), Key("A", "x" * 1025)], ids=["pk", "sk"])
def test_a_key_that_is_too_long_is_refused(items: Items, key: Key) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        items.write(Put(key))


@pytest.mark.parametrize(
    "write", [Put(A, {"text": "x" * 420_000}), Update(A, sets={"text": "x" * 420_000})], ids=["put", "update"]
)
def test_an_item_has_400_kilobytes_at_most(items: Items, write: Put | Update) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        items.write(write)
    put(items, text="x" * 390_000)


# -- conditions

HOLDS: list[tuple[Condition, bool]] = [
    (Exists("status"), True),
    (Exists(("counters", "out")), True),
    (Exists(("counters", "nothing")), False),
    (Exists(("status", "nothing")), False),
    (Missing("nothing"), True),
    (Missing("none"), False),
    (IS_THERE, True),
    (IS_NEW, False),
    (Equals("status", "Failed"), True),
    (Equals("status", "failed"), False),
    (Equals("nothing", "Failed"), False),
    (Equals("none", None), True),
    (Equals("one", 1), True),
    (Equals("one", "1"), False),
    (Equals("list", ["a", 1]), True),
    (Equals("list", ["a"]), False),
    (Equals("counters", {"allowed": 2, "out": 1}), True),
    (Equals(("tags", "a.b"), "c"), True),
    (Differs("status", "Failed"), False),
    (Differs("status", "Created"), True),
    (Differs("nothing", "Created"), True),
    (Less(("counters", "out"), At(("counters", "allowed"))), True),
    (Less(("counters", "allowed"), At(("counters", "out"))), False),
    (Less("one", 1), False),
    (Less("nothing", 2), False),
    (Less("one", At("nothing")), False),
    (AtMost("one", 1), True),
    (AtMost("status", "Failed"), True),
    (AtMost("status", "F"), False),
    (In("status", ("Created", "Failed")), True),
    (In("status", ("Created",)), False),
    (In("nothing", ("Created",)), False),
    (BeginsWith("status", "Fail"), True),
    (BeginsWith("status", "fail"), False),
    (BeginsWith("one", "1"), False),
    (Contains("list", "a"), True),
    (Contains("list", 1), True),
    (Contains("list", "b"), False),
    (Contains("nothing", "a"), False),
    (all_of(Exists("one"), Exists("yes")), True),
    (all_of(Exists("one"), Exists("nothing")), False),
    (any_of(Exists("one"), Exists("nothing")), True),
    (any_of(Exists("no"), Exists("nothing")), False),
    (all_of(Exists("one"), any_of(Exists("no"), all_of(Exists("yes"), Missing("no")))), True),
]


@pytest.mark.parametrize(("condition", "holds"), HOLDS, ids=lambda each: str(each))
def test_a_condition_holds_or_not(items: Items, condition: Condition, holds: bool) -> None:
    put(
        items,
        status="Failed",
        none=None,
        one=1,
        yes=True,
        list=["a", 1],
        counters={"out": 1, "allowed": 2},
        tags={"a.b": "c"},
    )
    assert items.write(Update(A, sets={"written": True}, condition=condition)) is holds
    assert items.transact([Check(A, condition)]) is holds
    assert [item["sk"] for item in items.query(Query("A", where=condition))] == (["1"] if holds else [])
    assert items.write(Delete(A, condition)) is holds
    assert (items.get(A) is None) is holds


@pytest.mark.parametrize(
    "condition", [Equals("one", True), Equals("yes", 1), Less("one", "2")], ids=["a truth", "a number", "a text"]
)
def test_values_of_different_types_are_never_the_same_nor_in_order(condition: Condition) -> None:
    """moto compares them as Python does."""
    items = Memory()
    put(items, one=1, yes=True)
    assert not items.write(Delete(A, condition))


def test_a_text_is_no_map() -> None:
    """moto lets it pass."""
    items = Memory()
    put(items, text="a")
    with pytest.raises(ClientError, match="ValidationException"):
        items.write(Update(A, sets={("text", "x"): 1}))


def test_a_lost_condition_changes_nothing(items: Items) -> None:
    put(items, one=1)
    assert not items.write(Put(A, {"two": 2}, IS_NEW))
    assert not items.write(Update(Key("A", "2"), sets={"two": 2}, condition=IS_THERE))
    assert not items.write(Delete(A, Equals("one", 2)))
    assert [*items.query(Query("A"))] == [{**A.item, "one": 1}]


# -- updates


def test_an_update_changes_what_it_names_and_makes_what_is_not_there(items: Items) -> None:
    assert items.write(
        Update(A, sets={"map": {"x": 1}, "gone": 1}, defaults={"id": "first"}, adds={"times": 1}, removes=("never",))
    )
    assert items.write(
        Update(
            A, sets={("map", "y"): [2]}, defaults={"id": "second"}, adds={"times": 2}, removes=("gone", ("map", "x"))
        )
    )
    assert items.get(A) == {**A.item, "map": {"y": [2]}, "id": "first", "times": 3}


def test_an_update_reads_the_item_as_it_was(items: Items) -> None:
    put(items, one=1, two=2)
    assert items.write(Update(A, sets={"one": At("two"), "two": At("one")}))
    assert items.get(A) == {**A.item, "one": 2, "two": 1}


@pytest.mark.parametrize(
    "update",
    [Update(A, sets={("nothing", "x"): 1}), Update(A, adds={"text": 1})],
    ids=["no map", "no number"],
)
def test_an_update_of_what_is_not_there_or_something_else_is_refused(items: Items, update: Update) -> None:
    put(items, text="a")
    with pytest.raises(ClientError, match="ValidationException"):
        items.write(update)
    assert items.get(A) == {**A.item, "text": "a"}


def test_an_update_answers_with_the_item_whether_it_was_written_or_not(items: Items) -> None:
    first = Update(A, sets={"by": "me"}, condition=Missing("by"))
    assert items.update_or_read(first) == {**A.item, "by": "me"}
    assert items.update_or_read(Update(A, sets={"by": "you"}, condition=Missing("by"))) == {**A.item, "by": "me"}
    assert items.update_or_read(Update(Key("A", "2"), sets={"by": "you"}, condition=IS_THERE)) == {}


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

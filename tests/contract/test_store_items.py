"""What the rest of the store relies on, of DynamoDB and of its twin in memory alike: items, conditions, updates."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.store.table.items import Items
from functions.store.table.memory import Memory
from functions.store.table.values import (
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
    Fewer,
    In,
    Key,
    Lacks,
    Less,
    Missing,
    Put,
    Query,
    Update,
    all_of,
    any_of,
)
from tests.contract.conftest import A, put

# -- items


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, 7, -3, 1.5, "", "text", "\N{SNOWMAN}", [], [1, "a", [True]], {}, {"a.b": {"c": None}}),
        frozenset({"a"}),
    ],
    ids=str,
)
def test_a_value_comes_back_as_it_was(items: Items, value: Any) -> None:
    put(items, value=value)
    assert items.get(A) == {"pk": "A", "sk": "1", "value": value}
    assert type(items.get(A)["value"]) is type(value)  # type: ignore[index]


def test_what_is_read_is_a_copy(items: Items) -> None:
    given: dict[str, Any] = {"list": [1]}
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
    (Contains("set", "a"), True),
    (Contains("set", "c"), False),
    (Lacks("set", "a"), False),
    (Lacks("set", "c"), True),
    (Lacks("list", "a"), False),
    (Lacks("nothing", "a"), True),
    (Fewer("set", 3), True),
    (Fewer("set", 2), False),
    (Fewer("counters", 3), True),
    (Fewer("counters", 2), False),
    (Fewer("nothing", 1), True),
    (Fewer("nothing", 0), False),
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
        set=frozenset({"a", "b"}),
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
    [
        Update(A, sets={("nothing", "x"): 1}),
        Update(A, adds={"text": 1}),
        Update(A, includes={"text": frozenset({"a"})}),
    ],
    ids=["no map", "no number", "no set"],
)
def test_an_update_of_what_is_not_there_or_something_else_is_refused(items: Items, update: Update) -> None:
    put(items, text="a")
    with pytest.raises(ClientError, match="ValidationException"):
        items.write(update)
    assert items.get(A) == {**A.item, "text": "a"}


def test_members_go_into_a_set_and_out_of_it_and_a_set_without_members_is_gone(items: Items) -> None:
    """Each one once, however often it is written."""
    for _ in range(2):
        assert items.write(Update(A, includes={"set": frozenset({"a", "b"})}, adds={"times": 1}))
    assert items.get(A) == {**A.item, "set": frozenset({"a", "b"}), "times": 2}
    move = Update(A, excludes={"set": frozenset({"a", "c"})}, includes={"other": frozenset({"a"})}, sets={"one": 1})
    for _ in range(2):
        assert items.update_or_read(move) == {
            **A.item,
            "set": frozenset({"b"}),
            "other": frozenset({"a"}),
            "one": 1,
            "times": 2,
        }
    assert items.write(
        Update(A, excludes={"set": frozenset({"b"}), "never": frozenset({"b"})}, condition=Exists("set"))
    )
    assert items.get(A) == {**A.item, "other": frozenset({"a"}), "one": 1, "times": 2}
    assert not items.write(Update(A, condition=Exists("set")))


def test_a_set_without_members_is_refused(items: Items) -> None:
    with pytest.raises(ValueError, match="leave it out"):
        items.write(Put(A, {"set": frozenset()}))


def test_an_update_answers_with_the_item_whether_it_was_written_or_not(items: Items) -> None:
    first = Update(A, sets={"by": "me"}, condition=Missing("by"))
    assert items.update_or_read(first) == {**A.item, "by": "me"}
    assert items.update_or_read(Update(A, sets={"by": "you"}, condition=Missing("by"))) == {**A.item, "by": "me"}
    assert items.update_or_read(Update(Key("A", "2"), sets={"by": "you"}, condition=IS_THERE)) == {}

"""What the store can be asked: items by key, queries, and writes with their conditions, all as values.

`dynamodb.py` sends them to DynamoDB, `memory.py` does the same in memory; tests/unit/store holds both to one contract.
A new kind of condition is a class here, a line in `requests.py` and a line in `memory.py`: mypy asks for both.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

Item = dict[str, Any]  # plain values; a frozenset of texts is DynamoDB's set
Path = str | tuple[str, ...]  # an attribute, or the way to an entry of a map: ("counters", "out")
Sets = Mapping[Any, Any]  # values, by the paths to them

MAX_WRITES = 100  # of a transaction
MAX_ADDED = 25  # items that are added at once
MAX_KEYS = 100  # of a read of many
MAX_PK_BYTES, MAX_SK_BYTES = 2048, 1024
INDEX_SK = "created"  # the sort key of every index


class Key(NamedTuple):
    """Where an item lies: its partition, and its place there."""

    pk: str
    sk: str

    @property
    def item(self) -> Item:
        return {"pk": self.pk, "sk": self.sk}


def parts(path: Path) -> tuple[str, ...]:
    return (path,) if isinstance(path, str) else path


# -- conditions. One that compares an attribute does not hold where there is none, except `Differs`.


@dataclass(frozen=True, slots=True)
class At:
    """The value of another attribute of the item, to compare with."""

    path: Path


@dataclass(frozen=True, slots=True)
class Exists:
    path: Path


@dataclass(frozen=True, slots=True)
class Missing:
    path: Path


@dataclass(frozen=True, slots=True)
class Equals:
    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Differs:
    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class Less:
    path: Path
    than: Any


@dataclass(frozen=True, slots=True)
class AtMost:
    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class In:
    path: Path
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class BeginsWith:
    path: Path
    prefix: str


@dataclass(frozen=True, slots=True)
class Contains:
    """That a list or set has the member."""

    path: Path
    member: Any


@dataclass(frozen=True, slots=True)
class Lacks:
    """That a list or set has not the member, or that there is none."""

    path: Path
    member: Any


@dataclass(frozen=True, slots=True)
class Fewer:
    """That a set or map has fewer members than so many. A set that gets empty is gone, so none at all has 0 members."""

    path: Path
    than: int


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: "tuple[Condition, ...]"


Condition = (
    Exists | Missing | Equals | Differs | Less | AtMost | In | BeginsWith | Contains | Lacks | Fewer | AllOf | AnyOf
)

IS_THERE = Exists("pk")
IS_NEW = Missing("pk")


def all_of(*conditions: Condition) -> Condition:
    return conditions[0] if len(conditions) == 1 else AllOf(conditions)


def any_of(*conditions: Condition) -> Condition:
    return conditions[0] if len(conditions) == 1 else AnyOf(conditions)


def is_any(path: Path, values: Any) -> Condition:
    """That the attribute has one of these values (enums count as their values).

    >>> is_any("status", ["Failed", "Failed"])
    In(path='status', values=('Failed',))
    """
    return In(path, tuple(dict.fromkeys(str(each) for each in values)))


# -- writes


@dataclass(frozen=True, slots=True)
class Put:
    """The whole item, in the place of the one that may be there."""

    key: Key
    attributes: Item = field(default_factory=dict)
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Some attributes of an item, which is made when it is not there and the condition holds of nothing."""

    key: Key
    sets: Sets = field(default_factory=dict)
    defaults: Sets = field(default_factory=dict)  # set where nothing is set yet
    adds: Mapping[Path, int] = field(default_factory=dict)  # to numbers; one that is missing is 0
    includes: Mapping[str, frozenset[str]] = field(default_factory=dict)  # members of sets; a missing one is made
    excludes: Mapping[str, frozenset[str]] = field(default_factory=dict)  # from sets; one that gets empty is gone
    removes: tuple[Path, ...] = ()
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    key: Key
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """That an item is as it should be, where a transaction does not write it."""

    key: Key
    condition: Condition


Write = Put | Update | Delete | Check


# -- queries


class Index(StrEnum):
    """The table's indexes, all sorted by `created`; they know a write a moment late."""

    BY_GROUP = "by_group"
    BY_STATUS = "by_status"
    BY_TIME = "by_time"

    @property
    def pk(self) -> str:
        """The attribute that is the partition."""
        return {Index.BY_GROUP: "group_key", Index.BY_STATUS: "status", Index.BY_TIME: "kind"}[self]


@dataclass(frozen=True, slots=True)
class Query:
    """The items of a partition, in the order of their sort keys. Without an index it reads consistently."""

    pk: str
    begins_with: str = ""  # of the sort key
    between: tuple[str, str] | None = None  # the sort key, both ends included
    where: Condition | None = None
    index: Index | None = None
    descending: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """The attributes that are its partition and sort key."""
        return (self.index.pk, INDEX_SK) if self.index else ("pk", "sk")

    def covers(self, sk: str) -> bool:
        first, last = self.between or (sk, sk)
        return sk.startswith(self.begins_with) and first <= sk <= last

    def may_continue_after(self, key: Any) -> bool:
        """Whether this can be the key of an item that it finds: a caller may have made it up."""
        pk, sk = self.names
        if not isinstance(key, dict) or key.keys() != {"pk", "sk", pk, sk}:
            return False
        if not all(isinstance(each, str) and _is_utf8(each) for each in key.values()):
            return False
        fits = all(_bytes(key[name]) in range(1, MAX_PK_BYTES + 1) for name in ("pk", pk))
        fits = fits and all(_bytes(key[name]) in range(1, MAX_SK_BYTES + 1) for name in ("sk", sk))
        return fits and key[pk] == self.pk and self.covers(key[sk])


@dataclass(frozen=True, slots=True)
class Page:
    """The items of a page, and the key after which the next one begins; None when there is none."""

    items: list[Item]
    after: Item | None


def over_pages(page: Callable[[Query, int | None, Item | None], Page], query: Query) -> Iterator[Item]:
    """All items that a query finds, by what gives one page of them: the next one is read when it is wanted."""
    after: Item | None = None
    while True:
        found = page(query, None, after)
        yield from found.items
        if (after := found.after) is None:
            return


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bytes(text: str) -> int:
    return len(text.encode())

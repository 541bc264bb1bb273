"""The twin of DynamoDB's table in memory: the same answers to the same values, with the table's stream.

tests/unit/store holds it to the same contract as DynamoDB. `refuse_next` puts faults in.
"""

import marshal
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from operator import gt, itemgetter, lt
from threading import RLock
from typing import Any, TypeVar

from functions.aws import clock
from functions.store.table.evaluation import Invalid, holds, plain, updated
from functions.store.table.patience import Later, patiently
from functions.store.table.values import (
    INDEX_SK,
    IS_NEW,
    MAX_ADDED,
    MAX_KEYS,
    MAX_PK_BYTES,
    MAX_SK_BYTES,
    MAX_WRITES,
    Check,
    Delete,
    Item,
    Key,
    Page,
    Put,
    Query,
    Update,
    Write,
    over_pages,
)
from functions.store.table.wire import serialize, to_wire

T = TypeVar("T")

_MAX_ITEM_BYTES = 400 * 1024
_MAX_PAGE_BYTES = 1024 * 1024
_STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/stepdeploy/stream/2026-11-23T00:00:00.000"


@dataclass(slots=True)
class _Stored:
    item: Item  # never changed: a later one shares what it does not change
    sizes: dict[str, int]  # bytes of each attribute
    size: int
    packed: bytes | None = None  # the item, once it is read: to copy it as fast as one can

    @classmethod
    def of(cls, item: Item, before: "_Stored | None") -> "_Stored":
        """`before`: what was there, of which unchanged attributes need not be measured again."""
        known, sizes = before.item if before else {}, before.sizes if before else {}
        measured = {
            name: sizes[name] if name in sizes and known[name] is value else 1 + _size(name) + _size(value)
            for name, value in item.items()
        }
        return cls(item, measured, 3 + sum(measured.values()))

    def read(self) -> Item:
        """A copy."""
        if self.packed is None:
            self.packed = marshal.dumps(self.item)
        found: Item = marshal.loads(self.packed)  # noqa: S302 - of its own values only
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did to an item, as the table's stream has it."""

    key: Key
    before: Item | None
    after: Item | None
    moment: datetime


class Memory:
    """Everything on record. Safe for threads: each request is done at one moment."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, _Stored]] = {}
        self._names: dict[str, list[str]] = {}  # the sort keys of each partition, in order
        self._in_indexes: set[Key] = set()  # of the items that have the indexes' sort key
        self._changes: list[Change] = []
        self.on_change: Callable[[Change], None] = self._changes.append  # a simulation has its own stream
        self._refusals: deque[str] = deque()
        self._lock = RLock()

    # -- reading

    def get(self, key: Key) -> Item | None:
        _check_key("GetItem", key)
        with self._lock:
            found = self._stored(key)
            return found.read() if found else None

    def get_all(self, keys: Sequence[Key]) -> list[Item]:
        if len(keys) > MAX_KEYS:
            raise _refusal("ValidationException", "BatchGetItem", "Too many items requested")
        if len(set(keys)) < len(keys):
            raise _refusal("ValidationException", "BatchGetItem", "Provided list of item keys contains duplicates")
        with self._lock:
            return [found.read() for found in map(self._stored, keys) if found]

    def query(self, query: Query) -> Iterator[Item]:
        return over_pages(self.page, query)

    def page(self, query: Query, limit: int | None = None, after: Item | None = None) -> Page:
        """The filter comes after the limits: they are of what is read."""
        _check_key("Query", Key(query.pk, query.begins_with or "any"))
        pk, sk = query.names
        with self._lock:
            fitting = iter(self._indexed(query, after) if query.index else self._fitting(query, after))
            read, size = list[_Stored](), 0
            for each in islice(fitting, limit):
                read.append(each)
                size += each.size
                if size > _MAX_PAGE_BYTES:
                    break
            is_more = next(fitting, None) is not None
        end = {name: read[-1].item[name] for name in dict.fromkeys(("pk", "sk", pk, sk))} if is_more else None
        return Page([each.read() for each in read if not query.where or holds(query.where, each.item)], end)

    def _fitting(self, query: Query, after: Item | None) -> Iterator[_Stored]:
        """What lies behind `after` in a partition, in the order of the query."""
        partition, names = self._partitions.get(query.pk, {}), self._names.get(query.pk, [])
        first, last = query.between or (query.begins_with, None)
        start, end = bisect_left(names, first), len(names) if last is None else bisect_right(names, last)
        if after is not None and query.descending:
            end = min(end, bisect_left(names, after["sk"]))
        elif after is not None:
            start = max(start, bisect_right(names, after["sk"]))
        places = range(end - 1, start - 1, -1) if query.descending else range(start, end)
        for name in map(names.__getitem__, places):
            if query.covers(name):
                yield partition[name]
            elif query.between is None and not query.descending:
                return

    def _indexed(self, query: Query, after: Item | None) -> list[_Stored]:
        """As `_fitting`, by an index."""
        pk, sk = query.names
        all_ = (self._partitions[key.pk][key.sk] for key in self._in_indexes)
        found = [
            (place, each)
            for each in all_
            if each.item.get(pk) == query.pk and isinstance(each.item[sk], str) and query.covers(each.item[sk])
            for place in [_place(each.item, sk)]
        ]
        if after is not None:
            is_behind, last = lt if query.descending else gt, _place(after, sk)
            found = [each for each in found if is_behind(each[0], last)]
        return [each for _, each in sorted(found, key=itemgetter(0), reverse=query.descending)]

    # -- writing

    def write(self, write: Put | Update | Delete) -> bool:
        return self._patiently(f"{type(write).__name__}Item", lambda: self._write([write]))

    def update_or_read(self, update: Update) -> Item:
        def act() -> Item:
            self._write([update])
            found = self._stored(update.key)
            return found.read() if found else {}

        return self._patiently("UpdateItem", act)

    def add_all(self, puts: Sequence[Put]) -> None:
        if not 0 < len(puts) <= MAX_ADDED:
            raise _refusal("ValidationException", "BatchExecuteStatement", f"1 to {MAX_ADDED} statements")

        def act() -> None:
            for each in puts:
                self._write([replace(each, condition=IS_NEW)])

        self._patiently("BatchExecuteStatement", act)

    def transact(self, writes: Sequence[Write]) -> bool:
        if not 0 < len(writes) <= MAX_WRITES:
            raise _refusal("ValidationException", "TransactWriteItems", f"1 to {MAX_WRITES} writes")
        if len({write.key for write in writes}) < len(writes):
            message = "Transaction request cannot include multiple operations on one item"
            raise _refusal("ValidationException", "TransactWriteItems", message)
        return self._patiently("TransactWriteItems", lambda: self._write(writes))

    def _patiently(self, operation: str, act: Callable[[], T]) -> T:
        def once() -> T:
            with self._lock:
                if self._refusals:
                    code = self._refusals.popleft()
                    raise Later(_refusal(code, operation, "the write met another one"))
                try:
                    return act()
                except Invalid as invalid:
                    raise _refusal("ValidationException", operation, str(invalid)) from invalid

        return patiently(once)

    def _write(self, writes: Sequence[Write]) -> bool:
        for each in writes:
            _check_key(type(each).__name__, each.key)
        if not all(holds(each.condition, self._found(each.key) or {}) for each in writes if each.condition):
            return False
        for key, after in [(each.key, self._after(each)) for each in writes if not isinstance(each, Check)]:
            self._replace(key, after)
        return True

    def _after(self, write: Put | Update | Delete) -> _Stored | None:
        """What a write makes of the item. Raises Invalid."""
        if isinstance(write, Delete):
            return None
        before = self._stored(write.key)
        if isinstance(write, Put):
            item = plain(write.attributes | write.key.item)
        else:
            item = updated(before.item if before else write.key.item, write)
        after = _Stored.of(item, before)
        if after.size > _MAX_ITEM_BYTES:
            raise Invalid("Item size has exceeded the maximum allowed size")
        return after

    def _replace(self, key: Key, after: _Stored | None) -> None:
        before, new = self._found(key), after.item if after else None
        partition, names = self._partitions.setdefault(key.pk, {}), self._names.setdefault(key.pk, [])
        if after and key.sk not in partition:
            insort(names, key.sk)
        if after:
            partition[key.sk] = after
        elif partition.pop(key.sk, None):
            del names[bisect_left(names, key.sk)]
        if new and INDEX_SK in new:
            self._in_indexes.add(key)
        else:
            self._in_indexes.discard(key)
        if before != new:  # a write that changes nothing is in no stream
            self.on_change(Change(key, before, new, clock.now()))

    def _stored(self, key: Key) -> _Stored | None:
        partition = self._partitions.get(key.pk)
        return partition.get(key.sk) if partition else None

    def _found(self, key: Key) -> Item | None:
        stored = self._stored(key)
        return stored.item if stored else None

    # -- for tests and simulations

    def size_of(self, key: Key) -> int:
        """Bytes of the item; 0 when there is none."""
        stored = self._stored(key)
        return stored.size if stored else 0

    def refuse_next(self, *codes: str) -> None:
        """The next writes meet others: each code refuses one try of one, e.g. "TransactionConflictException"."""
        self._refusals.extend(codes)

    def all_items(self) -> list[Item]:
        with self._lock:
            return [each.read() for partition in self._partitions.values() for each in partition.values()]

    def stream(self) -> list[dict[str, Any]]:
        """Every change there was, as Lambda hands it to a function: in order, with both images."""
        return [stream_record(number, change) for number, change in enumerate(self._changes, 1)]


def stream_record(number: int, change: Change) -> dict[str, Any]:
    """A change as Lambda hands it to a function."""
    before, after = change.before or {}, change.after or {}
    new = to_wire(after)
    old = {name: new[name] if after.get(name) is value else serialize(value) for name, value in before.items()}
    images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image}
    return {
        "eventName": "MODIFY" if len(images) > 1 else "INSERT" if change.after else "REMOVE",
        "eventSourceARN": _STREAM,
        "dynamodb": {
            "ApproximateCreationDateTime": change.moment.timestamp(),
            "Keys": to_wire(change.key.item),
            "SequenceNumber": f"{number:021}",
            **images,
        },
    }


def _place(item: Item, sk: str) -> tuple[str, str, str]:
    """Where an item lies; those of one sort key of an index lie in some order, always the same."""
    return item[sk], item["pk"], item["sk"]


def _size(value: Any) -> int:
    """Bytes, about as DynamoDB counts them. Source: DynamoDB Developer Guide, "Item sizes and formats"."""
    kind = type(value)
    if kind is str:
        return len(value) if value.isascii() else len(value.encode())
    if kind is dict:
        size = 3 + len(value)
        for name, each in value.items():  # most are short texts: each call costs more than such a text's size
            size += len(name) if name.isascii() else _size(name)
            size += len(each) if type(each) is str and each.isascii() else _size(each)
        return size
    if kind is list:
        return 3 + sum([1 + _size(each) for each in value])
    if kind is frozenset:
        return sum(map(_size, value))
    if kind is bool or value is None:
        return 1
    return 2 + len(str(value)) // 2


def _check_key(operation: str, key: Key) -> None:
    if not (0 < len(key.pk.encode()) <= MAX_PK_BYTES and 0 < len(key.sk.encode()) <= MAX_SK_BYTES):
        raise _refusal("ValidationException", operation, "a key is empty or too long")


def _refusal(code: str, operation: str, message: str) -> Exception:
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": code, "Message": message}}, operation)

"""The store in memory, as tests put it in: it tells which requests were made, and lets a test act between two."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from functions.store.table import requests
from functions.store.table.memory import Memory
from functions.store.table.requests import Request
from functions.store.table.values import Check, Delete, Item, Key, Page, Put, Query, Update, Write
from tests.calls.recording import note, outside

TABLE = "stepdeploy"


class Store(Memory):
    """Every request is also made into DynamoDB's own, and counts for the grants of the function that makes it."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[str] = []  # of the requests that were made, by DynamoDB's names
        self.before_request: Callable[[str, dict[str, Any]], None] = lambda operation, members: None  # may refuse it
        self._before_writes: deque[Callable[[], object]] = deque()

    def before_next_write(self, act: Callable[[], object]) -> None:
        """Do something when the next write is about to be sent: after what decides it was read."""
        self._before_writes.append(act)

    def get(self, key: Key) -> Item | None:
        self._note(requests.get(TABLE, key))
        return super().get(key)

    def get_all(self, keys: Sequence[Key]) -> list[Item]:
        if keys:
            self._note(requests.get_all(TABLE, keys))
        return super().get_all(keys)

    def page(self, query: Query, limit: int | None = None, after: Item | None = None) -> Page:
        self._note(requests.query(TABLE, query, limit, after))
        return super().page(query, limit, after)

    def write(self, write: Put | Update | Delete) -> bool:
        self._written([write], requests.write(TABLE, write))
        return super().write(write)

    def update_or_read(self, update: Update) -> Item:
        self._written([update], requests.update_or_read(TABLE, update))
        return super().update_or_read(update)

    def transact(self, writes: Sequence[Write]) -> bool:
        self._written(writes, requests.transact(TABLE, writes))
        return super().transact(writes)

    def add_all(self, puts: Sequence[Put]) -> None:
        self._written(puts, requests.add_all(TABLE, puts))
        super().add_all(puts)

    def _written(self, writes: Sequence[Write], request: Request) -> None:
        for each in writes:
            assert_announced(each)
        self._note(request)
        if self._before_writes:
            outside(self._before_writes.popleft())

    def _note(self, request: Request) -> None:
        self.operations.append(request.operation)
        self.before_request(request.operation, request.members)
        note("dynamodb", request.operation, request.members)

    # -- what a test puts on record itself

    def load(self, other: "Store") -> None:
        """What is on record there; items are never changed in place."""
        self._partitions = {pk: dict(partition) for pk, partition in other._partitions.items()}
        self._names = {pk: list(names) for pk, names in other._names.items()}
        self._changes = list(other._changes)

    def clear(self) -> None:
        """As if it were new."""
        self.__init__()  # type: ignore[misc]

    def put(self, item: Item) -> None:
        super().write(Put(Key(item["pk"], item["sk"]), {name: item[name] for name in item if name not in ("pk", "sk")}))

    def set(self, key: Key, **attributes: Any) -> None:
        super().write(Update(key, sets=attributes))

    def remove(self, key: Key, *attributes: str) -> None:
        """The whole item, or some attributes of it."""
        super().write(Update(key, removes=attributes) if attributes else Delete(key))


def assert_announced(write: Write) -> None:
    """What changes the status of a deployment or target is announced, and nothing else that is written to them is."""
    is_record = write.key.pk.startswith("DEPLOYMENT#") and write.key.sk != "PREPARING"
    if not is_record or isinstance(write, Check | Delete):
        return
    if isinstance(write, Put):
        is_pending = write.attributes["status"] == "Pending"
        assert write.attributes["news"] is not is_pending, write
    elif "status" in write.sets:
        assert write.sets.get("news") is True, write
    else:
        assert "news" in write.removes, write

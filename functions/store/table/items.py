"""The items of the engine's table, in DynamoDB: what every record's file reads and writes through."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Protocol

from functions.settings import settings
from functions.store.table.dynamodb import DynamoDb
from functions.store.table.values import Delete, Item, Key, Page, Put, Query, Update, Write


class Items(Protocol):
    """Raises botocore's ClientError for what AWS refuses. A request that others hold up waits, and is tried again."""

    def get(self, key: Key) -> Item | None:
        """The item, read consistently."""

    def get_all(self, keys: Sequence[Key]) -> list[Item]:
        """The items that there are, read consistently, in any order; at most 100 keys."""

    def query(self, query: Query) -> Iterator[Item]:
        """All items that the query finds, in its order."""

    def page(self, query: Query, limit: int | None = None, after: Item | None = None) -> Page:
        """One request: of the next items, `limit` or as many as go into an answer, those that the query's `where`
        holds of. So a page may be empty and still not be the last."""

    def write(self, write: Put | Update | Delete) -> bool:
        """False when its condition did not hold."""

    def update_or_read(self, update: Update) -> Item:
        """The item as it becomes, or as it is when the condition does not hold."""

    def add_all(self, puts: Sequence[Put]) -> None:
        """Those of the items that are not there yet, each for itself, at most 25; none has a condition of its own. For
        one unit each, where a transaction costs two."""

    def transact(self, writes: Sequence[Write]) -> bool:
        """All writes or none, each on an item of its own, at most 100. False when a condition did not hold."""


stand_in: Items | None = None  # in the place of DynamoDB: tests put theirs here, and nowhere else


def items() -> Items:
    """The engine's."""
    return stand_in or in_dynamodb()


@cache
def in_dynamodb() -> DynamoDb:
    return DynamoDb(settings().table_name)

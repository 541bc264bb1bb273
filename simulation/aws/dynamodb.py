"""DynamoDB: the store in memory behind the network, with what happens when writes meet.

Sources: DynamoDB Developer Guide, "Managing complex workflows with transactions" (conflicts), "Read/write capacity"
(units). For how long a transaction keeps its items is a guess (`Limits.transaction_seconds`).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from functions.store.table.memory import Memory
from functions.store.table.patience import Later, patiently
from functions.store.table.values import Check, Delete, Item, Key, Page, Put, Query, Update, Write, over_pages
from simulation.aws.limits import Bucket
from simulation.aws.network import Network, refusal

T = TypeVar("T")

_UNIT_BYTES = 1024
_READ_UNIT_BYTES = 4096
_INDEXES = 3  # that hold a copy of each deployment


class Table:
    """The engine's table (`functions.store.table.items.Items`)."""

    def __init__(self, network: Network, memory: Memory) -> None:
        self._network, self._memory = network, memory
        self.read_units = self.write_units = 0.0
        self.conflicts = 0
        self.hottest = dict[str, int]()  # write units of a partition in its busiest second
        self._second: tuple[int, dict[str, int]] = (0, {})
        self._held = dict[Key, float]()  # until when a transaction keeps an item
        self._partitions = dict[str, Bucket]()

    # -- reading

    def get(self, key: Key) -> Item | None:
        self.read_units += self._units(key, _READ_UNIT_BYTES)
        return self._network.request("dynamodb", "GetItem", lambda: self._memory.get(key))

    def get_all(self, keys: Sequence[Key]) -> list[Item]:
        return self._read("BatchGetItem", lambda: self._memory.get_all(keys), keys) if keys else []

    def query(self, query: Query) -> Iterator[Item]:
        return over_pages(self.page, query)

    def page(self, query: Query, limit: int | None = None, after: Item | None = None) -> Page:
        found = self._read("Query", lambda: self._memory.page(query, limit, after), ())
        self.read_units += sum(self._units(Key(each["pk"], each["sk"]), _READ_UNIT_BYTES) for each in found.items)
        return found

    def _read(self, operation: str, act: Callable[[], T], keys: Sequence[Key]) -> T:
        self.read_units += sum(self._units(key, _READ_UNIT_BYTES) for key in keys)
        return self._network.request("dynamodb", operation, act)

    def _units(self, key: Key, size: int) -> int:
        return max(1, -(-self._memory.size_of(key) // size))

    # -- writing

    def write(self, write: Put | Update | Delete) -> bool:
        return self._write(f"{type(write).__name__}Item", [write], lambda: self._memory.write(write))

    def update_or_read(self, update: Update) -> Item:
        return self._write("UpdateItem", [update], lambda: self._memory.update_or_read(update))

    def add_all(self, puts: Sequence[Put]) -> None:
        """What a partition has no units for is added at the next try, alone."""
        left = list(puts)

        def once() -> None:
            taken, before = list[Put](), list[int]()
            try:
                for each in left:
                    before += self._take_units([each], 1, "BatchExecuteStatement")
                    taken.append(each)
            finally:
                if taken:
                    self._grown(taken, before, 1, lambda: self._memory.add_all(taken))
                    del left[: len(taken)]

        patiently(lambda: self._network.request("dynamodb", "BatchExecuteStatement", once))

    def transact(self, writes: Sequence[Write]) -> bool:
        return self._write("TransactWriteItems", writes, lambda: self._memory.transact(writes))

    def _write(self, operation: str, writes: Sequence[Write], act: Callable[[], T]) -> T:
        is_transaction = operation == "TransactWriteItems"

        def once() -> T:
            now = self._network.clock.time
            for each in writes:
                if self._held.get(each.key, 0.0) > now:
                    self.conflicts += 1
                    raise Later(refusal("TransactionConflictException", operation))
            before = self._take_units(writes, 2 if is_transaction else 1, operation)
            if is_transaction:
                self._held |= {each.key: now + self._network.limits.transaction_seconds for each in writes}
            return self._grown(writes, before, 2 if is_transaction else 1, act)

        return patiently(lambda: self._network.request("dynamodb", operation, once))

    def _grown(self, writes: Sequence[Write], before: Sequence[int], each_costs: int, act: Callable[[], T]) -> T:
        """A write costs by the item as it was or as it becomes, whichever is larger: before it only the first is known,
        and taken."""
        answer = act()
        for each, were in zip(writes, before, strict=True):
            if (more := self._units(each.key, _UNIT_BYTES) - were) > 0:
                self._count(each.key.pk, each_costs * more)
        return answer

    def _count(self, pk: str, units: int) -> None:
        self.write_units += units
        busy = self._second[1]
        busy[pk] = now_busy = busy.get(pk, 0) + units
        if now_busy > self.hottest.get(pk, 0):
            self.hottest[pk] = now_busy

    def _take_units(self, writes: Sequence[Write], each_costs: int, operation: str) -> list[int]:
        """The units of each item as it is. Raises Later where a partition has more writes than DynamoDB takes."""
        now, taken = self._network.clock.time, list[int]()
        if int(now) != self._second[0]:
            self._second = (int(now), {})
        for each in writes:
            pk, sk = each.key
            taken.append(self._units(each.key, _UNIT_BYTES))
            units = each_costs * taken[-1]
            bucket = self._partitions.get(pk)
            if bucket is None:
                bucket = self._partitions[pk] = Bucket(self._network.limits.partition_writes)
            if not bucket.take(now, units):
                raise Later(refusal("ProvisionedThroughputExceededException", operation))
            if sk == "DEPLOYMENT" and not isinstance(each, Check):
                self.write_units += _INDEXES * units / each_costs
            self._count(pk, units)
        return taken

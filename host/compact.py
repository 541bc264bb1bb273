"""What a runner remembers of each file of a revision, in a few bytes each: a revision may have 200,000."""

import marshal
import sys
import zlib
from array import array
from typing import Any, Callable, Generic, Iterable, Iterator, List, Tuple, TypeVar

T = TypeVar("T")
_BLOCK = 2048  # items, which are as they are until there are so many
_FASTEST = 1  # of zlib's levels; names that are much alike need no other
_FIRST_SLOTS = 1024


class Packed(Generic[T]):
    """A list that is added to and gone through, packed block by block: paths are so much alike that little remains.

    Items are made of tuples of what marshal knows.
    """

    def __init__(self, make: Callable[[Iterable[Any]], T]) -> None:
        self._make = make
        self._blocks: List[bytes] = []
        self._open: List[Tuple[Any, ...]] = []

    def append(self, item: Iterable[Any]) -> None:
        self._open.append(tuple(item))
        if len(self._open) == _BLOCK:
            self._blocks.append(zlib.compress(marshal.dumps(self._open), _FASTEST))
            self._open = []

    def __len__(self) -> int:
        return len(self._blocks) * _BLOCK + len(self._open)

    def __iter__(self) -> Iterator[T]:
        for block in self._blocks:
            yield from map(self._make, marshal.loads(zlib.decompress(block)))
        yield from map(self._make, self._open)

    def __reversed__(self) -> Iterator[T]:
        yield from map(self._make, reversed(self._open))
        for block in reversed(self._blocks):
            yield from map(self._make, reversed(marshal.loads(zlib.decompress(block))))


def _wide(path: str) -> int:
    return hash(path) << 32 | hash("/" + path) & 0xFFFFFFFF


# 64 bits. Python's own hash is salted in each process: nobody can make two paths alike, and chance makes two of a
# revision's so once in a billion revisions.
_hash = hash if sys.hash_info.width >= 64 else _wide


class Flags:
    """A few bits for each of many paths, which are not kept themselves: a table of their hashes."""

    def __init__(self) -> None:
        self._used, self._mask = 0, _FIRST_SLOTS - 1
        self._hashes = array("q", bytes(8 * _FIRST_SLOTS))
        self._flags = bytearray(_FIRST_SLOTS)

    def get(self, path: str) -> int:
        return self._flags[self._slot(_hash(path) or 1)]

    def add(self, path: str, flags: int) -> None:
        number = _hash(path) or 1  # 0 is in slots that are free
        slot = self._slot(number)
        self._flags[slot] |= flags
        if not self._hashes[slot]:
            self._hashes[slot] = number
            self._used += 1
            if self._used * 4 > self._mask * 3:
                self._grow()

    def _slot(self, number: int) -> int:
        """Where the hash is, or belongs."""
        hashes, mask = self._hashes, self._mask
        slot = number & mask
        found = hashes[slot]
        while found != number and found:
            slot = (slot + 1) & mask
            found = hashes[slot]
        return slot

    def _grow(self) -> None:
        hashes, flags, slots = self._hashes, self._flags, 2 * len(self._flags)
        self._mask = slots - 1
        self._hashes, self._flags = array("q", bytes(8 * slots)), bytearray(slots)
        for before, number in enumerate(hashes):
            if number:
                slot = self._slot(number)
                self._hashes[slot], self._flags[slot] = number, flags[before]

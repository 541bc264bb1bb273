"""What the runner remembers of each file: little, since a revision may have 200,000 of them."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from host.appspec import FileExistsBehavior
from host.compact import Flags, Packed
from host.grammar import parse
from host.plan import Listed, Make, plan
from host.posix.cleanup import AfterCleanup, read_cleanup

MANY = 30_000
BYTES_PER_FILE = 80  # where a path of its own takes more, and a tuple of two paths several hundred
SPARE = 2_000_000  # bytes: a block that is not packed yet, and the tables of zlib


def listed(source: str) -> Iterator[Listed]:
    yield Listed(source, "directory")
    for number in range(MANY):
        yield Listed(f"{source}/folder-{number // 100}/a-file-of-some-length-{number}", "file", number)


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_plan_takes_a_few_bytes_for_each_file() -> None:
    appspec = parse("version: 0.0\nos: linux\nfiles: [{source: app, destination: /srv/app}]\n")
    standing = {"/": "directory"}
    taken = peak(lambda: plan(appspec, listed, lambda path: standing.get(path, ""), FileExistsBehavior.DISALLOW))
    assert taken < MANY * BYTES_PER_FILE + SPARE


def test_a_cleanup_file_takes_a_few_bytes_for_each_file(tmp_path: Path) -> None:
    cleanup = tmp_path / "cleanup"
    paths = (f"/srv/gone/folder-{number // 100}/a-file-of-some-length-{number}" for number in range(MANY))
    cleanup.write_text("".join(f"{json.dumps(path)}\n" for path in paths))
    assert peak(lambda: AfterCleanup(read_cleanup(str(cleanup)))) < MANY * BYTES_PER_FILE + SPARE


@pytest.mark.parametrize("count", [0, 1, 2047, 2048, 2049, 5000])
def test_what_is_packed_comes_out_as_it_went_in(count: int) -> None:
    makes = [Make(f"/\udcff/{number}", "file", "ü" * (number % 3), 2**40 + number) for number in range(count)]
    packed = Packed(Make._make)
    for make in makes:
        packed.append(make)
    assert (list(packed), list(reversed(packed)), len(packed)) == (makes, makes[::-1], count)


def test_flags_are_those_of_their_path_and_add_up() -> None:
    flags = Flags()
    for number in range(MANY):
        flags.add(f"/{number}", 1)
        if number % 3 == 0:
            flags.add(f"/{number}", 4)
    assert all(flags.get(f"/{number}") == (1 if number % 3 else 5) for number in range(MANY))
    assert not any(flags.get(f"{number}") for number in range(MANY))

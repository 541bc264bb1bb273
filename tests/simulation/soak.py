"""`make soak`: a hundred thousand schedules, on all cores. `python -m tests.simulation.soak --help`

Schedules are played in chunks, each of one invariant's family and with a seed of its own. When one breaks a promise,
hypothesis shrinks it and prints it as a `Scenario(...)`; `--repeat INVARIANT:SEED` plays that chunk again, which finds
and shrinks the same one. To look into it, give the scenario to `simulation.world.World`.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, given, seed, settings

from simulation.scenario import Scenario
from tests.simulation.schedules import FAMILIES, sentences

_CHUNK = 250
_SHOWN = 2000  # schedules, after which it says how far it is


@dataclass(frozen=True, slots=True)
class Chunk:
    invariant: int
    seed: int
    schedules: int = _CHUNK
    played: int = 0
    failure: str = ""

    @property
    def name(self) -> str:
        return f"{self.invariant}:{self.seed}"


def play(chunk: Chunk) -> Chunk:
    """The chunk with how many schedules were played, and the shrunk one that broke a promise."""
    played = 0

    @seed(chunk.seed)
    @settings(
        max_examples=chunk.schedules,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(FAMILIES[chunk.invariant])
    def every_promise_is_kept(schedule: Scenario) -> None:
        nonlocal played
        played += 1
        found = sentences(schedule)
        assert not found, "\n".join(found)

    try:
        every_promise_is_kept()
    except Exception as error:
        notes = "\n".join(getattr(error, "__notes__", ()))
        return replace(chunk, played=played, failure=f"{type(error).__name__}: {error}\n{notes}")
    return replace(chunk, played=played)


def chunks(schedules: int, first: int) -> Iterator[Chunk]:
    """All families in turn."""
    seeds, left = random.Random(first), schedules
    while left > 0:
        for invariant in FAMILIES:
            if left > 0:
                yield Chunk(invariant, seeds.randrange(2**32), min(_CHUNK, left))
                left -= _CHUNK


def soak(schedules: int, first: int, workers: int) -> bool:
    """Whether every promise was kept."""
    print(f"{schedules} schedules, --seed {first}", flush=True)
    began, played, failed = time.monotonic(), 0, 0
    with ProcessPoolExecutor(workers) as pool:
        for done in as_completed([pool.submit(play, chunk) for chunk in chunks(schedules, first)]):
            chunk = done.result()
            before, played = played, played + chunk.played
            if chunk.failure:
                failed += 1
                print(
                    f"\nFAILED: {chunk.failure}\nrepeat it: python -m tests.simulation.soak --repeat {chunk.name}\n",
                    flush=True,
                )
            if played // _SHOWN > before // _SHOWN:
                print(f"{played} played in {time.monotonic() - began:.0f} s", flush=True)
    seconds = time.monotonic() - began
    print(f"{played} schedules in {seconds:.0f} s, {failed} chunks with a broken promise (--seed {first})")
    return not failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--repeat", metavar="INVARIANT:SEED")
    options = parser.parse_args()
    if not options.repeat:
        return 0 if soak(options.schedules, options.seed, options.workers) else 1
    invariant, _, its_seed = options.repeat.partition(":")
    chunk = play(Chunk(int(invariant), int(its_seed)))
    print(chunk.failure or f"{chunk.played} schedules, and no promise broken")
    return 1 if chunk.failure else 0


if __name__ == "__main__":
    sys.exit(main())

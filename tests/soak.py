"""How much is tried of what is random, or of what could be tried at every point: some of it each day, and another part
the next day; all of it by `make soak`, which sets STEPDEPLOY_SOAK.
"""

import os
import random
from collections.abc import Sequence
from datetime import date
from typing import TypeVar

T = TypeVar("T")
IS_SOAK = bool(os.environ.get("STEPDEPLOY_SOAK"))
# The day on which a run began, for its workers too: they have to find the same tests, also after midnight.
_DAY = os.environ.setdefault("STEPDEPLOY_TESTS_OF", date.today().isoformat())


def examples(usual: int, soak: int) -> int:
    return soak if IS_SOAK else usual


def some(count: int, found: Sequence[T]) -> list[T]:
    """So many of them, in their order."""
    if IS_SOAK or count >= len(found):
        return list(found)
    chosen = random.Random(_DAY).sample(range(len(found)), count)
    return [found[number] for number in sorted(chosen)]

"""Plays schedules until one breaks a promise: imported once the engine is mutated."""

from collections.abc import Sequence
from itertools import cycle

from hypothesis import HealthCheck, Phase, given, seed, settings

from simulation.scenario import Scenario
from tests.simulation.schedules import FAMILIES, sentences


def first_broken(invariants: Sequence[int], *, most: int, at_a_time: int) -> tuple[int, str]:
    """How many schedules were played, and what the last one broke; "" when none did."""
    played, found = 0, list[str]()

    def play(schedule: Scenario) -> None:
        nonlocal played
        if not found:
            played += 1
            found.extend(_noticed(schedule))

    for number, invariant in enumerate(cycle(invariants)):
        few = settings(
            max_examples=at_a_time,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        seed(number)(few(given(FAMILIES[invariant])(play)))()
        if found or played >= most:
            break
    return played, "\n".join(found)


def _noticed(schedule: Scenario) -> list[str]:
    """An error of the simulation, which refuses what AWS would, counts too."""
    try:
        return sentences(schedule)
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]

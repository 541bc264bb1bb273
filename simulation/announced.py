"""What is promised of announcements: each change of a status once at least, in order, and none that did not happen."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulation.broken import Broken
from simulation.trace import Seen

if TYPE_CHECKING:
    from simulation.promises import Kept
    from simulation.world import World

_SHOWN = 3  # changes that a broken promise names
_DEPLOYMENT_STATES = {
    "Created": "START",
    "Succeeded": "SUCCESS",
    "Failed": "FAILURE",
    "Stopped": "STOP",
    "Ready": "READY",
}
_TARGET_STATES = {"InProgress": "START", "Succeeded": "SUCCESS", "Failed": "FAILURE"}


def broken(world: "World", kept: "Kept") -> Iterator[Broken]:
    if not world.scenario.has_announcements or not world.stream.is_idle:
        return
    expected = list(
        dict.fromkeys(
            (each.host_id, state)
            for each in kept.of(Seen.STATUS)
            if (state := (_TARGET_STATES if each.host_id else _DEPLOYMENT_STATES).get(each.detail))
        )
    )
    announced = list(dict.fromkeys((each.host_id, each.detail) for each in kept.of(Seen.ANNOUNCED)))
    if announced == expected:
        return
    missing, invented = set(expected) - set(announced), set(announced) - set(expected)
    what = f"not announced: {sorted(missing)[:_SHOWN]}" if missing else "announced in another order than they happened"
    yield Broken(5, f"{kept.id}: {f'never happened: {sorted(invented)[:_SHOWN]}' if invented else what}")

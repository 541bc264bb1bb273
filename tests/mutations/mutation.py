"""One deliberate breakage: edits of source texts, and the invariants whose schedules are to show it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutation:
    why: str  # what is broken
    invariants: tuple[int, ...]  # whose schedules show it first
    edits: tuple[Edit, ...]


def mutation(why: str, invariants: tuple[int, ...] | int, file: str, old: str, new: str) -> Mutation:
    families = (invariants,) if isinstance(invariants, int) else invariants
    return Mutation(why, families, (Edit(file, old, new),))

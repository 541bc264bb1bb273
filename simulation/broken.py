"""What a world has done that it must not."""

from collections.abc import Sequence
from typing import NamedTuple

from functions.core.records import Deployment, Target

Found = Sequence[tuple[Deployment, list[Target]]]  # what is on record


class Broken(NamedTuple):
    """A promise that was not kept."""

    invariant: int
    sentence: str

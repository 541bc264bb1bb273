"""What a world has done that it must not."""

from typing import NamedTuple


class Broken(NamedTuple):
    """A promise that was not kept."""

    invariant: int
    sentence: str

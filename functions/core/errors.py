"""The two kinds of exception the engine raises on purpose; everything else is a bug or AWS."""


class InvalidInput(Exception):
    """The user's mistake: shown as written, never retried. Names the field, the value and the remedy."""


class Conflict(Exception):
    """A conditional write lost to another writer: expected, and handled where it arises."""

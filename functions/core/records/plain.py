"""What the records do with texts that others wrote."""

from typing import Any

from functions.core.text.plain_text import told


def make_plain(record: Any, most: int, *names: str, keep_end: bool = False) -> None:
    """Texts out of hosts, revisions, people and AWS are made plain text of a limited size as they enter a record, and
    as a record of an older engine is read: whatever tells them need not do so again."""
    for name in names:
        if text := getattr(record, name):
            object.__setattr__(record, name, told(text, most, keep_end=keep_end))

"""What a person asks of a function: the fields of a JSON object, told apart from what is none."""

from collections.abc import Mapping
from typing import Any

from functions.core.errors import InvalidInput
from functions.core.limits import METADATA_ENTRIES, METADATA_KEY, METADATA_VALUE

MAX_CHARACTERS = 1024  # of a text: it goes into records, events and messages, all of which have an end


def needed(event: Mapping[str, Any], *fields: str) -> list[str]:
    """The texts of fields that must be there. Raises InvalidInput, naming all that are missing.

    >>> needed({"application": "shop", "group": "web"}, "application", "group")
    ['shop', 'web']
    """
    if missing := [field for field in fields if event.get(field) in (None, "")]:
        raise InvalidInput(f"{', '.join(missing)}: missing; give {' and '.join(fields)}")
    return [str(text(event, field)) for field in fields]


def text(event: Mapping[str, Any], field: str) -> str | None:
    """The text of a field, None when it is left out. Raises InvalidInput for no text or a long one."""
    value = event.get(field)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{field} {value!r}: must be a string")
    if value is not None and len(value) > MAX_CHARACTERS:
        raise InvalidInput(f"{field}: it has {len(value)} characters, at most {MAX_CHARACTERS} are taken")
    return value or None


def texts(event: Mapping[str, Any], field: str) -> dict[str, str]:
    """An object of texts, empty when it is left out. Raises InvalidInput."""
    value = event.get(field) or {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for pair in value.items() for each in pair):
        raise InvalidInput(f"{field} {value!r}: must be an object with string values")
    longest, longest_name = (max(map(len, some), default=0) for some in (value.values(), value))
    if len(value) > METADATA_ENTRIES or longest > METADATA_VALUE or longest_name > METADATA_KEY:
        most = f"{METADATA_ENTRIES} entries with names of {METADATA_KEY} and texts of {METADATA_VALUE} characters"
        raise InvalidInput(f"{field}: at most {most} are taken")
    return value


def flag(event: Mapping[str, Any], field: str) -> bool | None:
    """true or false, None when it is left out. Raises InvalidInput for anything else ("no" would mean yes)."""
    value = event.get(field)
    if value is not None and not isinstance(value, bool):
        raise InvalidInput(f"{field} {value!r}: must be true or false, without quotes")
    return value

"""Who may do something, in the file: ARN patterns of callers."""

from functions.core.declaration.value import Value
from functions.core.text import principals


def principal_patterns(value: Value, *, nobody: str) -> tuple[str, ...]:
    """Each once. `nobody`: what to say of an empty list."""
    listed = value.items(most=principals.MAX)
    if not listed:
        value.refuse(nobody)
    for each in listed:
        if (text := each.text(longest=2048)) and (problem := principals.problem(text)):
            each.refuse(f"{each.shown} {problem}")
    return tuple(dict.fromkeys(each.text(longest=2048) for each in listed))

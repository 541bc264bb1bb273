"""Tags of applications and deployment groups as resources of AWS, which select and allow nothing here.

Source: CodeDeploy API model 2014-10-06 (TagResource); AWS General Reference, "Tagging AWS resources".
"""

from collections.abc import Mapping, Sequence

from functions.core.errors import Refused

MAX_TAGS = 50
_MAX_KEY, _MAX_VALUE = 128, 256  # characters
_INVALID = "InvalidTagsToAddException"


def given(tags: Sequence[Mapping[str, str]], place: str) -> dict[str, str]:
    """The tags of a request, by key. Raises Refused; `place` is the member that holds them.

    >>> given([{"Key": "team", "Value": "web"}], "tags")
    {'team': 'web'}
    """
    found: dict[str, str] = {}
    for number, tag in enumerate(tags):
        key, value, where = tag.get("Key", ""), tag.get("Value", ""), f"{place}[{number}]"
        if not 1 <= len(key) <= _MAX_KEY:
            raise Refused(_INVALID, f"{where}.Key: has {len(key)} characters: give 1 to {_MAX_KEY}")
        if len(value) > _MAX_VALUE:
            raise Refused(_INVALID, f"{where}.Value: has {len(value)} characters, at most {_MAX_VALUE}")
        if key.lower().startswith("aws:"):
            raise Refused(_INVALID, f"{where}.Key: {key}: keys that begin with aws: are AWS's own: choose another")
        if key in found:
            raise Refused(_INVALID, f"{where}.Key: {key} is listed twice")
        found[key] = value
    return check_number(found, place)


def check_number(tags: dict[str, str], place: str) -> dict[str, str]:
    """The same. Raises Refused if they are more than a resource can have."""
    if len(tags) > MAX_TAGS:
        raise Refused(_INVALID, f"{place}: the resource would have {len(tags)} tags, at most {MAX_TAGS}")
    return tags

"""Hosts outside EC2 as a client registers them: their names, the IAM identity each is tied to, their tags.

Source: CodeDeploy API model 2014-10-06 (RegisterOnPremisesInstance, AddTagsToOnPremisesInstances, TagFilter); User
Guide, "Working with on-premises instances".
"""

import re
from collections.abc import Mapping, Sequence

from functions.core.errors import Refused
from functions.core.limits import SHOWN
from functions.core.records import TagFilter

MAX_TAGS = 10  # of an instance, and of a filter
_MAX_KEY, _MAX_VALUE = 128, 256  # characters of a tag

_PARTS = {"KEY_ONLY": ("Key",), "VALUE_ONLY": ("Value",), "KEY_AND_VALUE": ("Key", "Value")}
_NAME = re.compile(r"(?!i-)[A-Za-z0-9+=,.@_-]{1,100}")  # i- begins the id of an EC2 instance
# The lengths are IAM's own: a path of 512 and a name of 64; a role's and a session's name of 64 each.
_USER = re.compile(r"arn:aws[a-z-]{0,20}:iam::[0-9]{12}:user/[A-Za-z0-9/+=,.@_-]{1,575}")
_SESSION = re.compile(
    r"arn:aws[a-z-]{0,20}:sts::[0-9]{12}:assumed-role/[A-Za-z0-9+=,.@_-]{1,64}/[A-Za-z0-9+=,.@_-]{2,64}"
)


def check_name(member: str, name: str) -> None:
    """
    >>> check_name("instanceName", "rack-7")
    """
    if _NAME.fullmatch(name) is None:
        what = f"{name[:SHOWN]!r} is not 1 to 100 of A-Z a-z 0-9 + = , . @ _ - that do not begin with i-"
        raise Refused("InvalidInstanceNameException", f"{member}: {what}")


def check_identity(user: str | None, session: str | None) -> None:
    """Exactly one IAM identity, in its form."""
    if user and session:
        raise Refused("MultipleIamArnsProvidedException", "iamUserArn and iamSessionArn: give one of the two")
    if user:
        _check_arn(_USER, "iamUserArn", user, "InvalidIamUserArnException", "arn:aws:iam::ACCOUNT:user/NAME")
    elif session:
        form = "arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION"
        _check_arn(_SESSION, "iamSessionArn", session, "InvalidIamSessionArnException", form)
    elif user is not None and session is None:
        raise Refused("IamUserArnRequiredException", "iamUserArn: is empty")
    else:
        raise Refused("IamArnRequiredException", "iamUserArn or iamSessionArn: give one of the two")


def _check_arn(pattern: re.Pattern[str], member: str, arn: str, code: str, form: str) -> None:
    if pattern.fullmatch(arn) is None:
        raise Refused(code, f"{member}: {arn[:SHOWN]!r} is not {form}")


def tags(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The tags of a request, by key.

    >>> tags([{"Key": "role", "Value": "web"}])
    {'role': 'web'}
    """
    found: dict[str, str] = {}
    for number, tag in enumerate(given):
        key, value, place = tag.get("Key"), tag.get("Value"), f"tags[{number}]"
        if not key or value is None:
            raise Refused("InvalidTagException", f"{place}: give both Key and Value")
        if problem := _too_long(key, value):
            raise Refused("InvalidTagException", f"{place}: {problem}")
        if found.setdefault(key, value) != value:
            raise Refused("InvalidTagException", f"{place}: {key!r} is given two values")
    return found


def tagged(name: str, had: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """The tags of the instance after some are added: a key has one value, the last one given."""
    after = {**had, **more}
    if len(after) > MAX_TAGS:
        what = f"{name} would have {len(after)} tags, at most {MAX_TAGS}: remove some first"
        raise Refused("TagLimitExceededException", f"tags: {what}")
    return after


def untagged(had: Mapping[str, str], fewer: Mapping[str, str]) -> dict[str, str]:
    """The tags after some are removed; one whose value is another stays.

    >>> untagged({"role": "web", "rack": "7"}, {"role": "web", "rack": "8", "color": "red"})
    {'rack': '7'}
    """
    return {key: value for key, value in had.items() if fewer.get(key) != value}


def tag_filters(
    given: Sequence[Mapping[str, str]], place: str = "tagFilters", code: str = "InvalidTagFilterException"
) -> tuple[TagFilter, ...]:
    """The filters of a list, of which one must fit. Without a Type the members given say which it is.

    `place` is the member that holds them, `code` the exception that refuses them.

    >>> tag_filters([{"Key": "role", "Value": "web", "Type": "KEY_ONLY"}])
    (TagFilter(key='role', value=None),)
    """
    if len(given) > MAX_TAGS:
        raise Refused(code, f"{place}: has {len(given)} filters, at most {MAX_TAGS}")
    return tuple(_tag_filter(each, f"{place}[{number}]", code) for number, each in enumerate(given))


def _tag_filter(given: Mapping[str, str], place: str, code: str) -> TagFilter:
    parts = {name: given[name] for name in _PARTS.get(given.get("Type", ""), ("Key", "Value")) if name in given}
    wanted = _PARTS[given["Type"]] if "Type" in given else tuple(parts) or ("Key",)
    if missing := [name for name in wanted if name not in parts or (name, parts[name]) == ("Key", "")]:
        raise Refused(code, f"{place}: give {' and '.join(missing)}")
    if problem := _too_long(parts.get("Key", ""), parts.get("Value", "")):
        raise Refused(code, f"{place}: {problem}")
    return TagFilter(key=parts.get("Key"), value=parts.get("Value"))


def _too_long(key: str, value: str) -> str | None:
    if len(key) > _MAX_KEY:
        return f"its Key has {len(key)} characters, at most {_MAX_KEY}"
    if len(value) > _MAX_VALUE:
        return f"its Value has {len(value)} characters, at most {_MAX_VALUE}"
    return None

"""ARN patterns for callers, as IAM's ArnLike matches them.

Each of the six colon-separated parts of an ARN is matched on its own: `*` and `?` never reach from one part into the
next. The sixth part is everything after the fifth colon.
Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Amazon Resource Name (ARN) condition
operators".
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from string import ascii_letters, ascii_lowercase, digits

MAX = 50  # patterns of a group
_SESSION = re.compile(r"arn:([a-z-]+):sts::(\d{12}):assumed-role/([^/]+)/.+")
_PARTS = 6
_SHORT = 100  # characters of a part that a message shows
_FORM = "arn:aws:iam::ACCOUNT:role/NAME"


def fits(patterns: Sequence[str], principal: str) -> bool:
    """Whether some pattern matches the caller's ARN. A pattern of a role matches all sessions of the role.

    >>> role = "arn:aws:iam::123456789012:role/deploy"
    >>> fits([role], "arn:aws:sts::123456789012:assumed-role/deploy/ann")
    True
    >>> fits(["arn:aws:iam::*:role/deploy"], "arn:aws:iam::123456789012:user/a:role/deploy")
    False
    """
    return any(_is_like(pattern, name) for pattern in patterns for name in _names(principal))


def only_one(patterns: Sequence[str]) -> str | None:
    """The one caller whom these patterns let in; None where there may be several.

    >>> ann = "arn:aws:iam::123456789012:user/ann"
    >>> only_one([ann]), only_one([ann, "arn:aws:iam::123456789012:role/lead"]), only_one([])
    ('arn:aws:iam::123456789012:user/ann', None, None)
    """
    first, *others = dict.fromkeys(patterns) or [""]
    is_one = first and not others and not set("*?") & set(first)
    return first if is_one and not first.split(":", _PARTS - 1)[-1].startswith("role/") else None


def problem(pattern: str) -> str | None:
    """Why the text is not a pattern that could match a caller, and what to write instead; None when it is one.

    >>> problem("arn:aws:iam::123456789012:role/team/deploy")
    'names the path of a role, which the ARN of a session does not have; write role/deploy'
    """
    parts = pattern.split(":", _PARTS - 1)
    if len(parts) < _PARTS or not _overlaps(parts[0], _ARN):
        return f"is not an IAM ARN; for example {_FORM} (* and ? are wildcards within one part)"
    partition, service, region, account, resource = parts[1:]
    if not _overlaps(partition, _PARTITION):
        return f"has the partition {partition[:_SHORT]!r}, which does not exist; write aws, aws-cn or aws-us-gov"
    resources = [each for name, each in _RESOURCES if _overlaps(service, _text(name))]
    if not resources:
        return f"has the service {service[:_SHORT]!r}; callers have iam or sts"
    if not _overlaps(region, ()):
        return f"has the region {region[:_SHORT]!r}; the ARNs of IAM have none, write :: in its place"
    if not _overlaps(account, _ACCOUNT):
        return f"has the account {account[:_SHORT]!r}; write its 12 digits (* and ? are wildcards)"
    if any(_overlaps(resource, form) for form in resources):
        return None
    if resource.startswith("role/") and resource.count("/") > 1:
        what = "names the path of a role, which the ARN of a session does not have"
        name = resource.rpartition("/")[2]
        return f"{what}; write role/{'NAME' if not name or set('*?') & set(name) else name}"
    kinds = "iam: user/NAME, role/NAME or root; sts: assumed-role/ROLE/SESSION or federated-user/NAME"
    return f"ends in {resource[:_SHORT]!r}, as the ARN of no caller does ({kinds})"


def _names(principal: str) -> tuple[str, ...]:
    session = _SESSION.fullmatch(principal)
    # A session's ARN leaves out the role's path, so no pattern can ask for one: `problem` says so.
    return (principal, f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}") if session else (principal,)


def _is_like(pattern: str, arn: str) -> bool:
    wanted, parts = pattern.split(":", _PARTS - 1), arn.split(":", _PARTS - 1)
    return len(wanted) == len(parts) == _PARTS and all(
        _expression(one).fullmatch(part) for one, part in zip(wanted, parts, strict=True)
    )


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(letter) or re.escape(letter) for letter in pattern), re.DOTALL)


# -- whether a pattern can match a caller at all

_Form = tuple[tuple[frozenset[str], bool], ...]  # sets of letters, each for one letter or (True) for any number of them


def _text(text: str) -> _Form:
    return tuple((frozenset(letter), False) for letter in text)


def _any(letters: str) -> _Form:
    """At least one of the letters."""
    return (frozenset(letters), False), (frozenset(letters), True)


_NAME = _any(ascii_letters + digits + "+=,.@_-")
_PATH = ((frozenset(map(chr, range(0x21, 0x7F))), True),)  # IAM allows any of these in the path of a user
_ARN = _text("arn")
_PARTITION: _Form = (*_text("aws"), (frozenset(ascii_lowercase + "-"), True))
_ACCOUNT: _Form = ((frozenset(digits), False),) * 12
_RESOURCES: tuple[tuple[str, _Form], ...] = (
    ("iam", _text("root")),
    ("iam", (*_text("user/"), *_PATH, *_NAME)),
    ("iam", (*_text("role/"), *_NAME)),
    ("sts", (*_text("assumed-role/"), *_NAME, *_text("/"), *_NAME)),
    ("sts", (*_text("federated-user/"), *_NAME)),
)  # what follows the account in a caller's ARN; a role is there because a pattern of it means its sessions


def _overlaps(pattern: str, form: _Form) -> bool:
    """Whether some text is matched by the pattern and has the form: both are walked side by side."""
    reached, ahead = {(0, 0)}, [(0, 0)]
    while ahead:
        for place in _steps(pattern, form, *ahead.pop()):
            if place not in reached:
                reached.add(place)
                ahead.append(place)
    return (len(pattern), len(form)) in reached


def _steps(pattern: str, form: _Form, at: int, in_form: int) -> Iterator[tuple[int, int]]:
    """Where a walk can be next: past what may match nothing, or one letter further in both."""
    letter = pattern[at] if at < len(pattern) else None
    letters, many = form[in_form] if in_form < len(form) else (frozenset[str](), False)
    if letter == "*":
        yield at + 1, in_form
    if many:
        yield at, in_form + 1
    if letter is not None and (letters if letter in "*?" else letter in letters):
        yield at + (letter != "*"), in_form + (not many)

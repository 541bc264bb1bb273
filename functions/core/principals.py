"""Who may deploy to a group: ARN patterns, as IAM's ArnLike would have them but over the whole ARN.

IAM decides who may call the API at all; a pattern of a group decides about this one group, which IAM does not see.
"""

import re
from collections.abc import Sequence
from functools import cache

_SESSION = re.compile(r"arn:([a-z-]+):sts::(\d{12}):assumed-role/([^/]+)/.+")
_PATTERN = re.compile(r"arn:aws[a-z*-]*:(?:iam|sts)::[0-9*?]{1,12}:[!-~]+")  # ASCII, as IAM's names are
MOST = 50  # patterns of a group


def may_deploy(patterns: Sequence[str], principal: str | None) -> bool:
    """Whether some pattern fits the caller's ARN; without patterns, everybody may.

    A session of a role is meant by a pattern of the role, too.

    >>> role = "arn:aws:iam::123456789012:role/deploy"
    >>> may_deploy([role], "arn:aws:sts::123456789012:assumed-role/deploy/ann")
    True
    """
    if not patterns:
        return True
    names = _names(principal) if principal else ()
    return any(_expression(pattern).fullmatch(name) for pattern in patterns for name in names)


def is_pattern(text: str) -> bool:
    """Whether it is an ARN of IAM or STS, with `*` and `?` for what may vary."""
    return _PATTERN.fullmatch(text) is not None


def _names(principal: str) -> tuple[str, ...]:
    session = _SESSION.fullmatch(principal)
    # A session's ARN leaves out the role's path, so a pattern of a role with one has to have a wildcard there.
    return (principal, f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}") if session else (principal,)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(letter) or re.escape(letter) for letter in pattern), re.DOTALL)

"""How long a service wants to be left alone: the header Retry-After of an HTTP answer.

Source: RFC 9110, section 10.2.3: whole seconds, or a date; services also send fractions of a second.
"""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_SECONDS = 3600  # of any rest: a mistaken header must not silence the news for longer
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")


def rest_seconds(header: str, now: datetime, usual: int) -> int:
    """The rest in whole seconds, 1 to MAX_SECONDS; `usual` where the header says nothing that can be read.

    >>> [rest_seconds(each, datetime(2026, 11, 23, tzinfo=UTC), 30) for each in ("7", "0.2", "999999999", "-5", "soon")]
    [7, 1, 3600, 30, 30]
    >>> rest_seconds("Mon, 23 Nov 2026 00:02:00 GMT", datetime(2026, 11, 23, tzinfo=UTC), 30)
    120
    """
    wanted = wanted_seconds(header, now)
    return usual if wanted is None else max(1, min(math.ceil(wanted), MAX_SECONDS))


def wanted_seconds(header: str, now: datetime) -> float | None:
    """What the header says, however long; None when it cannot be read. A date that has passed is 0 or less."""
    if _NUMBER.fullmatch(header.strip()):
        return float(header)
    try:
        then = parsedate_to_datetime(header.strip())
    except (ValueError, OverflowError):
        return None
    return ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds()

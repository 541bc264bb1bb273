"""How much fits: the limits of the services that our records and announcements go to, and what texts may take of them.

Sources: Amazon SNS, SQS and EventBridge quotas (a message, an entry and a call: 256 KB), Amazon DynamoDB quotas (an
item: 400 KB), Slack's "Block Kit" reference. All in bytes of the encoded form, Slack's in characters.

What texts may take is in bytes of ASCII JSON (functions/core/text/plain_text.py). A text goes out as JSON in JSON, once
more so when it waits in a queue: each time a quote or backslash doubles, so one byte becomes four at most. The metadata
of a deployment is the most that an announcement has: 10 entries of 64 and 1024 characters, up to 18 bytes each: 191 KB.
That leaves room for one message of 32 KB, which is MESSAGE four times.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")

SNS_BYTES = 256 * 1024  # of a message with its subject, and of one PublishBatch call
SQS_BYTES = 256 * 1024  # of a message
BUS_BYTES = 256 * 1024  # of one PutEvents call, and so of an entry
ITEM_BYTES = 400 * 1024  # of a record

SLACK_TEXT = 3000  # characters of a section
SLACK_FIELD = 2000
SLACK_HEADER = 150
SLACK_BLOCKS = 50

MESSAGE = 8 * 1024  # why a deployment ended, stopped or rolled back
NAMES = 4 * 1024  # a list of names in such a message
WHO = 4 * 1024  # who asked for a stop
METADATA_ENTRIES, METADATA_KEY, METADATA_VALUE = 10, 64, 1024  # how many, and characters of each
CAUSES, CAUSE_TARGETS = 10, 10  # that a deployment keeps of why its targets failed, and targets that each names
CAUSE_MESSAGE, CAUSE_SCRIPT = 1024, 256  # of such a cause; an announcement tells three
HOST_TEXT = 4 * 1024  # a script's name, a message or the end of a log: SSM shows 2,500 characters of a step in all
WARNING = 512  # one of an AppSpec
ANALYSIS_REASON = 512  # why metrics say what they say
SHOWN = 200  # characters of a value that a message shows


def batches(items: Iterable[Item], most: int) -> Iterator[list[Item]]:
    """Items as many at a time as one request takes, in their order, as far as they are wanted.

    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while some := list(islice(rest, most)):
        yield some

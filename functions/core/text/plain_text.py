"""Texts that somebody else wrote, as text only, and no longer than what they go into.

What hosts, revisions and people write reaches terminals, Slack and mail. There, some characters are orders and no text:
escape sequences move the cursor and overwrite what was said before, bidirectional controls and invisible letters let a
text look like another one, half of a surrogate pair cannot even be encoded. Each of them is shown as Python writes it
(`\\x1b`, `\\u202e`): unlike U+FFFD that says what was there, so a person can find it in the host's log.
"""

import json
from unicodedata import category

_HEAVIEST = 12  # bytes of ASCII JSON that one character is at most
_JOINERS = "\u200c\u200d"  # which emoji and some scripts need; they turn nothing around and hide nothing


def is_text(letter: str) -> bool:
    """Whether a character is nothing but text on one line."""
    return letter.isprintable() or letter in _JOINERS or category(letter) == "Zs"


def visible(text: str, keep: str = "") -> str:
    """The text with every character that is an order in its visible form, but for those of `keep`.

    >>> visible("a\\x1b[2Jb\\u202ec\\n"), visible("a\\r\\n\\tb", keep="\\n\\t")
    ('a\\\\x1b[2Jb\\\\u202ec\\\\n', 'a\\n\\tb')
    """
    if "\n" in keep:
        text = text.replace("\r\n", "\n")
    if text.isprintable():  # as nearly all are: ten thousand targets are read
        return text
    orders = [each for each in set(text).difference(keep) if not is_text(each)]
    return text.translate({ord(each): repr(each)[1:-1] for each in orders}) if orders else text


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "host"), counted(2000, "host")
    ('1 host', '2000 hosts')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def weight(text: str) -> int:
    """The bytes of a text as ASCII JSON, the longest form that anything of ours gives it once: up to 6 of one
    character, 12 of one beyond U+FFFF. In UTF-8 it has at most as many.

    >>> weight("a"), weight("é"), weight(chr(0x1F600))
    (1, 6, 12)
    """
    return len(json.dumps(text)) - 2


def clipped(text: str, most: int, *, keep_end: bool = False) -> str:
    """The text if it weighs at most `most` bytes, else its begin (or end) that does, with a mark.

    >>> clipped("abcdefghijkl", 10), clipped("abcdefghijkl", 10, keep_end=True)
    ('abcd…', '…ijkl')
    """
    if len(text) * _HEAVIEST <= most or (len(text) <= most and weight(text) <= most):
        return text
    fits, beyond = 0, min(len(text), most + 1)  # characters that fit beside the mark, and that do not: each weighs one
    while beyond - fits > 1:
        middle = (fits + beyond) // 2
        part = text[-middle:] if keep_end else text[:middle]
        fits, beyond = (middle, beyond) if weight(part) + weight("…") <= most else (fits, middle)
    return "…" + text[len(text) - fits :] if keep_end else text[:fits] + "…"


def listed(names: list[str] | tuple[str, ...], most: int, separator: str = ", ") -> str:
    """Names one after the other: as many as weigh at most `most` bytes together, and how many more there are.

    >>> listed(["a", "b", "c"], 100), listed(["aaaa", "bbbb", "cccc"], 10)
    ('a, b, c', 'aaaa, bbbb and 1 more')
    """
    room, shown = most, list[str]()
    for name in names:
        room -= weight(name) + (weight(separator) if shown else 0)
        if room < 0:
            break
        shown.append(name)
    left = len(names) - len(shown)
    return separator.join(shown) + (f" and {left} more" if left and shown else f"{left} of them" if left else "")


def told(text: str, most: int, *, keep_end: bool = False) -> str:
    """A text of several lines for the records: visible, and at most `most` bytes."""
    return clipped(visible(text, keep="\n\t"), most, keep_end=keep_end)

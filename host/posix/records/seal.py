"""The seal of what is installed: checksums, by which a damaged cleanup file is found and made anew from install.json.

It lies beside both, in sha256sum's form, because runners of other versions read the cleanup file, too. It is there from
the end of one Install until the next one has removed what that had installed: meanwhile nothing changes the two.
"""

import hashlib
import json
import os
from typing import Dict, Iterator, Optional

from host.posix.layout import Layout, write_atomically
from host.report import Failed

_CHUNK = 1024 * 1024
_ANEW = (
    "{}, the list of what the last deployment installed here, was damaged: it has been made anew from {}. Only file"
    " contexts (semanage) of that deployment are not in it, and stay"
)
_LOST = (
    "{}, the list of what the last deployment installed here, is damaged, and so is {}, from which it could be made"
    " anew: nothing was changed. To go on with the lines that are left, rm {} and deploy again; what they do not name"
    " stays on the host, or is in the way until you remove it or deploy once with fileExistsBehavior OVERWRITE"
)
_UNREADABLE = "{} is damaged: whether {}, the list of what the last deployment installed here, is whole is not known"


def seal(layout: Layout) -> None:
    """An Install has ended: what it has put on record stays, also when the power fails."""
    sums = ["{}  {}\n".format(_sum(path, durable=True), _name(path)) for path in (layout.cleanup, layout.install)]
    layout.with_reserve(lambda: write_atomically(layout.seal, "".join(sums).encode(), durable=True))


def break_seal(layout: Layout) -> None:
    """The next one begins."""
    try:
        os.unlink(layout.seal)
    except FileNotFoundError:
        pass


def repair(layout: Layout) -> str:
    """Make the cleanup file anew where it is not what was sealed. Gives what is to be said of that, if anything.

    Raises Failed where that cannot be.
    """
    sums = _sums(layout.seal)
    if sums is None:
        return ""
    if sums.get(_name(layout.cleanup)) == _sum(layout.cleanup):
        return ""
    if _name(layout.cleanup) not in sums:
        return _UNREADABLE.format(layout.seal, layout.cleanup)
    try:
        lines = list(_lines(layout.install)) if sums.get(_name(layout.install)) == _sum(layout.install) else None
    except (ValueError, KeyError, TypeError):  # of another version
        lines = None
    if lines is None:
        raise Failed("ENGINE", _LOST.format(layout.cleanup, layout.install, layout.seal))
    write_atomically(layout.cleanup, lines, durable=True)
    seal(layout)
    return _ANEW.format(layout.cleanup, layout.install)


def _lines(install: str) -> Iterator[bytes]:
    """The cleanup file of an Install that has made everything that its plan had."""
    with open(install, "rb") as file:
        for each in json.load(file)["instructions"]:
            is_folder = each["kind"] == "directory"
            yield json.dumps(each["destination"] + ("/" if is_folder else "")).encode() + b"\n"


def _name(path: str) -> str:
    return os.path.basename(path)


def _sum(path: str, *, durable: bool = False) -> str:
    """Nothing for what is not there."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:
            for chunk in iter(lambda: file.read(_CHUNK), b""):
                digest.update(chunk)
            if durable:
                os.fsync(file.fileno())
    except FileNotFoundError:
        return ""
    return digest.hexdigest()


def _sums(path: str) -> Optional[Dict[str, str]]:
    """By name; None where nothing is sealed."""
    try:
        with open(path, "rb") as file:
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return None
    found = (line.partition("  ") for line in lines)
    return {name: digest for digest, _, name in found if name}

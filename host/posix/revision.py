"""An unpacked revision on this host: how it gets to its place, and its AppSpec."""

import os
from functools import lru_cache
from typing import Callable

from host.appspec import AppSpec, AppSpecError, names_of
from host.instructions import Instructions
from host.posix.layout import Layout
from host.report import Failed


def read_appspec(instructions: Instructions, archive: str, place: str = "") -> AppSpec:
    """The AppSpec of an unpacked revision, which messages say is at `place`. Raises Failed."""
    for name in names_of(instructions.appspec_filename):
        path = os.path.join(archive, name)
        if os.path.islink(path) and not os.path.realpath(path).startswith(os.path.realpath(archive) + os.sep):
            raise Failed("APPSPEC", "{} leads out of the revision, to {}".format(name, os.path.realpath(path)))
        if os.path.isfile(path):
            try:
                with open(path, encoding="utf-8-sig") as file:
                    return _parsed(file.read(), name)
            except (AppSpecError, UnicodeDecodeError) as error:
                raise Failed("APPSPEC", str(error)) from error
    raise Failed(
        "APPSPEC",
        "The CodeDeploy agent did not find an AppSpec file within the unpacked revision directory at revision-relative"
        ' path "{}". The revision was unpacked to directory "{}", and the AppSpec file was not found at path "{}".'
        "".format(
            instructions.appspec_filename,
            place or archive,
            os.path.join(place or archive, instructions.appspec_filename),
        ),
    )


@lru_cache(maxsize=2)  # the previous revision's and this one's, of all events that one process runs
def _parsed(text: str, name: str) -> AppSpec:
    from host.grammar import parse  # YAML takes longer to import than most events take

    return parse(text, name)


def take(instructions: Instructions, layout: Layout, fill: Callable[[str], None]) -> None:
    """Make the folder that `fill` makes the unpacked revision, whole or not at all. Raises Failed and OSError."""
    from host.bundle.entries import ArchiveError

    partial = layout.archive + ".partial"
    for folder in (layout.archive, partial):
        _remove(folder)
    try:
        fill(partial)
        read_appspec(instructions, partial, layout.archive)
        os.rename(partial, layout.archive)
    except ArchiveError as error:
        raise Failed("DOWNLOAD", "the revision {}".format(error)) from error
    finally:
        _remove(partial)
    layout.mark_most_recent()


def _remove(folder: str) -> None:
    if os.path.lexists(folder):
        import shutil  # seldom needed, and long to import

        shutil.rmtree(folder, ignore_errors=True)

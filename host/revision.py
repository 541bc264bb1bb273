"""An unpacked revision on this host: its AppSpec."""

import os

from host.appspec import AppSpec, AppSpecError, names_of, parse
from host.report import Failed
from host.told import Told


def read_appspec(told: Told, archive: str) -> AppSpec:
    """The AppSpec of an unpacked revision. Raises Failed."""
    for name in names_of(told.appspec_filename):
        path = os.path.join(archive, name)
        if os.path.islink(path):
            raise Failed("APPSPEC", "{} is no regular file: it cannot be a link or a folder".format(name))
        if os.path.isfile(path):
            try:
                with open(path, encoding="utf-8-sig") as file:
                    return parse(file.read(), name)
            except (AppSpecError, UnicodeDecodeError) as error:
                raise Failed("APPSPEC", str(error)) from error
    raise Failed(
        "APPSPEC",
        "The CodeDeploy agent did not find an AppSpec file within the unpacked revision directory at revision-relative"
        ' path "{}". The revision was unpacked to directory "{}".'.format(told.appspec_filename, archive),
    )

"""What an archive and its AppSpec, each right by itself, make known of the deployment: what is sure to fail.

A source or script that is merely missing is not: a hook that runs earlier may make it.
"""

from typing import List, Set

from host.appspec import AppSpec
from host.bundle.archive import Checked
from host.forms import why_missing
from host.lifecycle import WITHOUT_HOOKS


def sure_failures(appspec: AppSpec, checked: Checked) -> List[str]:
    """One line for each, with its field."""
    names, failures = checked.names(), []
    for event, hooks in appspec.hooks.items():
        for number, hook in enumerate(hooks if event not in WITHOUT_HOOKS else ()):
            field = "hooks.{}[{}].location".format(event.value, number)
            why = checked.first_line_error(hook.location) or _why_missing(hook.location, names, checked)
            if why:
                failures.append("{}: {!r}: {}".format(field, hook.location, why))
    for number, mapping in enumerate(appspec.files):
        why = _why_missing(mapping.source, names, checked)
        if why:
            failures.append("files[{}].source: the revision has no {!r}: {}".format(number, mapping.source, why))
    return failures


def _why_missing(path: str, names: Set[str], checked: Checked) -> str:
    return "" if checked.holds(path, names) else why_missing(path, names)

"""Paths of an AppSpec that somebody meant in another way than they are taken: as a shell or Windows has them.

Nothing expands an AppSpec's paths, neither here nor in the reference agent. A destination of such a form would be made
under that very name; a source or script of such a form is missing, unless the revision holds one of that name.
"""

import posixpath
import re
from typing import Collection, List

BLANKS = " \t\n\v\f\r"  # what Ruby's strip takes away, and so the agent
_SHELL = re.compile(r"\$[\w{(]|`|%\w+%")
_DRIVE = re.compile(r"[A-Za-z]:([\\/]|$)")


def unexpanded(path: str) -> str:
    """Why a path is not what it looks like, with the remedy; "" for any other.

    >>> unexpanded("~/app"), unexpanded("/srv/app~")
    ('~ is not expanded: write the home folder itself, for example /home/ann/app', '')
    """
    if path.startswith("~"):
        return "~ is not expanded: write the home folder itself, for example /home/ann/app"
    if _DRIVE.match(path) or "\\" in path:
        return "this is how Windows writes paths: write it with /, for example /srv/app"
    if _SHELL.search(path):
        return "variables are not expanded: write the path itself, for example /srv/app"
    return ""


def why_missing(path: str, names: Collection[str]) -> str:
    """What was meant by a source or location that the revision does not hold; "" when nothing says so.

    `names` are the revision's files and folders, without slashes around them.

    >>> why_missing("start.sh prod", ["start.sh"])
    'arguments are not possible: write a script that calls start.sh with them, and give that'
    >>> why_missing("Scripts/start.sh", ["scripts/start.sh"])
    'it holds scripts/start.sh: names are case-sensitive'
    """
    wanted = posixpath.normpath(path.strip("/"))
    if wanted in names:
        return ""
    bare = wanted.strip(BLANKS)
    if bare != wanted and bare.strip("/") in names:
        return "the spaces around it belong to the name, as with the CodeDeploy agent: leave them out"
    with_slashes = wanted.replace("\\", "/")
    if with_slashes != wanted and with_slashes in names:
        return "write {}".format(with_slashes)
    if unexpanded(wanted):
        return unexpanded(wanted).replace("/srv/app", "scripts/start.sh").replace("/home/ann/app", "scripts/start.sh")
    words: List[str] = wanted.split()
    if len(words) > 1 and words[0] in names:
        return "arguments are not possible: write a script that calls {} with them, and give that".format(words[0])
    other = next((name for name in names if name.lower() == wanted.lower()), "")
    return "it holds {}: names are case-sensitive".format(other) if other else ""

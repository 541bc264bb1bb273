"""What people call a revision."""

import re

from functions.core.records import Deployment
from functions.core.revision import PUSHED_PREFIX

_PUSHED = re.compile(rf"{re.escape(PUSHED_PREFIX)}[^/]+/(?:(?P<name>.+)-)?(?P<digest>[0-9a-f]{{64}})\.[a-z]+")
_COMMIT = re.compile(r"([0-9a-f]{7})[0-9a-f]{33}(?:[0-9a-f]{24})?(-dirty)?")
_SHORT = 12  # digits of a digest or of a commit that is the revision


def revision_name(deployment: Deployment) -> str:
    """The revision of a deployment: its name, with its commit and branch where these are known.

    A name is what `push --name` gave it, or where it was uploaded to; without one and without a commit there are the
    first digits of its digest.
    """
    revision, metadata = deployment.revision, deployment.metadata
    if named := revision.named_commit:
        return f"{named.repository}@{named.commit[:_SHORT]}"
    found = _PUSHED.fullmatch(revision.key)
    name = found["name"] if found else revision.key.removeprefix(f"{deployment.group_key}/")
    commit = _COMMIT.fullmatch(metadata.get("commit", ""))
    told = f"{commit[1]}{commit[2] or ''} {metadata.get('branch', '')}".strip() if commit else ""
    if name and told:
        return f"{name} ({told})"
    return name or told or (found["digest"][:_SHORT] if found else revision.key)

"""What an object that arrives in a bucket is: a revision to deploy, somebody's mistake, or not ours.

A bucket is also a place where others put things. Pipelines keep artifacts there (`<pipeline>/SourceArti/aB3dE5g`),
consoles make folders (objects of zero bytes whose key ends in a slash), tools leave checksums, signatures and hidden
files beside an archive. Of those nobody wants to hear. Of an upload that was meant for a group and goes nowhere
somebody must hear, because nothing else would say so. The key (in a bucket that is not the engine's own: what of it
stands behind that bucket's prefix) has two sides that tell:

- *The place*. Below an existing group everything is meant for it. Below an existing application, or one whose name is
  nearly that of an existing one, an archive is: other files there may be anybody's, so two things would have to be
  wrong at once. Elsewhere nothing is: a team that keeps `builds/x.zip` here is not told of a failed deployment.
- *The name*. An archive is what ends as a revision does, or as an archive that we cannot unpack (.rar, .7z, ...). Below
  a group any other file is a mistake, too, also an `appspec.yml` by itself; but only directly below it: who copies a
  whole folder there is told of the files on top, not of each one in its subfolders.
"""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches

from functions.core.errors import InvalidInput
from functions.core.revision import SUFFIXES, bundle_type
from functions.core.statuses import BundleType, DeploymentErrorCode
from functions.core.text.names import is_name, is_reserved

_FORM, _EXAMPLE = "<application>/<group>/<name>", "shop/web/build-42.zip"
_OTHER_ARCHIVES = (".rar", ".7z", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".jar", ".war", ".ear")
_BESIDE = (".sha1", ".sha256", ".sha512", ".md5", ".sum", ".sig", ".asc", ".minisig", ".pem", ".sbom", ".json", ".txt")
_CLOSE = 0.75  # of difflib's ratio: "shpo" for "shop" is; "store" for "shop" is not
_SHOWN = 200  # characters of a key that a message shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a key lies: `<application>/<group>/<name>`; a part that it does not have is ""."""

    application: str
    group: str
    name: str

    @property
    def may_be_a_group(self) -> bool:
        """Whether there can be a group of these names, so that it is worth looking."""
        return bool(self.name) and is_name(self.application) and is_name(self.group)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToDeploy:
    """A revision for a group."""

    bundle_type: BundleType


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """An upload that was meant for a group and that nothing can be done with: told as a deployment that failed."""

    code: DeploymentErrorCode
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOurs:
    """Nobody is told of it."""

    reason: str


Meaning = ToDeploy | Mistake | NotOurs


def place_of(key: str) -> Place:
    """
    >>> place_of("shop/web/2026/1.zip")
    Place(application='shop', group='web', name='2026/1.zip')
    """
    application, _, rest = key.partition("/")
    group, _, name = rest.partition("/")
    return Place(application=application, group=group, name=name)


def below(prefix: str, key: str) -> str | None:
    """What of a key stands behind the prefix; None where it does not lie below it.

    >>> below("releases/", "releases/shop/web/1.zip"), below("releases/", "shop/web/1.zip"), below("", "shop/web/1.zip")
    ('shop/web/1.zip', None, 'shop/web/1.zip')
    """
    return key.removeprefix(prefix) if key.startswith(prefix) else None


def beyond_doubt(key: str) -> NotOurs | None:
    """What is nobody's business wherever it lies, so that no table need be asked."""
    name = key.rpartition("/")[2]
    if is_reserved(place_of(key).application):
        return NotOurs(reason="it is in a folder that is not an application")
    if not name:
        return NotOurs(reason="it is a folder")
    if name.startswith("."):
        return NotOurs(reason="it is a hidden file")
    if "/" not in key:
        return NotOurs(reason="it is at the top of the bucket, not in a folder")
    if _lies_beside_a_revision(name):
        return NotOurs(reason="it belongs to the revision beside it")
    return None


def meaning(key: str, *, has_group: bool, applications: Collection[str], prefix: str = "") -> Meaning:
    """What an upload is.

    `has_group` says whether there is the group that the key names; `applications` are the names of all, which need not
    be known when there is the group. `prefix`: behind which the key stands, for messages.
    """
    if sure := beyond_doubt(key):
        return sure
    place = place_of(key)
    if has_group:
        return _to_a_group(key, place)
    if not _is_archive(key):
        return NotOurs(reason="it is not an archive, and not in a group's folder")
    if place.application in applications:
        return _to_no_group(key, place, prefix)
    if close := _close_to(place.application, applications):
        remedy = f"did you mean {close!r}? Otherwise declare it in deployments.yaml and run cdk deploy."
        what = f"There is no application {place.application[:_SHOWN]!r}: {remedy}"
        return Mistake(code=DeploymentErrorCode.APPLICATION_MISSING, message=what)
    return NotOurs(reason="no application has this name or a similar one")


def _to_a_group(key: str, place: Place) -> Meaning:
    try:
        return ToDeploy(bundle_type=bundle_type(key))
    except InvalidInput as error:
        if "/" in place.name and not _is_archive(key):
            return NotOurs(reason="it is a file in a folder below the group")
        return Mistake(code=DeploymentErrorCode.INVALID_REVISION, message=str(error))


def _to_no_group(key: str, place: Place, prefix: str) -> Mistake:
    if not (place.group and place.name):
        what = f"key {key[:_SHOWN]!r}: upload to {prefix}{_FORM}, for example {prefix}{_EXAMPLE}"
        return Mistake(code=DeploymentErrorCode.INVALID_REVISION, message=what)
    what = f"deployment group {place.group[:_SHOWN]!r} of {place.application!r}"
    return Mistake(
        code=DeploymentErrorCode.DEPLOYMENT_GROUP_MISSING,
        message=f"There is no {what}: declare it in deployments.yaml and run cdk deploy.",
    )


def _is_archive(key: str) -> bool:
    return key.lower().endswith((*SUFFIXES, *_OTHER_ARCHIVES))


def _lies_beside_a_revision(name: str) -> bool:
    """
    >>> _lies_beside_a_revision("1.zip.sha256"), _lies_beside_a_revision("notes.txt")
    (True, False)
    """
    lowered = name.lower()
    return any(lowered.endswith(end) and lowered.removesuffix(end).endswith(tuple(SUFFIXES)) for end in _BESIDE)


def _close_to(name: str, known: Collection[str]) -> str | None:
    """The name that was probably meant; how it is written in capitals or not counts for nothing."""
    by_folded = {each.lower(): each for each in known}
    close = get_close_matches(name[:_SHOWN].lower(), list(by_folded), n=1, cutoff=_CLOSE)
    return by_folded[close[0]] if close else None

"""Revisions: the key of an upload says where it goes, and how it is packed."""

from dataclasses import dataclass

from functions.core.errors import InvalidInput
from functions.core.statuses import BundleType

SUFFIXES = {
    ".zip": BundleType.ZIP,
    ".tar": BundleType.TAR,
    ".tar.gz": BundleType.TGZ,
    ".tgz": BundleType.TGZ,
}
ENGINE_PREFIX = ".stepdeploy/"  # the engine's own objects in the revision bucket
PUSHED_PREFIX = f"{ENGINE_PREFIX}revisions/"  # archives that are kept here until somebody deploys them


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What an upload's key asks for."""

    application: str
    group: str
    bundle_type: BundleType


def bundle_type(key: str) -> BundleType:
    """How the object is packed, by its suffix. Raises InvalidInput for any other suffix.

    >>> bundle_type("shop/web/1.tar.gz")
    <BundleType.TGZ: 'tgz'>
    """
    for suffix, kind in SUFFIXES.items():
        if key.lower().endswith(suffix):
            return kind
    raise InvalidInput(f"key {key!r}: a revision ends in one of {', '.join(SUFFIXES)}")


def destination(key: str) -> Destination:
    """Where an upload goes: `<application>/<group>/<anything>.{zip,tar,tar.gz,tgz}`. Raises InvalidInput."""
    application, slash, rest = key.partition("/")
    group, second, name = rest.partition("/")
    if not (application and group and slash and second and name):
        raise InvalidInput(f"key {key!r}: upload to <application>/<group>/<name>, for example shop/web/build-42.zip")
    return Destination(application=application, group=group, bundle_type=bundle_type(key))

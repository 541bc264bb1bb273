"""The key of an upload."""

import pytest

from functions.core.errors import InvalidInput
from functions.core.revisions import destination
from functions.core.statuses import BundleType


@pytest.mark.parametrize(
    ("key", "group", "kind"),
    [
        ("shop/web/1.zip", "web", BundleType.ZIP),
        ("shop/web/2026/11/build.tar.gz", "web", BundleType.TGZ),
        ("shop/api/b.tgz", "api", BundleType.TGZ),
        ("shop/api/B.TAR", "api", BundleType.TAR),
    ],
)
def test_the_key_names_application_group_and_packing(key: str, group: str, kind: BundleType) -> None:
    found = destination(key)
    assert (found.application, found.group, found.bundle_type) == ("shop", group, kind)


@pytest.mark.parametrize("key", ["build.zip", "shop/build.zip", "shop//build.zip", "/web/build.zip", "shop/web/"])
def test_a_key_without_application_and_group_says_where_to_upload(key: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"upload to <application>/<group>/<name>, for example shop/web/build-42\.zip"
    ):
        destination(key)


def test_an_unknown_packing_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"ends in one of \.zip, \.tar, \.tar\.gz, \.tgz"):
        destination("shop/web/build.rar")

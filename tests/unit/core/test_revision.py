"""How a revision is packed, by its key."""

import pytest

from functions.core.errors import InvalidInput
from functions.core.revision import bundle_type
from functions.core.statuses import BundleType


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("shop/web/1.zip", BundleType.ZIP),
        ("shop/web/2026/11/build.tar.gz", BundleType.TGZ),
        ("shop/api/b.Tgz", BundleType.TGZ),
        ("shop/api/B.TAR", BundleType.TAR),
    ],
)
def test_the_suffix_tells_the_packing(key: str, kind: BundleType) -> None:
    assert bundle_type(key) is kind


def test_an_unknown_packing_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"ends in one of \.zip, \.tar, \.tar\.gz, \.tgz"):
        bundle_type("shop/web/build.rar")

"""What an object that arrives in the revision bucket is."""

import pytest

from functions.core.statuses import BundleType, DeploymentErrorCode
from functions.core.uploads import Mistake, NotOurs, ToDeploy, meaning, place_of

APPLICATIONS = ("shop", "billing-api")
GROUPS = {("shop", "web"), ("billing-api", "production")}
NO_APPLICATION = DeploymentErrorCode.APPLICATION_MISSING
NO_GROUP = DeploymentErrorCode.DEPLOYMENT_GROUP_MISSING
INVALID = DeploymentErrorCode.INVALID_REVISION


def found(key: str) -> ToDeploy | Mistake | NotOurs:
    place = place_of(key)
    return meaning(key, has_group=(place.application, place.group) in GROUPS, applications=APPLICATIONS)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("shop/web/1.zip", BundleType.ZIP),
        ("shop/web/1.ZIP", BundleType.ZIP),
        ("shop/web/2026/11/build.Tar.Gz", BundleType.TGZ),
        ("billing-api/production/größe 1.tgz", BundleType.TGZ),
    ],
)
def test_an_archive_below_a_group_is_deployed(key: str, kind: BundleType) -> None:
    assert found(key) == ToDeploy(bundle_type=kind)


@pytest.mark.parametrize(
    ("key", "code", "words"),
    [
        # below a group
        ("shop/web/1.rar", INVALID, "ends in one of .zip, .tar, .tar.gz, .tgz"),
        ("shop/web/2026/1.tar.bz2", INVALID, "ends in one of .zip, .tar, .tar.gz, .tgz"),
        ("shop/web/build-42", INVALID, "ends in one of"),
        ("shop/web/appspec.yml", INVALID, "ends in one of"),
        # below an application
        ("shop/wbe/1.zip", NO_GROUP, "no deployment group 'wbe' of 'shop'"),
        ("shop/wbe/1.7z", NO_GROUP, "no deployment group 'wbe' of 'shop'"),
        ("shop/web.zip", INVALID, "upload to <application>/<group>/<name>"),
        ("shop//1.zip", INVALID, "upload to <application>/<group>/<name>"),
        # below what is nearly an application
        ("shpo/web/1.zip", NO_APPLICATION, "did you mean 'shop'?"),
        ("Shop/web/1.zip", NO_APPLICATION, "did you mean 'shop'?"),
        ("shops/web.zip", NO_APPLICATION, "did you mean 'shop'?"),
        ("billing_api/production/1.tar.gz", NO_APPLICATION, "did you mean 'billing-api'?"),
    ],
)
def test_a_mistake_is_told_with_what_helps(key: str, code: DeploymentErrorCode, words: str) -> None:
    mistake = found(key)
    assert isinstance(mistake, Mistake) and mistake.code is code and words in mistake.message


@pytest.mark.parametrize(
    "key",
    [
        # what tools and consoles leave, also below a group
        "shop/web/",
        "shop/",
        "shop/web/.DS_Store",
        "shop/web/1.zip.sha256",
        "shop/web/1.tar.gz.ASC",
        "shop/web/site/assets/logo.png",
        "shop/web/logs/access.log.gz",
        # other files below an application that has no such group: a pipeline of its name, for one
        "shop/SourceArti/aB3dE5g",
        "shop/logs/2026-11-23.log",
        "shop/readme.md",
        # other people's
        "builds/1.zip",
        "builds/web/1.zip",
        "store/web/1.zip",
        "MyPipeline/BuildArtif/xYz1234.zip",
        "shpo/web/readme.md",
        "logs/2026/11/23/access.log.gz",
        # nobody's folder
        "1.zip",
        "shop.zip",
        "/web/1.zip",
        "",
        # the engine's
        ".stepdeploy/logs/d-1/i-1/Install.log.gz",
        ".stepdeploy/revisions/shop/1.zip",
    ],
)
def test_the_rest_is_nobodys_business(key: str) -> None:
    assert isinstance(found(key), NotOurs)

"""What users get wrong: a clear error on the record and in Slack, and no host touched."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from functions.core.records import Deployment
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, TargetStatus
from local.driver import wait_for
from tests.e2e.conftest import Fleet, MakeFleet, application


def zipped(*entries: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in entries:
            archive.writestr(name, body)
    return packed.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for member, body in members:
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return packed.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


APPSPEC = ("appspec.yml", b"version: 0.0\nos: linux\n")
APPSPEC_MEMBER = (member("appspec.yml"), APPSPEC[1])


def assert_refused(group: Fleet, one: Deployment, code: DeploymentErrorCode, *words: str) -> None:
    assert one.status is DeploymentStatus.FAILED
    assert one.failure and one.failure.code is code
    assert all(word in one.failure.message for word in words), one.failure.message
    assert one.counts.started == 0 and group.engine.holder(group.key) is None
    assert all(group.ran(host) == [] and group.read(host, "srv/app/version.txt") == "" for host in group.hosts)


@pytest.mark.parametrize(
    ("name", "archive", "words"),
    [
        ("text.zip", lambda: b"this is no archive", ["text.zip", "zip archive"]),
        ("text.tgz", lambda: b"this is no archive", ["text.tgz"]),
        ("no-appspec.zip", lambda: zipped(("readme", b"hello")), ["appspec.yml"]),
        (
            "bad-appspec.zip",
            lambda: application("v1", {"appspec.yml": "version: 0.0\nos: linux\nhooks:\n  BeforeInstal: []\n"}),
            ["appspec.yml:4", "BeforeInstal"],
        ),
        ("dots.zip", lambda: zipped(APPSPEC, ("../outside", b"x")), ["../outside"]),
        ("absolute.tgz", lambda: tarred(APPSPEC_MEMBER, (member("/etc/passwd"), b"x")), ["/etc/passwd"]),
        ("link.tgz", lambda: tarred(APPSPEC_MEMBER, (member("l", tarfile.SYMTYPE, "../../etc"), b"")), ["l"]),
        ("device.tgz", lambda: tarred(APPSPEC_MEMBER, (member("null", tarfile.CHRTYPE), b"")), ["null"]),
        ("bomb.zip", lambda: zipped(APPSPEC, ("zeros", bytes(200 * 1024 * 1024))), ["zeros"]),
    ],
)
def test_a_bad_archive_is_refused_before_any_host(
    fleet: MakeFleet, name: str, archive: Callable[[], bytes], words: list[str]
) -> None:
    group = fleet("bad-input", hosts=1)
    one = group.engine.wait(group.upload(name, archive()))
    assert_refused(group, one, DeploymentErrorCode.INVALID_REVISION, *words)


def test_a_refusal_is_told_in_slack(fleet: MakeFleet) -> None:
    group = fleet("bad-input", hosts=1)
    one = group.engine.wait(group.upload("refused.zip", zipped(("readme", b"hello"))))

    def told() -> bool:
        texts = (json.dumps(each) for each in group.cloud.slack.messages())
        return any(one.deployment_id in text and "appspec.yml" in text for text in texts)

    wait_for(told, "Slack to hear of the refusal")


@pytest.mark.parametrize(
    ("key", "code", "words"),
    [
        ("shpo/web/v1.zip", DeploymentErrorCode.APPLICATION_MISSING, "no application 'shpo': did you mean 'shop'?"),
        ("shop/nothing/v1.zip", DeploymentErrorCode.DEPLOYMENT_GROUP_MISSING, "no deployment group 'nothing'"),
        ("shop/v1.zip", DeploymentErrorCode.INVALID_REVISION, "upload to <application>/<group>/<name>"),
        ("shop/bad-input/v1.rar", DeploymentErrorCode.INVALID_REVISION, "ends in one of .zip, .tar, .tar.gz, .tgz"),
    ],
)
def test_a_key_that_names_nothing_is_a_failed_deployment(
    fleet: MakeFleet, key: str, code: DeploymentErrorCode, words: str
) -> None:
    engine = fleet("bad-input", hosts=0).engine
    one = engine.deployment(engine.upload(key, application("v1")))
    assert one.status is DeploymentStatus.FAILED
    assert one.failure and one.failure.code is code and words in one.failure.message


def test_a_group_without_instances_fails_with_no_instances(fleet: MakeFleet) -> None:
    group = fleet("nobody", hosts=0)
    assert_refused(group, group.deploy("v1"), DeploymentErrorCode.NO_INSTANCES, "shop/nobody")


def test_instances_that_ssm_does_not_manage_are_named(fleet: MakeFleet) -> None:
    group = fleet("unmanaged", hosts=2, managed=False)
    one = group.deploy("v1")
    assert one.status is DeploymentStatus.FAILED and one.counts.started == 0
    assert one.failure and "SSM does not manage this instance" in one.failure.message
    assert all(host.name in one.failure.message for host in group.hosts)
    assert {target.status for target in group.targets(one)} == {TargetStatus.FAILED}


def test_an_object_deleted_before_its_deployment_began_is_missed_by_name(fleet: MakeFleet) -> None:
    group = fleet("bad-input", hosts=1)
    s3 = group.cloud.client("s3")
    put = s3.put_object(Bucket=group.engine.bucket, Key="shop/bad-input/gone.zip", Body=application("v1"))
    s3.delete_object(Bucket=group.engine.bucket, Key="shop/bad-input/gone.zip", VersionId=put["VersionId"])
    one = group.engine.wait(group.engine.started_by("shop/bad-input/gone.zip", put["VersionId"]))
    assert_refused(group, one, DeploymentErrorCode.REVISION_MISSING, "gone.zip", "does not exist")


def started(one: Deployment) -> str:
    assert one.start_time
    return one.start_time


def test_many_uploads_at_once_are_all_on_record_and_the_newest_one_wins(fleet: MakeFleet) -> None:
    """Invariants 2, 3 and 8."""
    group, uploads = fleet("burst", hosts=1), 40
    s3 = group.cloud.client("s3")
    with ThreadPoolExecutor(8) as people:
        for number in range(uploads):
            key, archive = f"{group.key}/{number}.zip", application(str(number))
            people.submit(s3.put_object, Bucket=group.engine.bucket, Key=key, Body=archive)

    def settled() -> list[Deployment] | None:
        found = group.engine.deployments(group.key)
        return found if len(found) == uploads and all(one.status.is_final for one in found) else None

    found = wait_for(settled, "all deployments to end", every=2)
    ran = sorted((one for one in found if one.status is DeploymentStatus.SUCCEEDED), key=started)
    superseded = [one for one in found if one.status is DeploymentStatus.STOPPED]
    assert len(ran) + len(superseded) == uploads
    assert all(one.failure and one.failure.message.startswith("Superseded by the newer") for one in superseded)
    assert all(before.complete_time and before.complete_time <= started(after) for before, after in pairwise(ran)), (
        "one at a time"
    )
    assert ran[-1].create_time == found[0].create_time, "the newest"
    assert group.installed() == [Path(ran[-1].revision.key).stem] and group.engine.holder(group.key) is None

    def all_told() -> bool:
        told = json.dumps(group.cloud.slack.messages())
        return all(one.deployment_id in told for one in found)

    wait_for(all_told, "Slack to hear of every one")


def test_the_group_takes_good_revisions_after_all_that(fleet: MakeFleet) -> None:
    """Invariant 8."""
    group = fleet("bad-input", hosts=1)
    group.engine.wait(group.upload("bad.zip", b"no"))
    assert group.deploy("v1").status is DeploymentStatus.SUCCEEDED and group.installed() == ["v1"]

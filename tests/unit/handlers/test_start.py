"""start: uploads and requests become deployments, or say why not."""

import io
from dataclasses import dataclass
from typing import Any

import pytest

from functions.core.errors import InvalidInput
from functions.core.records import Deployment, GroupSettings
from functions.core.statuses import BundleType, DeploymentErrorCode, DeploymentStatus, OnBusy
from functions.handlers.start import handler
from functions.settings import settings
from functions.store.keys import upload_key
from functions.store.records import deployments, lock, revisions
from tests.conftest import BUCKET, LambdaContext, all_items, put_group, put_item
from tests.fakes.service import refusal
from tests.store import Store
from tests.unit.inbox import Inbox
from tests.unit.news import queued


def uploaded(
    key: str = "shop/web/v1.tar.gz", version: str | None = "version-1", bucket: str = BUCKET, sequencer: str = ""
) -> dict[str, Any]:
    """An S3 event as EventBridge delivers it."""
    more = {**({"version-id": version} if version else {}), **({"sequencer": sequencer} if sequencer else {})}
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2026-11-23T10:00:00Z",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key, "etag": "e", "size": 9, **more}},
    }


def number_on_record() -> int:
    return sum(item["sk"] == "DEPLOYMENT" for item in all_items())


def created(answer: dict[str, str]) -> Deployment:
    deployment = deployments.get(answer["deployment_id"])
    assert deployment
    return deployment


@dataclass
class Uploads:
    """The function under its queue."""

    store: Store
    context: LambdaContext

    def deliver(self, *events: Any) -> list[str]:
        """The ids of the messages that come back."""
        return [each["itemIdentifier"] for each in handler(queued(*events), self.context)["batchItemFailures"]]

    def take(self, event: dict[str, Any]) -> Deployment:
        """The deployment that an upload started."""
        assert self.deliver(event) == []
        upload = event["detail"]["object"]
        version = upload.get("version-id") or upload["etag"] + upload["sequencer"]
        mark = upload_key(event["detail"]["bucket"]["name"], upload["key"], version)
        (found,) = [item for item in all_items() if (item["pk"], item["sk"]) == mark]
        return created(found)


@pytest.fixture
def uploads(store: Store, services: None, context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> Uploads:
    monkeypatch.setenv("UPLOAD_QUEUE_URL", Inbox("uploads").url)
    settings.cache_clear()
    return Uploads(store, context)


def test_an_upload_is_deployed_to_the_group_that_its_key_names(uploads: Uploads) -> None:
    group = put_group()
    one = uploads.take(uploaded())
    assert one.status is DeploymentStatus.CREATED
    assert (one.application, one.group, one.group_id) == ("shop", "web", group.group_id)
    assert one.revision.version == "version-1" and one.revision.bundle_type is BundleType.TGZ
    assert one.requested_by == f"upload of s3://{BUCKET}/shop/web/v1.tar.gz"
    assert one.create_time == "2026-11-23T10:00:00.000Z"


def test_what_hosts_put_below_their_logs_starts_nothing(uploads: Uploads) -> None:
    assert uploads.deliver(uploaded(".stepdeploy/logs/d-1/i-1/x.zip")) == []
    assert number_on_record() == 0


def test_a_repeated_event_starts_nothing_twice(uploads: Uploads) -> None:
    put_group()
    assert uploads.deliver(uploaded(), uploaded()) == uploads.deliver(uploaded()) == []
    assert number_on_record() == 1


def test_a_new_version_of_the_same_key_is_a_new_deployment(uploads: Uploads) -> None:
    put_group()
    uploads.take(uploaded())
    second = uploads.take(uploaded(version="version-2"))
    assert second.status is DeploymentStatus.QUEUED and number_on_record() == 2


def test_an_upload_that_aws_prevents_comes_back_and_takes_no_other_with_it(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_group()
    create = lock.create

    def throttled(deployment: Deployment, *how: Any, **more: Any) -> Any:
        if deployment.revision.key.endswith("/busy.zip"):
            raise refusal("ThrottlingException", "TransactWriteItems")
        return create(deployment, *how, **more)

    monkeypatch.setattr(lock, "create", throttled)
    assert uploads.deliver(uploaded("shop/web/busy.zip"), uploaded()) == ["m-1"]
    assert number_on_record() == 1


def test_what_is_no_upload_is_set_aside_at_once(uploads: Uploads, undelivered: Inbox) -> None:
    put_group()
    too_long = "shop/web/" + "x" * 3000 + ".zip"  # DynamoDB refuses such a key
    endless = "[" * 100_000
    nothing = {"detail": {"bucket": {"name": BUCKET}}}
    assert uploads.deliver("no event", uploaded(too_long), nothing, endless, "5", "null", uploaded()) == []
    assert number_on_record() == 1
    letters = undelivered.read()
    assert [each["message_id"] for each in letters] == [f"m-{number}" for number in range(1, 7)]
    assert letters[0]["body"] == "no event" and letters[0]["why"].startswith("JSONDecodeError")


def test_an_upload_to_a_group_of_a_newer_version_waits(uploads: Uploads) -> None:
    put_group()
    (group,) = [item for item in all_items() if item["sk"] == "GROUP#web"]
    put_item({**group, "settings": {**group["settings"], "on_busy": "somethingNew"}})
    assert uploads.deliver(uploaded()) == ["m-1"]


@pytest.mark.parametrize(
    ("key", "code", "words"),
    [
        ("shpo/web/v1.zip", DeploymentErrorCode.APPLICATION_MISSING, "no application 'shpo': did you mean 'shop'?"),
        ("shop/db/v1.zip", DeploymentErrorCode.DEPLOYMENT_GROUP_MISSING, "There is no deployment group 'db' of 'shop'"),
        ("shop/web/v1.RAR", DeploymentErrorCode.INVALID_REVISION, "ends in one of .zip, .tar, .tar.gz, .tgz"),
        ("shop/web/appspec.yml", DeploymentErrorCode.INVALID_REVISION, "ends in one of .zip, .tar, .tar.gz, .tgz"),
        ("shop/web.zip", DeploymentErrorCode.INVALID_REVISION, "upload to <application>/<group>/<name>"),
    ],
)
def test_an_upload_that_goes_nowhere_is_a_failed_deployment_that_says_why(
    uploads: Uploads, key: str, code: DeploymentErrorCode, words: str
) -> None:
    put_group()
    one = uploads.take(uploaded(key))
    assert one.status is DeploymentStatus.FAILED and one.complete_time
    assert one.failure and one.failure.code is code and words in one.failure.message
    assert lock.holder(one.group_key) is None
    uploads.deliver(uploaded(key))
    assert number_on_record() == 1


@pytest.mark.parametrize(
    "key", ["builds/web/v1.zip", "shop/SourceArti/aB3dE5g", "shop/web/", "v1.zip", "shop/web/1.zip.md5"]
)
def test_what_is_nobodys_business_is_on_no_record(uploads: Uploads, key: str, logged: io.StringIO) -> None:
    put_group()
    assert uploads.deliver(uploaded(key)) == [] and number_on_record() == 0
    assert "an upload is not a revision" in logged.getvalue()


@pytest.mark.parametrize(
    ("bucket", "key"), [("builds", "shop/web/v1.zip"), ("artifacts", "ci/releases/shop/web/v1.zip")]
)
def test_an_upload_to_another_bucket_is_deployed_from_there(uploads: Uploads, bucket: str, key: str) -> None:
    put_group()
    one = uploads.take(uploaded(key, bucket=bucket))
    assert (one.status, one.group_key) == (DeploymentStatus.CREATED, "shop/web")
    assert (one.revision.bucket, one.revision.key, one.revision.version) == (bucket, key, "version-1")
    assert one.requested_by == f"upload of s3://{bucket}/{key}"


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("artifacts", "shop/web/v1.zip"),
        ("artifacts", "ci/shop/web/v1.zip"),
        ("artifacts", "ci/releases/.stepdeploy/logs/d-1/i-1/x.zip"),
        ("builds", ".stepdeploy/logs/d-1/i-1/x.zip"),
        ("strangers", "shop/web/v1.zip"),
    ],
)
def test_what_another_bucket_is_not_asked_for_starts_nothing(uploads: Uploads, bucket: str, key: str) -> None:
    put_group()
    assert uploads.deliver(uploaded(key, bucket=bucket)) == []
    assert number_on_record() == 0


def test_a_mistake_in_another_bucket_is_told_with_its_prefix(uploads: Uploads) -> None:
    put_group()
    one = uploads.take(uploaded("ci/releases/shop/web.zip", bucket="artifacts"))
    assert one.failure and "upload to ci/releases/<application>/<group>/<name>" in one.failure.message
    assert one.revision.key == "ci/releases/shop/web.zip"


def test_a_bucket_without_versions_may_get_the_same_content_again(uploads: Uploads) -> None:
    put_group()
    first = uploaded("shop/web/v1.zip", None, "builds", "0A")
    second = uploaded("shop/web/v1.zip", None, "builds", "0B")
    assert uploads.deliver(first, first, second, first, second) == []
    assert number_on_record() == 2
    assert {uploads.take(each).revision.etag for each in (first, second)} == {"e"}


def test_an_upload_to_no_group_costs_two_reads(uploads: Uploads) -> None:
    put_group()
    uploads.deliver(uploaded("builds/web/v1.zip"), uploaded("builds/web/"), uploaded("builds/a b/v1.zip"))
    assert uploads.store.operations == ["GetItem", "Query", "Query"]


def test_a_suffix_counts_in_capitals_too(uploads: Uploads) -> None:
    put_group()
    assert uploads.take(uploaded("shop/web/V1.ZIP")).revision.bundle_type is BundleType.ZIP


def test_a_late_event_of_an_older_version_is_superseded(uploads: Uploads) -> None:
    put_group()
    newer, older = uploaded(version="version-2"), uploaded(version="version-1")
    newer["detail"]["object"]["sequencer"], older["detail"]["object"]["sequencer"] = "0062A", "00629F"
    new, old = uploads.take(newer), uploads.take(older)
    assert old.status is DeploymentStatus.STOPPED and old.failure
    assert f"Superseded by the newer deployment {new.deployment_id}" in old.failure.message
    found = revisions.aims("shop")
    assert found and len(found.groups) == 1  # what was never deployed is no use of a revision


def test_a_group_taken_out_of_the_file_takes_no_deployment(uploads: Uploads) -> None:
    put_group(removed_at="2026-01-01T00:00:00.000Z")
    one = uploads.take(uploaded())
    assert one.failure and one.failure.code is DeploymentErrorCode.DEPLOYMENT_GROUP_MISSING


def test_an_upload_to_a_sequence_that_is_gone_already_is_on_record(uploads: Uploads) -> None:
    put_group(settings=GroupSettings(is_sequence=True))
    one = uploads.take(uploaded())
    assert one.status is DeploymentStatus.FAILED and one.failure
    assert one.failure.code is DeploymentErrorCode.REVISION_MISSING
    where = f"s3://{BUCKET}/shop/web/v1.tar.gz version version-1"
    assert one.failure.message == f"{where} does not exist (any more): upload it again"


def test_a_busy_group_that_rejects_puts_the_refusal_on_record(uploads: Uploads) -> None:
    put_group(settings=GroupSettings(on_busy=OnBusy.REJECT))
    first = uploads.take(uploaded())
    second = uploads.take(uploaded(version="version-2"))
    assert second.status is DeploymentStatus.FAILED and second.failure
    assert second.failure.message == (
        f"The Deployment Group 'web' already has an active Deployment '{first.deployment_id}'"
    )


def test_a_person_may_deploy_any_object_and_is_on_record(store: Store, context: LambdaContext) -> None:
    put_group()
    request = {"application": "shop", "group": "web", "key": "elsewhere/v1.zip", "version": "9"}
    one = created(handler({**request, "requested_by": "ann", "description": "hotfix"}, context))
    assert (one.revision.bucket, one.revision.key, one.revision.version) == (BUCKET, "elsewhere/v1.zip", "9")
    assert one.requested_by == "ann" and one.description == "hotfix"


def test_a_person_is_told_what_is_missing(store: Store, context: LambdaContext) -> None:
    with pytest.raises(InvalidInput, match=r"^group, key: missing; give application and group and key$"):
        handler({"application": "shop"}, context)


def test_a_person_is_told_what_is_no_text(store: Store, context: LambdaContext) -> None:
    with pytest.raises(InvalidInput, match=r"^key 5: must be a string$"):
        handler({"application": "shop", "group": "web", "key": 5}, context)


def test_a_person_who_will_not_wait_is_refused_while_another_deployment_runs(
    uploads: Uploads, context: LambdaContext
) -> None:
    put_group()
    first = uploads.take(uploaded())
    with pytest.raises(InvalidInput, match=f"already has an active Deployment '{first.deployment_id}'"):
        handler({"application": "shop", "group": "web", "key": "shop/web/v2.zip", "on_busy": "reject"}, context)
    assert number_on_record() == 1


def test_a_person_may_choose_another_configuration_for_one_deployment(store: Store, context: LambdaContext) -> None:
    put_group()
    request = {"application": "shop", "group": "web", "key": "shop/web/v1.zip"}
    one = created(handler({**request, "deployment_config": "CodeDeployDefault.AllAtOnce"}, context))
    assert one.settings.config.name == "CodeDeployDefault.AllAtOnce"
    with pytest.raises(InvalidInput, match="deployment_config 'Half': does not exist"):
        handler({**request, "deployment_config": "Half"}, context)


def test_a_person_is_told_what_on_busy_may_be(store: Store, context: LambdaContext) -> None:
    put_group()
    request = {"application": "shop", "group": "web", "key": "shop/web/v1.zip", "on_busy": "wait"}
    with pytest.raises(InvalidInput, match="on_busy 'wait': give one of reject, queue, supersede"):
        handler(request, context)


def test_an_upload_puts_the_use_of_its_revision_on_record(uploads: Uploads, store: Store) -> None:
    put_group()
    deployment = uploads.take(uploaded())
    found = revisions.aims("shop")
    assert found and list(found.groups.values()) == [["web"]]
    (known,) = revisions.known(found.application_id, list(found.groups)).values()
    assert (known.revision.key, known.last_used_time) == ("shop/web/v1.tar.gz", deployment.create_time)
    assert known.description and deployment.deployment_id in known.description


def test_a_deployment_starts_although_the_use_of_its_revision_cannot_be_noted(
    uploads: Uploads, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_group()
    monkeypatch.setattr(revisions, "used", lambda *_: 1 / 0)
    assert uploads.take(uploaded()).status is DeploymentStatus.CREATED


def test_a_revision_that_is_deployed_again_has_one_last_use(store: Store, context: LambdaContext) -> None:
    put_group()
    request = {"application": "shop", "group": "web", "key": "shop/web/v1.zip", "version": "v", "on_busy": "queue"}
    made = [created(handler(request, context)) for _ in range(2)]
    uses = [item["sk"].split("#")[1] for item in all_items() if item["sk"].startswith("lastUsedTime#")]
    assert uses == [made[1].create_time]

"""What the tests of CreateDeployment ask for, and what comes of it."""

from typing import Any

from functions.aws.clients import client
from functions.core.records import (
    Alarms,
    Deployment,
    GroupSettings,
    TagFilter,
    TagGroup,
)
from functions.core.rollout.health import PREDEFINED_CONFIGS
from functions.core.statuses import (
    AutoRollbackEvent,
    FileExistsBehavior,
    OnBusy,
)
from functions.handlers import prepare
from functions.store.records import deployments
from tests.conftest import (
    BUCKET,
    WEB,
)
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.handlers.test_prepare import World, archive

NOW = "2026-11-23T10:00:00.000Z"


OF_THE_GROUP = GroupSettings(
    tag_groups=(WEB,),
    config=PREDEFINED_CONFIGS["CodeDeployDefault.HalfAtATime"],
    alarms=Alarms(names=("errors",)),
    auto_rollback=(AutoRollbackEvent.DEPLOYMENT_FAILURE,),
    bake_seconds=60,
    on_busy=OnBusy.QUEUE,
    file_exists_behavior=FileExistsBehavior.RETAIN,
    ignore_application_stop_failures=True,
)


def wanted(**more: Any) -> dict[str, Any]:
    """The members of a request for the group `web`."""
    return {"applicationName": "shop", "deploymentGroupName": "web", "revision": s3(), **more}


def s3(**more: Any) -> dict[str, Any]:
    location = {"bucket": BUCKET, "key": "shop/web/v1.zip", **more}
    return {"revisionType": "S3", "s3Location": {name: each for name, each in location.items() if each is not None}}


def created(api: Api, store: Store, **more: Any) -> Deployment:
    found = deployments.get(api("CreateDeployment", **wanted(**more))["deploymentId"])
    assert found
    return found


def told(api: Api, one: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = api("GetDeployment", deploymentId=one.deployment_id)["deploymentInfo"]
    return found


def tags(role: str) -> list[dict[str, str]]:
    return [{"Key": "role", "Value": role, "Type": "KEY_AND_VALUE"}]


CANARY = TagGroup(filters=(TagFilter(key="role", value="canary"),))


def upload(body: bytes | None = None) -> dict[str, str]:
    """S3's version and etag of an archive at the key that requests name."""
    put = client("s3").put_object(Bucket=BUCKET, Key="shop/web/v1.zip", Body=body or archive())
    return {"version": put["VersionId"], "eTag": put["ETag"]}


def prepared(world: World, one: Deployment) -> tuple[dict[str, Any], Deployment]:
    """What Prepare answers, and the deployment after it."""
    answer = prepare.handler({"deployment_id": one.deployment_id}, world.context)
    after = deployments.get(one.deployment_id)
    assert after
    return answer, after

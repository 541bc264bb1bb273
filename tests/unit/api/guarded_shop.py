"""A shop with a guarded group of Ann's, and Bob who tries to reach its hosts."""

from dataclasses import dataclass
from typing import Any

from functions.aws.clients import client
from functions.core.records import Deployment
from functions.core.statuses import TargetStatus
from functions.handlers import finish, prepare
from functions.store.records import deployments, targets
from tests.conftest import BUCKET, LambdaContext, all_items
from tests.rollout import begin_target, end_target
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.handlers.test_prepare import World, archive

NOW = "2026-11-23T10:00:00.000Z"


ANN, BOB = (f"arn:aws:iam::123456789012:user/{name}" for name in ("ann", "bob"))


ROLE = "arn:aws:iam::123456789012:role/anything"


def tags(role: str) -> list[dict[str, str]]:
    return [{"Key": "role", "Value": role, "Type": "KEY_AND_VALUE"}]


def group(name: str) -> dict[str, str]:
    return {"applicationName": "shop", "deploymentGroupName": name}


@dataclass
class Shop:
    """`prod`, `dev`, and Bob's own group `mine` on prod's tags, with two hosts of prod and one of dev."""

    ann: Api
    bob: Api
    store: Store
    world: World
    prod: list[str]  # instance ids
    dev: str
    running: str = ""  # Ann's deployment to prod
    failed: str = ""  # Ann's deployment to prod, before
    mine_failed: str = ""  # of Bob's group, from before prod was guarded

    def create(self, api: Api, name: str, key: str = "v1", **more: Any) -> str:
        location = {"bucket": BUCKET, "key": f"shop/web/{key}.zip", "bundleType": "zip"}
        revision = {"revisionType": "S3", "s3Location": location}
        return str(api("CreateDeployment", **group(name), revision=revision, **more)["deploymentId"])

    def prepare(self, deployment_id: str) -> Deployment:
        prepare.handler({"deployment_id": deployment_id}, self.world.context)
        return self.known(deployment_id)

    def run(self, deployment_id: str, status: TargetStatus) -> str:
        self.prepare(deployment_id)
        for target in list(targets.of(deployment_id)):
            if begin_target(target, NOW):
                going = targets.get(deployment_id, target.target_id)
                assert going and end_target(going, status, NOW)
        finish.handler({"deployment_id": deployment_id}, self.world.context)
        return deployment_id

    def known(self, deployment_id: str) -> Deployment:
        found = deployments.get(deployment_id)
        assert found
        return found

    def reached(self, deployment_id: str) -> set[str]:
        return {target.target_id for target in targets.of(deployment_id)}

    def change(self, name: str = "prod", **members: Any) -> None:
        change = {"applicationName": "shop", "currentDeploymentGroupName": name, **members}
        self.ann("UpdateDeploymentGroup", **change)

    def deployments(self) -> set[str]:
        return {item["deployment_id"] for item in all_items() if item["sk"] == "DEPLOYMENT"}


def new_shop(store: Store, context: LambdaContext) -> Shop:
    for key in ("v1", "v2"):
        client("s3").put_object(Bucket=BUCKET, Key=f"shop/web/{key}.zip", Body=archive() + key.encode())
    world, ann = World(store, client("ssm"), context), Api(context, arn=ANN)
    world.launch(2, role="prod")
    world.launch(1, role="dev")
    ann("CreateApplication", applicationName="shop")
    for name, role in (("prod", "prod"), ("dev", "dev"), ("mine", "prod")):
        ann("CreateDeploymentGroup", **group(name), serviceRoleArn=ROLE, ec2TagFilters=tags(role))
    found = Shop(ann, Api(context, arn=BOB), store, world, sorted(world.instances[:2]), world.instances[2])
    found.run(found.create(found.bob, "mine"), TargetStatus.SUCCEEDED)
    found.mine_failed = found.run(found.create(found.bob, "mine", "v2"), TargetStatus.FAILED)
    found.change(allowedPrincipals=[ANN])
    found.run(found.create(ann, "prod"), TargetStatus.SUCCEEDED)
    found.failed = found.run(found.create(ann, "prod", "v2"), TargetStatus.FAILED)
    return found

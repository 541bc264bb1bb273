"""Whoever may deploy to a group reaches the hosts of that group only, by whatever way: invariant 12.

Ann may deploy to `prod`; Bob may not, but makes groups and deployments as he likes.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from functions.aws import clients, clock
from functions.aws.clients import client
from functions.core import access
from functions.core.errors import InvalidInput
from functions.core.records import GroupSettings, TagFilter, TagGroup
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, OverriddenSetting, TargetStatus
from functions.core.text.shapes import to_plain
from functions.engine.starting import upload
from functions.handlers import rollback, start, stop
from functions.store import guards
from functions.store.keys import deployment_key, group_item_key, guard_key, guards_whole_key
from tests.conftest import BUCKET, LambdaContext, all_items, put_group, put_item
from tests.store import Store
from tests.unit.api.conftest import RefusedCall
from tests.unit.api.guarded_shop import ANN, BOB, ROLE, Shop, group, new_shop, tags
from tests.unit.handlers.test_prepare import archive

made: list[tuple[Shop, dict[str, Any]]] = []  # a shop, with the stand-ins of its services, as no test has touched it


@pytest.fixture
def shop(store: Store, services: None, context: LambdaContext) -> Shop:
    """As `new_shop` makes it, which takes a while: each test has its own copy."""
    if not made:
        kept = Store()
        made.append(deepcopy((new_shop(store, context), clients.stand_ins), {id(store): kept}))
        kept.load(store)
    original, _ = made[0]
    found, stand_ins = deepcopy(made[0], {id(original.store): store})
    store.load(original.store)
    clients.stand_ins.update(stand_ins)
    return found


def an_upload(name: str) -> Callable[[Shop], object]:
    def deploy(shop: Shop) -> object:
        key = f"shop/{name}/v1.zip"
        version = client("s3").put_object(Bucket=BUCKET, Key=key, Body=archive())["VersionId"]
        found = {"bucket": {"name": BUCKET}, "object": {"key": key, "version-id": version}}
        return upload.deploy({"detail": found, "time": clock.timestamp()}, {BUCKET: ""})

    return deploy


def called(handler: Callable[..., Any], **event: Any) -> Callable[[Shop], object]:
    return lambda shop: handler({"requested_by": ANN, **event}, shop.world.context)  # he may write what he likes


INTO_PROD: dict[str, Callable[[Shop], object]] = {
    "create": lambda shop: shop.create(shop.bob, "prod"),
    "retry": lambda shop: shop.bob("RetryDeployment", deploymentId=shop.failed),
    "rollback": lambda shop: shop.bob("RollBackDeploymentGroup", **group("prod")),
    "an upload": an_upload("prod"),
    "start": called(start.handler, application="shop", group="prod", key="shop/web/v1.zip"),
    "the function rollback": called(rollback.handler, application="shop", group="prod"),
    "tags of the request": lambda shop: shop.create(shop.bob, "dev", targetInstances={"tagFilters": tags("prod")}),
    "a tag set": lambda shop: shop.create(
        shop.bob, "dev", targetInstances={"ec2TagSet": {"ec2TagSetList": [tags("prod")]}}
    ),
    "instance ids": lambda shop: shop.create(shop.bob, "dev", targetInstances={"instanceIds": shop.prod}),
    "a group of his own": lambda shop: shop.create(shop.bob, "mine"),
    "ids in a group of his own": lambda shop: shop.create(
        shop.bob, "mine", targetInstances={"instanceIds": shop.prod[:1]}
    ),
    "outdated hosts of his own group": lambda shop: shop.create(shop.bob, "mine", updateOutdatedInstancesOnly=True),
    "a retry in his own group": lambda shop: shop.bob("RetryDeployment", deploymentId=shop.mine_failed),
    "a rollback of his own group": lambda shop: shop.bob("RollBackDeploymentGroup", **group("mine")),
    "an upload to his own group": an_upload("mine"),
    "start of his own group": called(start.handler, application="shop", group="mine", key="shop/web/v1.zip"),
    "the function rollback of his own group": called(rollback.handler, application="shop", group="mine"),
}


@pytest.mark.parametrize("way", INTO_PROD.values(), ids=INTO_PROD.keys())
def test_an_outsider_reaches_no_host_of_a_guarded_group(shop: Shop, way: Callable[[Shop], object]) -> None:
    before = shop.deployments()
    try:
        way(shop)
    except (RefusedCall, InvalidInput) as error:
        assert "may not deploy to shop/prod" in str(error)
    for made in shop.deployments() - before:
        one = shop.prepare(made)
        assert shop.reached(made) == set()
        assert one.failure and one.failure.code in (
            DeploymentErrorCode.NO_INSTANCES,
            DeploymentErrorCode.IAM_ROLE_PERMISSIONS,
        )


STOPS: dict[str, Callable[[Shop], object]] = {
    "StopDeployment": lambda shop: shop.bob("StopDeployment", deploymentId=shop.running),
    "RollBackDeploymentGroup": lambda shop: shop.bob("RollBackDeploymentGroup", **group("prod")),
    "the function stop": lambda shop: called(stop.handler, deployment_id=shop.running)(shop),
    "the function rollback": called(rollback.handler, application="shop", group="prod"),
}


@pytest.mark.parametrize("way", STOPS.values(), ids=STOPS.keys())
@pytest.mark.parametrize("guarded", ["always", "since", "until it was deleted", "by another of its name"])
def test_an_outsider_stops_nothing_of_a_guarded_group(shop: Shop, way: Callable[[Shop], object], guarded: str) -> None:
    if guarded == "since":
        shop.change(allowedPrincipals=[])
    shop.running = shop.create(shop.ann, "prod")
    if guarded == "since":
        shop.change(allowedPrincipals=[ANN])
    if guarded in ("until it was deleted", "by another of its name"):
        shop.ann("DeleteDeploymentGroup", **group("prod"))
    if guarded == "by another of its name":
        shop.bob("CreateDeploymentGroup", **group("prod"), serviceRoleArn=ROLE, ec2TagFilters=tags("dev"))
    with pytest.raises((RefusedCall, InvalidInput), match=r"may not deploy to shop/prod|[Nn]o deployment group 'prod'"):
        way(shop)
    assert shop.known(shop.running).stop is None


ASKED: dict[str, tuple[Callable[[Shop], object], str | None]] = {  # each way, and as whom
    "create": (lambda shop: shop.create(shop.bob, "prod"), BOB),
    "retry": (lambda shop: shop.bob("RetryDeployment", deploymentId=shop.failed), BOB),
    "roll back": (lambda shop: shop.bob("RollBackDeploymentGroup", **group("prod")), BOB),
    "stop": (STOPS["StopDeployment"], BOB),
    "an upload": (an_upload("prod"), None),
    "the function start": (INTO_PROD["start"], None),
    "the function rollback": (INTO_PROD["the function rollback"], None),
    "the function stop": (STOPS["the function stop"], None),
}


@pytest.mark.parametrize(("way", "who"), ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("allowed", [[ANN], [BOB], []], ids=["others", "him", "everybody"])
def test_every_way_asks_the_one_rule_and_goes_by_its_answer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, way: Callable[[Shop], object], who: str | None, allowed: list[str]
) -> None:
    if way in STOPS.values():
        shop.running = shop.create(shop.ann, "prod")
    shop.change(allowedPrincipals=allowed)
    asked: list[tuple[str, tuple[str, ...], str | None]] = []
    decide = access.decide

    def watched(group_key: str, patterns: Sequence[str], principal: str | None) -> str | None:
        asked.append((group_key, tuple(patterns), principal))
        return decide(group_key, patterns, principal)

    monkeypatch.setattr(access, "decide", watched)
    before, may = shop.deployments(), not allowed or who in allowed
    refused = ""
    try:
        way(shop)
    except (RefusedCall, InvalidInput) as error:
        refused = str(error)
    assert set(asked) == {("shop/prod", tuple(allowed), who)}
    made = [shop.known(each) for each in shop.deployments() - before]
    denied = [each.failure for each in made if each.failure]  # an upload is told by a deployment that failed
    said = refused + "".join(each.message for each in denied)
    assert ("may not deploy to shop/prod" in said) is not may, said
    if may:
        assert made or shop.known(shop.running).stop


def test_who_was_added_in_an_incident_may_stop_what_runs(shop: Shop) -> None:
    one = shop.create(shop.ann, "prod")
    shop.change(allowedPrincipals=[BOB])
    assert shop.bob("StopDeployment", deploymentId=one)["status"] == "Pending"


def test_who_is_allowed_there_too_deploys_by_any_group(shop: Shop) -> None:
    one = shop.create(shop.ann, "mine")
    assert shop.prepare(one).principal == ANN
    assert shop.reached(one) == set(shop.prod)


def test_sharing_lets_a_group_in_whoever_deploys(shop: Shop) -> None:
    shop.change(sharedWith=["shop/mine"])
    for way in ("a group of his own", "start of his own group"):
        before = shop.deployments()
        INTO_PROD[way](shop)
        (one,) = shop.deployments() - before
        shop.run(one, TargetStatus.SUCCEEDED)
        assert shop.reached(one) == set(shop.prod)
    shop.change(sharedWith=[])
    assert shop.prepare(shop.create(shop.bob, "mine")).failure


def test_the_refusal_names_hosts_groups_and_the_remedy(shop: Shop) -> None:
    one = shop.prepare(shop.create(shop.bob, "mine"))
    assert one.status is DeploymentStatus.CREATED and one.failure
    assert one.failure.code is DeploymentErrorCode.IAM_ROLE_PERMISSIONS
    assert f"{BOB} may not deploy to {', '.join(shop.prod)} by way of shop/mine" in one.failure.message
    assert "belong to shop/prod" in one.failure.message and "sharedWith" in one.failure.message


def test_an_automatic_rollback_is_let_in_as_what_it_undoes(shop: Shop) -> None:
    rollback = {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}
    failed = shop.run(shop.create(shop.ann, "mine", "v2", autoRollbackConfiguration=rollback), TargetStatus.FAILED)
    info = shop.known(failed).rollback
    assert info and info.rollback_deployment_id
    assert shop.prepare(info.rollback_deployment_id).principal == ANN
    assert shop.reached(info.rollback_deployment_id) == set(shop.prod)


def test_a_request_chooses_among_the_groups_instances(shop: Shop) -> None:
    shop.change("dev", ec2TagFilters=[*tags("dev"), *tags("web")])
    shop.world.launch(1, role="web")
    narrowed = shop.create(shop.bob, "dev", targetInstances={"tagFilters": tags("web") + tags("prod")})
    assert shop.run(narrowed, TargetStatus.FAILED) and shop.reached(narrowed) == {shop.world.instances[3]}
    again = shop.bob("RetryDeployment", deploymentId=narrowed)["deploymentId"]
    shop.prepare(again)
    assert shop.reached(again) == {shop.world.instances[3]}


def test_a_retry_of_hosts_that_left_the_group_says_so(shop: Shop) -> None:
    failed = shop.run(shop.create(shop.bob, "dev"), TargetStatus.FAILED)
    shop.world.launch(1, role="web")
    shop.change("dev", ec2TagFilters=tags("web"))
    one = shop.prepare(shop.bob("RetryDeployment", deploymentId=failed)["deploymentId"])
    assert one.failure and f"none of the targets of {failed} that failed" in one.failure.message


@pytest.mark.parametrize("is_there", [True, False])
def test_a_deployment_of_an_older_engine_that_has_not_begun_stays_in_its_group(shop: Shop, is_there: bool) -> None:
    """Its record has the request's tags in the place of the group's."""
    one = shop.create(shop.bob, "dev")
    old = replace(
        shop.known(one),
        own=frozenset({OverriddenSetting.TAG_FILTERS}),
        settings=GroupSettings(tag_groups=(TagGroup(filters=(TagFilter(key="role"),)),)),
        principal=None,
    )
    put_item({**deployment_key(one).item, **to_plain(old)})
    if not is_there:
        shop.ann("DeleteDeploymentGroup", **group("dev"))
    after = shop.prepare(one)
    assert shop.reached(one) == ({shop.dev} if is_there else set())
    assert bool(after.failure) is not is_there
    info = shop.bob("GetDeployment", deploymentId=one)["deploymentInfo"]
    assert info["targetInstances"] == {"tagFilters": [{"Key": "role", "Type": "KEY_ONLY"}]}


def test_a_groups_place_in_the_index_changes_with_it(shop: Shop) -> None:
    def held() -> dict[str, Any]:
        return {item["sk"]: item for item in all_items() if item["pk"] == "GUARDS"}

    assert held()["GROUP#shop/prod"]["allowed_principals"] == [ANN]
    shop.change(ec2TagFilters=tags("new"), sharedWith=["shop/dev"])
    assert held()["GROUP#shop/prod"]["tag_groups"] == [{"filters": [{"key": "role", "value": "new"}]}]
    assert held()["GROUP#shop/prod"]["shared_with"] == ["shop/dev"]
    shop.change(newDeploymentGroupName="live")
    assert list(held()) == ["GROUP#shop/live"]
    shop.ann("UpdateApplication", applicationName="shop", newApplicationName="store")
    assert list(held()) == ["GROUP#store/live"]
    shop.ann("DeleteDeploymentGroup", applicationName="store", deploymentGroupName="live")
    assert held() == {}


def test_a_group_from_before_the_index_is_not_missed(shop: Shop) -> None:
    shop.store.remove(guard_key("shop/prod"))
    assert shop.prepare(shop.create(shop.bob, "mine")).failure, "the groups themselves are read"
    assert guards.rebuild() == ["shop/prod"]
    assert [each.key for each in guards.guards()] == ["shop/prod"]
    assert guards.rebuild() == []


def test_a_place_whose_group_is_gone_is_taken_out(shop: Shop) -> None:
    """As after a time with an older engine, which knows no index."""
    guards.rebuild()
    shop.store.remove(group_item_key("shop", "prod"))
    assert guards.rebuild() == ["shop/prod"] and guards.guards() == []


def test_a_group_that_changes_while_the_index_is_rebuilt_is_read_again(
    shop: Shop, before_writes: Callable[[Callable[[], object]], None]
) -> None:
    shop.store.remove(guard_key("shop/prod"))
    before_writes(lambda: shop.change(allowedPrincipals=[ANN, BOB]))
    guards.rebuild()
    (found,) = guards.guards()
    assert found.allowed_principals == (ANN, BOB)


def test_without_a_guarded_group_prepare_makes_one_more_query(
    shop: Shop, requests: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.change(allowedPrincipals=[])
    guards.rebuild()
    made, one = requests(), shop.create(shop.bob, "dev")
    before = len(made)
    shop.prepare(one)
    assert made[before:].count("Query") == 3, "the guards, the budgets, the hosts that are out"


def test_declared_groups_are_guarded_and_shared_alike(store: Store) -> None:
    put_group("web", settings=GroupSettings(allowed_principals=(ANN,)))
    assert guards_whole_key().item not in all_items()
    assert [each.key for each in guards.guards()] == ["shop/web"]


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"sharedWith": ["shop"]}, "sharedWith[0]: 'shop' is not a group; write APPLICATION/GROUP"),
        ({"sharedWith": ["shop/a/b"]}, "is not a group"),
        ({"sharedWith": [f"shop/{n}" for n in range(51)]}, "sharedWith: has 51, at most 50"),
        ({"sharedWith": ["shop/dev"], "allowedPrincipals": []}, "does not have any effect without allowedPrincipals"),
        ({"allowedPrincipals": ["arn:aws:iam::123456789012:role/team/x"]}, "allowedPrincipals[0]: 'arn:aws:iam"),
    ],
)
def test_what_would_mean_nothing_is_refused(shop: Shop, members: dict[str, Any], says: str) -> None:
    change = {"applicationName": "shop", "currentDeploymentGroupName": "prod", **members}
    assert says in shop.ann.refuses("InvalidInputException", "UpdateDeploymentGroup", **change)


def test_a_group_tells_whom_it_shares_its_hosts_with(shop: Shop) -> None:
    shop.change(sharedWith=["shop/dev", "other/web", "shop/dev"])
    info = shop.ann("GetDeploymentGroup", **group("prod"))["deploymentGroupInfo"]
    assert info["sharedWith"] == ["shop/dev", "other/web"]
    assert "sharedWith" not in shop.ann("GetDeploymentGroup", **group("dev"))["deploymentGroupInfo"]


def _wire(key: dict[str, str]) -> dict[str, Any]:
    return {name: {"S": value} for name, value in key.items()}

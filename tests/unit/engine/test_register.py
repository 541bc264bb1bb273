"""What stacks register: whose it is, and what nobody else may do with it."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.core.declaration import load
from functions.core.declaration.registrants import Registrant
from functions.core.errors import Conflict, InvalidInput
from functions.core.records import CustomConfig
from functions.core.rollout.health import MinimumHealthyHosts, MinimumHealthyHostsType
from functions.engine import declare, register
from functions.store import guards
from functions.store.records import applications, configs, groups
from tests.conftest import put_group, stand_in
from tests.fakes.cloudformation import FakeCloudFormation
from tests.fakes.service import refusal
from tests.store import Store

ARN = "arn:aws:cloudformation:us-east-1:123456789012:stack"
MINE, OTHERS = Registrant(f"{ARN}/mine/1", "Group"), Registrant(f"{ARN}/others/2", "Group")
TOPIC = "arn:aws:sns:us-east-1:123456789012:engine"
HALF = json.dumps({"minimumHealthyHosts": {"type": "FLEET_PERCENT", "value": 50}})
DECLARED = "applications: {shop: {groups: {web: {ec2TagFilters: [{Key: app}]}}}}"

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture(autouse=True)
def stacks(environment: None) -> FakeCloudFormation:
    """CloudFormation has both stacks."""
    found = stand_in("cloudformation", FakeCloudFormation())
    for by in (MINE, OTHERS):
        found.has(by.stack_id, by.logical_id, "Second")
    return found


def put(name: str = "web", by: Registrant = MINE, **content: Any) -> None:
    text = json.dumps({"ec2TagFilters": [{"Key": "app"}], **content})
    register.group("shop", name, text, by, topics=[TOPIC])


def test_two_stacks_do_not_take_each_others() -> None:
    register.application("shop", MINE)
    put()
    register.config("Half", HALF, MINE)
    with pytest.raises(InvalidInput, match='"shop/web" is registered by the CloudFormation stack mine: change'):
        put(by=OTHERS)
    with pytest.raises(InvalidInput, match=r'"shop" is registered by .* mine: .*from_server_application_name'):
        register.application("shop", OTHERS)
    with pytest.raises(InvalidInput, match='"Half" is registered by the CloudFormation stack mine'):
        register.config("Half", HALF, OTHERS)
    register.remove_group("shop", "web", OTHERS)
    register.remove_config("Half", OTHERS)
    register.release_application("shop", OTHERS)
    found, application = groups.get("shop", "web"), applications.get("shop")
    assert found and not found.removed_at and configs.custom("Half")
    assert application and application.registered_by == str(MINE)
    put("api", by=OTHERS)  # to the same application anybody may add


def test_another_resource_of_the_same_stack_is_another_registrant() -> None:
    register.application("shop", MINE)
    put()
    with pytest.raises(InvalidInput, match="is registered by"):
        put(by=Registrant(MINE.stack_id, "Second"))


def test_what_the_file_declares_stays_untouched() -> None:
    halves = f"deploymentConfigs: {{Half: {HALF}}}\n"
    declare.apply(load(halves + DECLARED))
    says = r"is declared in deployments.yaml: change it there and run cdk deploy"
    with pytest.raises(InvalidInput, match=says):
        put()
    with pytest.raises(InvalidInput, match=says):
        register.application("shop", MINE)
    with pytest.raises(InvalidInput, match=says):
        register.config("Half", HALF, MINE)
    put("api")
    assert declare.apply(load(halves + DECLARED)) == []


def test_the_file_takes_nothing_that_a_stack_registered(store: Store) -> None:
    register.application("shop", MINE)
    register.config("Half", HALF, MINE)
    before = store.all_items()
    for text in (DECLARED, f"deploymentConfigs: {{Half: {HALF}}}\napplications: {{}}"):
        with pytest.raises(InvalidInput, match=r"stack mine: change it there, or leave it out of deployments.yaml"):
            declare.apply(load(text))
    assert store.all_items() == before
    declare.apply(load("applications: {front: {groups: {}}}"))
    register.group("front", "web", '{"ec2TagFilters": [{"Key": "app"}]}', MINE, topics=[TOPIC])
    with pytest.raises(InvalidInput, match="front/web is registered by"):
        declare.apply(load("applications: {front: {groups: {web: {ec2TagFilters: [{Key: app}]}}}}"))


def test_what_the_file_dropped_goes_to_a_stack_with_its_id() -> None:
    declare.apply(load(DECLARED))
    before = groups.get("shop", "web")
    declare.apply(load("applications: {}"))
    register.application("shop", MINE)
    put()
    after = groups.get("shop", "web")
    assert before and after and after.group_id == before.group_id and after.registered_by == str(MINE)
    assert not after.removed_at
    register.remove_group("shop", "web", MINE)
    register.release_application("shop", MINE)
    declare.apply(load(DECLARED))
    again = groups.get("shop", "web")
    assert again and again.declared and again.group_id == before.group_id


def test_what_a_request_made_is_not_taken() -> None:
    put_group()
    made = CustomConfig(name="Half", minimum=MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 1), config_id="1")
    configs.create(made, configs.stored())
    with pytest.raises(InvalidInput, match='"shop/web" exists already: delete it first, or choose another name'):
        put()
    with pytest.raises(InvalidInput, match='"Half" exists already: choose another name'):
        register.config("Half", HALF, MINE)


def test_a_group_may_use_what_the_engine_may_and_no_more() -> None:
    declare.apply(load("applications: {}\nloadBalancerInfo: {targetGroupInfoList: [{name: open}]}"))
    register.application("shop", MINE)
    put(loadBalancerInfo={"targetGroupInfoList": [{"name": "open"}]})
    with pytest.raises(InvalidInput, match="loadBalancerInfo: the engine may not use closed: name it in deployments"):
        put("b", loadBalancerInfo={"targetGroupInfoList": [{"name": "closed"}]})
    with pytest.raises(InvalidInput, match="autoScalingGroups: fleet: the engine may not use this Auto Scaling group"):
        put("c", autoScalingGroups=["fleet"])
    trigger = {"triggerName": "t", "triggerTargetArn": f"{TOPIC}-of-others", "triggerEvents": ["DeploymentStop"]}
    with pytest.raises(InvalidInput, match=r"may not publish to .*-of-others"):
        put("d", triggerConfigurations=[trigger])
    put("e", triggerConfigurations=[{**trigger, "triggerTargetArn": "notifications"}])
    found = groups.get("shop", "e")
    assert found and found.settings.triggers[0].topic_arn == TOPIC


def test_an_auto_scaling_group_has_one_deployment_group() -> None:
    declare.apply(load("applications: {}\nautoScalingGroups: [fleet]"))
    register.application("shop", MINE)
    put(autoScalingGroups=["fleet"])
    assert groups.of_scaling_groups() == {"fleet": ["shop/web"]}
    with pytest.raises(InvalidInput, match="fleet: shop/web has this Auto Scaling group already"):
        put("b", autoScalingGroups=["fleet"])


def test_a_registered_group_guards_its_hosts() -> None:
    register.application("shop", MINE)
    put(allowedPrincipals=["arn:aws:iam::123456789012:role/release"])
    assert [each.key for each in guards.guards()] == ["shop/web"]


def test_whoever_comes_first_has_a_name(store: Store) -> None:
    store.before_next_write(lambda: register.application("shop", OTHERS))
    with pytest.raises(InvalidInput, match="stack others"):
        register.application("shop", MINE)
    store.before_next_write(lambda: put(by=OTHERS))
    with pytest.raises(InvalidInput, match="stack others"):
        put()
    store.before_next_write(lambda: register.config("Half", HALF, OTHERS))
    with pytest.raises(InvalidInput, match="stack others"):
        register.config("Half", HALF, MINE)


def test_a_change_that_always_meets_another_one_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "create", lambda new: False)
    with pytest.raises(Conflict, match="shop changed 12 times"):
        register.application("shop", MINE)


def leave(stacks: FakeCloudFormation, how: str) -> None:
    """The resources of a stack are retained, and it goes or goes on without them."""
    if how == "the stack is gone":
        del stacks.stacks[MINE.stack_id]
    elif how == "the stack went on without them":
        stacks.stacks[MINE.stack_id] = {}
    else:
        stacks.has(MINE.stack_id, MINE.logical_id, status=how)


LEFT = ["the stack is gone", "the stack went on without them", "DELETE_SKIPPED", "DELETE_COMPLETE"]


@pytest.mark.parametrize("how", LEFT)
def test_what_a_stack_has_left_goes_to_another_with_its_history(stacks: FakeCloudFormation, how: str) -> None:
    register.application("shop", MINE)
    register.config("Half", HALF, MINE)
    put(deploymentConfigName="Half")
    before, app = groups.get("shop", "web"), applications.get("shop")
    leave(stacks, how)
    register.application("shop", OTHERS)
    register.config("Half", HALF, OTHERS)
    put(by=OTHERS, deploymentConfigName="Half", onBusy="reject")
    after, config, taken = groups.get("shop", "web"), configs.custom("Half"), applications.get("shop")
    assert before and after and (after.group_id, after.registered_by) == (before.group_id, str(OTHERS))
    assert config and config.registered_by == str(OTHERS)
    assert app and taken and (taken.application_id, taken.registered_by) == (app.application_id, str(OTHERS))
    register.remove_group("shop", "web", MINE)
    found = groups.get("shop", "web")
    assert found and not found.removed_at, "it is not the first one's any more"


@pytest.mark.parametrize("how", LEFT)
def test_what_a_stack_has_left_can_be_declared_and_so_removed(stacks: FakeCloudFormation, how: str) -> None:
    register.application("shop", MINE)
    register.config("Half", HALF, MINE)
    put()
    leave(stacks, how)
    text = f"deploymentConfigs: {{Half: {HALF}}}\n" + DECLARED
    declare.apply(load(text))
    group, application = groups.get("shop", "web"), applications.get("shop")
    assert group and group.declared and group.registered_by is None
    assert application and application.declared and application.registered_by is None
    assert declare.apply(load(text)) == []
    declare.apply(load("applications: {}"))
    gone = groups.get("shop", "web")
    assert gone and gone.removed_at and configs.custom("Half") is None


def test_a_configuration_that_was_left_does_not_change_either(stacks: FakeCloudFormation) -> None:
    register.config("Half", HALF, MINE)
    leave(stacks, "DELETE_SKIPPED")
    with pytest.raises(InvalidInput, match='"Half" cannot change'):
        register.config("Half", HALF.replace("50", "40"), OTHERS)


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_FAILED"])
def test_what_a_stack_still_has_stays_its_own(stacks: FakeCloudFormation, status: str) -> None:
    register.application("shop", MINE)
    put()
    stacks.has(MINE.stack_id, MINE.logical_id, status=status)
    with pytest.raises(InvalidInput, match="is registered by the CloudFormation stack mine"):
        put(by=OTHERS)


@pytest.mark.parametrize(("code", "message", "raised"), [
    ("AccessDenied", "not authorized", InvalidInput),  # a stack of another account
    ("Throttling", "Rate exceeded", ClientError),
    ("ValidationError", "1 validation error detected", ClientError),
])  # fmt: skip
def test_what_cloudformation_does_not_tell_takes_nothing_away(
    stacks: FakeCloudFormation, code: str, message: str, raised: type[Exception]
) -> None:
    register.application("shop", MINE)
    put()
    before = groups.get("shop", "web")

    def refuse(operation: str) -> None:
        raise refusal(code, operation, message)

    stacks.before = refuse
    with pytest.raises(raised):
        put(by=OTHERS)
    with pytest.raises(raised):
        declare.apply(load(DECLARED))
    assert groups.get("shop", "web") == before


def test_two_who_take_what_was_left_do_not_both_have_it(stacks: FakeCloudFormation, store: Store) -> None:
    register.application("shop", MINE)
    put()
    leave(stacks, "the stack is gone")
    store.before_next_write(lambda: put(by=OTHERS))
    with pytest.raises(InvalidInput, match="stack others: change"):
        put(by=Registrant(f"{ARN}/third/3", "Group"))
    found = groups.get("shop", "web")
    assert found and found.registered_by == str(OTHERS)

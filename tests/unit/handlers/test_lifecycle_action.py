"""lifecycle_action: which waiting instances get a deployment, which are let through, how Auto Scaling is answered."""

import json
from typing import Any

import pytest

from functions.aws import clock
from functions.aws.clients import client
from functions.core.auto_scaling import hook_name
from functions.core.records import AutoScaling, Deployment, DeploymentSummary, Group, GroupSettings, HookKind, Host
from functions.core.statuses import Creator, DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.engine.auto_scaling import scaling
from functions.engine.ending import end
from functions.handlers import find_lost
from functions.handlers.lifecycle_action import handler
from functions.store.keys import deployment_key, host_key, scaling_group_key
from functions.store.records import deployments
from tests.conftest import ENVIRONMENT, LambdaContext, put_group, put_item
from tests.store import Store
from tests.unit.inbox import Inbox
from tests.unit.news import deployment

INSTANCE = "i-0123456789abcdef0"
SETTINGS = GroupSettings(auto_scaling=AutoScaling(groups=("fleet",), has_termination_hook=True))
LAUNCH, TERMINATION = (hook_name(kind, "shop/web") for kind in HookKind)
GOOD = DeploymentSummary(
    deployment_id="d-GOOD00000",
    status=DeploymentStatus.SUCCEEDED,
    create_time="2026-01-01T00:00:00.000Z",
    revision=deployment().revision,
)


@pytest.fixture
def fleet(store: Store, services: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An Auto Scaling group with an instance that waits; nobody rests."""
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    service = client("autoscaling")
    service.create_auto_scaling_group(
        AutoScalingGroupName="fleet", MinSize=0, MaxSize=9, AvailabilityZones=["us-east-1a"]
    )
    service.put_member("fleet", INSTANCE, "Pending:Wait")
    return service


def group(**fields: Any) -> Group:
    return put_group(**{"settings": SETTINGS, "last_successful": GOOD, **fields})


def event(hook: str = LAUNCH, token: str = "token-1", **detail: str) -> dict[str, Any]:
    kind = "LAUNCHING" if hook != TERMINATION else "TERMINATING"
    told = {
        "AutoScalingGroupName": "fleet",
        "EC2InstanceId": INSTANCE,
        "LifecycleActionToken": token,
        "LifecycleHookName": hook,
        "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{kind}",
        "NotificationMetadata": "shop/web",
        **detail,
    }
    return {"detail-type": "EC2 Instance-launch Lifecycle Action", "detail": told}


def tell(context: LambdaContext, *bodies: dict[str, Any]) -> dict[str, Any]:
    records = [
        {
            "messageId": f"m-{number}",
            "receiptHandle": f"r-{number}",
            "attributes": {"ApproximateReceiveCount": "1"},
            "body": json.dumps(body),
        }
        for number, body in enumerate(bodies)
    ]
    return handler({"Records": records}, context)


def made() -> list[Deployment]:
    return list(deployments.of_status(DeploymentStatus.CREATED))


def answers(context: LambdaContext) -> list[tuple[str, str, str]]:
    """What Auto Scaling is answered, once the queue is read."""
    sqs = client("sqs")
    url = ENVIRONMENT["LIFECYCLE_QUEUE_URL"]
    bodies = [
        json.loads(each["Body"])
        for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]
    assert tell(context, *bodies) == {"batchItemFailures": []}
    found: list[tuple[str, str, str]] = client("autoscaling").answers
    return found


@pytest.mark.parametrize("state", ["Pending:Wait", "Warmed:Pending:Wait", "ReplacingRootVolume:Wait"])
def test_an_instance_that_waits_gets_the_last_good_revision(state: str, fleet: Any, context: LambdaContext) -> None:
    group()
    fleet.put_member("fleet", INSTANCE, state)
    assert tell(context, event(), event()) == {"batchItemFailures": []}
    (launch,) = made()
    assert (launch.creator, launch.instance_ids, launch.revision) == (Creator.AUTO_SCALING, (INSTANCE,), GOOD.revision)
    assert launch.launch and launch.launch.brought_by == GOOD.deployment_id
    assert fleet.operations.count("DescribeAutoScalingInstances") == 1, "for all of a batch"


def test_one_that_waits_no_more_or_in_another_hook_is_left_alone(fleet: Any, context: LambdaContext) -> None:
    group()
    tell(context, event(hook="theirs"), event(NotificationMetadata="shop/api"))
    fleet.put_member("fleet", INSTANCE, "InService")
    tell(context, event())
    fleet.remove_member("fleet", INSTANCE)
    tell(context, event())
    assert made() == [] and answers(context) == []


@pytest.mark.parametrize("fields", [{"last_successful": None}, {"removed_at": "2026-01-01T00:00:00.000Z"}])
def test_an_instance_that_nothing_is_meant_for_is_let_through(
    fields: dict[str, Any], fleet: Any, context: LambdaContext
) -> None:
    group(**fields)
    tell(context, event())
    assert made() == []
    assert answers(context) == [(INSTANCE, LAUNCH, "CONTINUE")]


def test_one_whose_event_was_lost_is_found_and_let_through(fleet: Any, context: LambdaContext) -> None:
    group(last_successful=None)
    put_item(scaling_group_key("fleet", "shop/web").item)
    find_lost.handler({}, context)
    assert made() == [] and answers(context) == [(INSTANCE, LAUNCH, "CONTINUE")]


def test_an_instance_comes_back_from_a_warm_pool_and_waits_anew(fleet: Any, context: LambdaContext) -> None:
    group()
    fleet.put_member("fleet", INSTANCE, "Warmed:Pending:Wait")
    tell(context, event())
    (launch,) = made()
    end.end(launch.deployment_id, "stopped here")
    scaling.follow(launch.deployment_id)
    assert answers(context) == [(INSTANCE, LAUNCH, "ABANDON")]
    fleet.put_member("fleet", INSTANCE, "Pending:Wait")
    tell(context, event(token="token-1"))
    assert made() == [], "the same event, late"
    tell(context, event(token="token-2"))
    assert len(made()) == 1


def test_scripts_run_before_an_instance_ends_and_it_always_goes_on(fleet: Any, context: LambdaContext) -> None:
    found = group()
    fleet.put_member("fleet", INSTANCE, "Terminating:Wait")
    tell(context, event(TERMINATION))
    assert made() == [] and answers(context) == [(INSTANCE, TERMINATION, "CONTINUE")], "nothing was deployed there"
    brought = deployment(DeploymentStatus.SUCCEEDED, deployment_id="d-GOOD00000")
    put_item({**deployment_key(brought.deployment_id).item, **to_plain(brought)})
    host = Host(target_id=INSTANCE, deployment_id=brought.deployment_id, status=TargetStatus.SUCCEEDED, since="2026")
    put_item({**host_key(found.group_id, INSTANCE).item, **to_plain(host)})
    tell(context, event(TERMINATION, token="token-2"))
    (last,) = made()
    assert last.creator is Creator.AUTO_SCALING_TERMINATION
    end.end(last.deployment_id, "it failed")
    scaling.follow(last.deployment_id)
    assert answers(context)[-1] == (INSTANCE, TERMINATION, "CONTINUE")


def test_a_message_that_is_none_is_set_aside(fleet: Any, undelivered: Inbox, context: LambdaContext) -> None:
    group()
    told = event()
    del told["detail"]["EC2InstanceId"]
    assert tell(context, told, event()) == {"batchItemFailures": []}
    assert "EC2InstanceId" in undelivered.read()[0]["why"] and len(made()) == 1


def test_throttling_makes_it_late(fleet: Any, context: LambdaContext) -> None:
    group()

    def throttle(operation: str) -> None:
        raise fleet.refuse("Throttling", operation)

    fleet.before = throttle
    assert tell(context, event()) == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}
    fleet.before = lambda operation: None
    tell(context, event())
    assert len(made()) == 1

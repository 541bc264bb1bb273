"""The local cloud beside the simulator: the same deployments show the same, to a person and to whoever listens.

Here functions, hosts and scripts really run, and the emulator's Step Functions reads the same state machine.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from functions.core.records import Deployment
from local.driver import Engine, wait_for
from simulation.hosts import Fate
from simulation.scenario import Scenario, config
from tests.e2e.conftest import Fleet, MakeFleet, failing
from tests.local.emulator import Queue
from tests.simulation.outward import Shown, Watched, shown

BROKEN = "/var/lib/broken"
CHECK = {"scripts/validate.sh": failing(f"! test -e {BROKEN}")}


@pytest.fixture
def heard(engine: Engine, cloud: Any) -> Iterator[Queue]:
    """A queue of what the engine announces on its bus."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="beside-simulation")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Statement": [{**allowed, "Resource": arn}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    bus, rule = engine.outputs["BusName"], "beside-simulation"
    events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps({"source": ["stepdeploy"]}))
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    yield Queue(url, arn)
    events.remove_targets(Rule=rule, EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name=rule, EventBusName=bus)
    sqs.delete_queue(QueueUrl=url)


def announced(group: Fleet, queue: Queue, last: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """What was announced up to `last`, each once, by deployment, target and state."""
    sqs, found = group.cloud.client("sqs"), dict[tuple[str, str, str], None]()

    def all_there() -> bool:
        for message in sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10).get("Messages", ()):
            detail = json.loads(message["Body"])["detail"]
            found[detail["deploymentId"], detail.get("instanceId", ""), detail["state"]] = None
            sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
        return set(last) <= set(found)

    wait_for(all_there, f"{last} to be announced")
    return list(found)


def paths(group: Fleet, deployment_id: str) -> dict[tuple[str, str], list[str]]:
    """The states that the deployment's execution and its targets' went through."""
    client, machine = group.cloud.client("stepfunctions"), group.engine.machine
    execution = machine.replace(":stateMachine:", ":execution:") + f":{deployment_id}"
    arns = [execution]
    for run in client.list_map_runs(executionArn=execution)["mapRuns"]:
        arns += [each["executionArn"] for each in client.list_executions(mapRunArn=run["mapRunArn"])["executions"]]
    found = dict[tuple[str, str], list[str]]()
    for arn in arns:
        given = json.loads(client.describe_execution(executionArn=arn)["input"])
        events = client.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        entered = [each["stateEnteredEventDetails"]["name"] for each in events if each["type"].endswith("StateEntered")]
        found[given["deployment_id"], given.get("target_id", "")] = entered
    return found


def on_the_cloud(group: Fleet, queue: Queue, version: str) -> list[Shown]:
    """A deployment, and its rollback where there is one. The events come in their order."""
    ended = [group.deploy(version, CHECK)]
    if rollback := ended[0].rollback and ended[0].rollback.rollback_deployment_id:
        ended.append(group.engine.wait(rollback))
    told = announced(group, queue, [(each.deployment_id, "", _last_word(each)) for each in ended])
    went = {key: path for each in ended for key, path in paths(group, each.deployment_id).items()}
    return shown([(each, group.targets(each)) for each in ended], told, went)


def _last_word(deployment: Deployment) -> str:
    return {"Succeeded": "SUCCESS", "Failed": "FAILURE"}[deployment.status]


def simulated(broken: int) -> list[Shown]:
    """The same for so many hosts whose ValidateService fails."""
    world = Watched(Scenario(hosts=2, config=config("HalfAtATime")))
    for host in list(world.fleet.hosts.values())[:broken]:
        host.fate, host.fate_event = Fate.FAIL, "ValidateService"
    return world.play()


def same(ours: list[Shown], simulated: list[Shown]) -> None:
    """Messages name scripts, and these are the revision's."""
    assert [each.kinds for each in ours] == [each.kinds for each in simulated]
    assert [replace(each, targets={}, message="") for each in ours] == [
        replace(each, targets={}, message="") for each in simulated
    ]


def test_the_local_cloud_shows_what_the_simulator_shows(fleet: MakeFleet, heard: Queue) -> None:
    """All well; then all hosts break, so that it fails, and its rollback too."""
    group = fleet("beside")
    same(on_the_cloud(group, heard, "v1"), simulated(broken=0))
    for host in group.hosts:
        host.path(BROKEN).touch()
    same(on_the_cloud(group, heard, "v2"), simulated(broken=2))

"""Hosts behind a load balancer: clients that call all the time see no failed request, and who stays out is told."""

import json
from collections.abc import Iterator

import pytest

from functions.core.causes import Cause
from functions.core.statuses import Creator, DeploymentStatus, TargetStatus
from local.bundles import bundle
from local.cloud import LocalCloud
from local.driver import wait_for
from local.shop import balanced
from local.traffic import Traffic
from tests.e2e.conftest import PROPAGATION_SECONDS, Fleet, MakeFleet, healthy

SICK = {"app/health.txt": "no\n", "scripts/validate.sh": "#!/bin/sh\nexit 0\n"}  # only the load balancer sees it


@pytest.fixture
def front(cloud: LocalCloud) -> Iterator[tuple[str, str]]:
    """A target group that the groups name, and the address of the load balancer before it. AWS's seconds are short
    here, and a host that is deregistered gets new requests for a while."""
    cloud.load_balancers.set(second=0.1, propagation_seconds=PROPAGATION_SECONDS / 2)
    yield balanced(cloud, "balanced")
    cloud.load_balancers.clear()


def all_are_back(fleet: Fleet, group: str, hosts: list[str]) -> None:
    """Also where this machine is so busy that a health check fails now and then."""
    wait_for(lambda: healthy(fleet, group) == hosts, "all hosts to be healthy")


def webapp(version: str, changes: dict[str, str] | None = None) -> bytes:
    return bundle("webapp", {"app/version.txt": f"{version}\n", **(changes or {})})


def test_no_request_is_lost_and_a_host_that_is_not_well_stays_out_until_the_rollback(
    fleet: MakeFleet, front: tuple[str, str]
) -> None:
    """Invariant 10."""
    target_group, address = front
    group = fleet("balanced")
    hosts = sorted(host.id for host in group.hosts)
    first = group.engine.wait(group.upload("v1.zip", webapp("v1")))
    assert first.status is DeploymentStatus.SUCCEEDED
    all_are_back(group, target_group, hosts)
    with Traffic(address, clients=4, pause=0.05) as traffic:
        second = group.engine.wait(group.upload("v2.zip", webapp("v2")))
    assert second.status is DeploymentStatus.SUCCEEDED, second.failure
    assert traffic.tally.failed == 0 and traffic.tally.requests > 100, traffic.tally
    assert {json.loads(each)["version"] for each in traffic.tally.answers} == {"v1", "v2"}
    all_are_back(group, target_group, hosts)
    for target in group.targets(second):
        assert [event.status for event in target.events] == ["Succeeded"] * 13 and not target.out_of
    third = group.engine.wait(group.upload("v3.zip", webapp("v3", SICK)))
    assert third.status is DeploymentStatus.FAILED
    (failed,) = [each for each in group.targets(third) if each.status is TargetStatus.FAILED]
    assert failed.failure and failed.failure.cause is Cause.HEALTH and failed.failure.event == "AllowTraffic"
    assert "target group balanced" in failed.failure.message and "503" in failed.failure.message
    assert [each.shown for each in failed.out_of] == ["target group balanced"]
    assert third.rollback and third.rollback.rollback_deployment_id
    back = group.engine.wait(third.rollback.rollback_deployment_id)
    assert back.status is DeploymentStatus.SUCCEEDED and back.creator is Creator.ROLLBACK
    all_are_back(group, target_group, hosts)

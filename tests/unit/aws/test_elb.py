"""Load balancers, as moto does not have them: targets by id and port, states, and chunks."""

from functions.aws.fleet import elb
from functions.core.load_balancers import HealthReason, HealthState
from functions.core.records import Balancer, BalancerType, HealthCheck, Registration
from tests.conftest import stand_in
from tests.fakes.load_balancers import DRAINING, FakeElb, FakeElbV2

CHECK = HealthCheck(interval=5, healthy_threshold=2, unhealthy_threshold=2)
OLD = Balancer(name="old", id="old", type=BalancerType.CLASSIC, check=CHECK, deregistration_delay=0)


def target_group(fake: FakeElbV2) -> Balancer:
    arn = fake.create_target_group(Name="web", Port=80)["TargetGroups"][0]["TargetGroupArn"]
    return Balancer(name="web", id=arn, type=BalancerType.APPLICATION, check=CHECK, deregistration_delay=0)


def test_one_host_under_two_ports_leaves_and_comes_back_with_each_of_them(environment: None) -> None:
    web = target_group(stand_in("elbv2", FakeElbV2()))
    ports = [Registration(balancer=web.id, instance_id="i-0", port=port) for port in (80, 8080)]
    elb.register(web, [*ports, Registration(balancer=web.id, instance_id="i-1")])
    elb.deregister(web, ports[1:])
    assert [each.registration.port for each in elb.health(web, ports) if each.is_registered] == [80]
    elb.deregister(web, ports)
    assert [each.registration.instance_id for each in elb.health(web)] == ["i-1"]


def test_states_and_reasons_come_with_their_registration(environment: None) -> None:
    fake = stand_in("elbv2", FakeElbV2())
    web = target_group(fake)
    fake.fares(web.id, "i-0", 80, DRAINING)
    fake.fares(
        web.id, "i-1", 80, {"State": "unhealthy", "Reason": "Target.Timeout", "Description": "Request timed out"}
    )
    first, second = elb.health(web)
    assert (first.state, first.reason) == (HealthState.DRAINING, HealthReason.DEREGISTRATION_IN_PROGRESS)
    assert (second.reason, second.description) == (HealthReason.TIMEOUT, "Request timed out")
    assert second.registration == Registration(balancer=web.id, instance_id="i-1", port=80)


def test_many_hosts_are_moved_in_as_few_calls_as_can_be(environment: None) -> None:
    fake = stand_in("elbv2", FakeElbV2())
    web = target_group(fake)
    elb.register(web, [Registration(balancer=web.id, instance_id=f"i-{number}") for number in range(250)])
    assert fake.operations.count("RegisterTargets") == 3 and len(elb.health(web)) == 250


def test_an_instance_that_a_classic_one_never_heard_of_hides_no_other(environment: None) -> None:
    fake = stand_in("elb", FakeElb())
    fake.create_load_balancer(LoadBalancerName="old", Listeners=[], AvailabilityZones=["a"])
    hosts = [Registration(balancer="old", instance_id=each) for each in ("i-0", "i-1")]
    elb.register(OLD, hosts)
    gone = Registration(balancer="old", instance_id="i-gone")

    def refuse(operation: str) -> None:
        if operation == "DescribeInstanceHealth" and fake.operations.count(operation) == 1:
            raise fake.refuse("InvalidInstance", operation)

    fake.before = refuse
    assert [each.registration for each in elb.health(OLD, [hosts[0], gone])] == hosts[:1]
    leaves = {
        "State": "InService",
        "ReasonCode": "N/A",
        "Description": "Instance deregistration currently in progress.",
    }
    fake.fares("old", "i-1", **leaves)
    assert elb.health(OLD, hosts[1:])[0].state is HealthState.DRAINING
    elb.deregister(OLD, hosts)
    assert not elb.health(OLD, hosts[:1])[0].is_registered

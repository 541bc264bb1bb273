"""The states of targets on the local cloud over time, and the stock waiters; checks are really sent."""

import pytest
from botocore.exceptions import WaiterError

from local.driver import wait_for
from tests.local.elb.balanced import PORT, SENSITIVE, Balanced
from tests.local.emulator import refusal

WAIT = {"Delay": 1, "MaxAttempts": 10}


def test_a_target_is_initial_and_healthy_after_one_passed_check(balanced: Balanced) -> None:
    host = balanced.host()
    application = balanced.application(host)
    group = balanced.group(host, HealthyThresholdCount=10)
    assert balanced.health(group) == ["unused Target.NotInUse"]
    balanced.in_front(group)
    balanced.becomes(group, "healthy")
    assert application.checks == 1


def test_a_target_that_the_nodes_have_not_heard_of_is_being_registered(balanced: Balanced) -> None:
    host = balanced.host()
    application = balanced.application(host)
    group = balanced.group()
    balanced.in_front(group)
    balanced.aws.load_balancers.set(propagation_seconds=0.5)
    balanced.register(group, host)
    assert balanced.health(group) == ["initial Elb.RegistrationInProgress"]
    assert application.checks == 0
    balanced.becomes(group, "healthy")


def test_a_target_without_an_application_is_checked_and_then_unhealthy(balanced: Balanced) -> None:
    host = balanced.host()
    group = balanced.group(host, **SENSITIVE)
    balanced.in_front(group)
    assert balanced.health(group) == ["initial Elb.InitialHealthChecking"]
    balanced.becomes(group, "unhealthy Target.FailedHealthChecks")


def test_a_wrong_code_is_named(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host).status = 503
    group = balanced.group(host, **SENSITIVE)
    balanced.in_front(group)
    balanced.becomes(group, "unhealthy Target.ResponseCodeMismatch")
    health = balanced.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["TargetHealth"]
    assert health["Description"] == "Health checks failed with these codes: [503]"


def test_the_matcher_says_which_codes_are_good(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host).status = 404
    group = balanced.group(host, Matcher={"HttpCode": "200,400-404"})
    balanced.in_front(group)
    balanced.becomes(group, "healthy")


def test_a_target_that_does_not_answer_times_out(balanced: Balanced) -> None:
    """An instance that only the emulator's EC2 has runs nothing."""
    ec2 = balanced.account.client("ec2")
    instance = ec2.run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1, SubnetId=balanced.subnets[0])
    instance_id = instance["Instances"][0]["InstanceId"]
    balanced.account.at_end(ec2.terminate_instances, InstanceIds=[instance_id])
    group = balanced.group({"Id": instance_id}, **SENSITIVE)
    balanced.in_front(group)
    balanced.becomes(group, "unhealthy Target.Timeout")


def test_a_target_comes_back_after_the_healthy_threshold(balanced: Balanced) -> None:
    host = balanced.host()
    application = balanced.application(host)
    group = balanced.group(host, HealthyThresholdCount=3, **SENSITIVE)
    balanced.in_front(group)
    balanced.becomes(group, "healthy")
    application.status = 500
    balanced.becomes(group, "unhealthy Target.ResponseCodeMismatch")
    application.status, before = 200, application.checks
    balanced.becomes(group, "healthy")
    assert application.checks - before >= 3


def test_checks_go_to_a_port_of_their_own(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host)
    group = balanced.group(host, Port=1, HealthCheckPort=str(PORT))
    balanced.in_front(group)
    balanced.becomes(group, "healthy")


def test_a_stopped_target_is_in_an_invalid_state(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host)
    group = balanced.group(host)
    balanced.in_front(group)
    balanced.becomes(group, "healthy")
    balanced.aws.act(host, "stop")
    assert balanced.health(group) == ["unused Target.InvalidState"]
    other = balanced.group()
    assert refusal(balanced.elb.register_targets, TargetGroupArn=other, Targets=[{"Id": host.id}]) == "InvalidTarget"
    balanced.aws.act(host, "start")
    balanced.becomes(group, "healthy")


def test_a_target_of_a_zone_that_is_not_enabled_is_not_in_use(balanced: Balanced) -> None:
    host = balanced.host()
    group = balanced.group(host)
    subnets = balanced.account.client("ec2").describe_subnets()["Subnets"]
    elsewhere = [each["SubnetId"] for each in subnets if each["AvailabilityZone"] != "us-east-1a"][:2]
    balanced.in_front(group, Subnets=elsewhere)
    assert balanced.health(group) == ["unused Target.NotInUse"]


def test_the_address_of_a_load_balancer_is_no_target(balanced: Balanced) -> None:
    group = balanced.group(TargetType="ip")
    address = balanced.in_front(group).partition(":")[0]
    balanced.register(group, {"Id": address})
    assert balanced.health(group) == ["unused Target.IpUnusable"]


def test_a_function_is_not_checked(balanced: Balanced) -> None:
    name = balanced.account.name()
    made = balanced.elb.create_target_group(Name=name, TargetType="lambda")["TargetGroups"][0]
    group = made["TargetGroupArn"]
    balanced.account.at_end(balanced.elb.delete_target_group, TargetGroupArn=group)
    balanced.register(group, {"Id": "arn:aws:lambda:us-east-1:000000000000:function:any"})
    balanced.in_front(group)
    assert balanced.health(group) == ["unavailable Target.HealthCheckDisabled"]


def test_a_target_drains_for_the_whole_delay_and_is_gone_then(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host)
    group = balanced.group(host)
    balanced.set(group, deregistration_delay__timeout_seconds=6)
    balanced.in_front(group)
    balanced.becomes(group, "healthy")
    balanced.deregister(group, host)
    assert balanced.health(group) == ["draining Target.DeregistrationInProgress"]
    waited = wait_for(lambda: balanced.health(group) == [], "the target to be gone")
    assert waited and balanced.health(group, host) == ["unused Target.NotRegistered"]


def test_a_target_that_is_registered_again_while_it_drains_stays(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host)
    group = balanced.group(host)
    balanced.in_front(group)
    balanced.becomes(group, "healthy")
    balanced.deregister(group, host)
    balanced.aws.load_balancers.set(propagation_seconds=3)
    balanced.register(group, host)
    assert balanced.health(group) == ["initial Elb.RegistrationInProgress"]
    balanced.becomes(group, "healthy")  # after the delay of the one that left


def test_a_target_with_a_port_of_its_own_leaves_by_id_and_port_only(balanced: Balanced) -> None:
    host = balanced.host()
    group = balanced.group({"Id": host.id, "Port": 8081}, {"Id": host.id, "Port": 8082})
    balanced.in_front(group)
    balanced.set(group, deregistration_delay__timeout_seconds=0)
    balanced.deregister(group, host)
    assert len(balanced.health(group)) == 2
    balanced.deregister(group, {"Id": host.id, "Port": 8081})
    shown = balanced.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [each["Target"] for each in shown] == [{"Id": host.id, "Port": 8082}]
    assert balanced.health(group, host) == ["unused Target.NotRegistered"]


def test_the_waiters_of_version_2_wait(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host)
    group = balanced.group(host)
    balancer = balanced.balancer()
    balanced.listener(balancer, group)
    names = {"LoadBalancerArns": [balancer]}
    balanced.elb.get_waiter("load_balancer_available").wait(**names, WaiterConfig=WAIT)
    of = {"TargetGroupArn": group, "Targets": [{"Id": host.id}]}
    balanced.elb.get_waiter("target_in_service").wait(**of, WaiterConfig=WAIT)
    balanced.elb.deregister_targets(**of)
    balanced.elb.get_waiter("target_deregistered").wait(**of, WaiterConfig=WAIT)
    with pytest.raises(WaiterError):
        balanced.elb.get_waiter("target_in_service").wait(**of, WaiterConfig={"Delay": 0, "MaxAttempts": 2})
    balanced.elb.delete_load_balancer(LoadBalancerArn=balancer)
    balanced.elb.get_waiter("load_balancers_deleted").wait(**names, WaiterConfig=WAIT)


def test_health_can_be_unavailable(balanced: Balanced) -> None:
    group = balanced.group()
    balanced.aws.load_balancers.set(health_unavailable=True)
    assert refusal(balanced.elb.describe_target_health, TargetGroupArn=group) == "HealthUnavailable"

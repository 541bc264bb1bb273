"""What is found wrong with load balancers before a host is touched, and how long they make a host take."""

from dataclasses import replace
from typing import Any

import pytest

from functions.core.auto_scaling import ScalingGroup
from functions.core.balancer_checks import HostSeconds, Seen, host_seconds, problems, propagation_seconds
from functions.core.load_balancers import HealthReason, HealthState, HostHealth, health_in_classic, health_of
from functions.core.records import Balancer, BalancerType, HealthCheck, LoadBalancers, Registration
from functions.core.selection import Instance
from functions.core.statuses import Drain

QUICK = HealthCheck(interval=5, healthy_threshold=2, unhealthy_threshold=2)
WEB = Balancer(
    name="web", id="arn:web", type=BalancerType.APPLICATION, check=QUICK, deregistration_delay=300,
    zones=frozenset({"a", "b"}),
)  # fmt: skip
NET = replace(WEB, name="net", id="arn:net", type=BalancerType.NETWORK)
OLD = replace(WEB, name="old", id="old", type=BalancerType.CLASSIC)
NAMED = LoadBalancers(target_groups=("web",), has_control=True)
HOSTS = [Instance(instance_id="i-0", tags={}, zone="a"), Instance(instance_id="i-1", tags={}, zone="b")]
IN = tuple(
    HostHealth(registration=Registration(balancer="arn:web", instance_id=host.instance_id), state=HealthState.HEALTHY)
    for host in HOSTS
)


def found(settings: LoadBalancers = NAMED, *, hosts: list[Instance] = HOSTS, **seen: Any) -> list[str]:
    everything = {"balancers": (WEB,), "registered": IN, **seen}
    return [f"{each.severity}: {each.message}" for each in problems(settings, Seen(**everything), hosts)]


def test_nothing_is_wrong_with_a_quick_target_group_that_has_the_hosts() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("balancer", "says"),
    [
        ({"target_type": "lambda"}, "has the target type lambda: hosts can only be in one of type instance. Name"),
        ({"target_type": "ip"}, "target type ip"),
        ({"target_type": "alb", "type": BalancerType.NETWORK}, "target type alb"),
        ({"type": None}, "target group web is in no listener rule, so that its hosts never get healthy. Add a rule"),
        ({"type": BalancerType.GATEWAY}, "Gateway Load Balancer, which is not supported"),
        ({"zones": frozenset({"a"})}, "has not enabled b, so that i-1 never gets healthy. Enable the Avail"),
        ({"zones": frozenset({"c"})}, "has not enabled a, b, so that each of i-0, i-1 never gets healthy"),
    ],
)  # fmt: skip
def test_what_cannot_go_well_is_an_error_with_its_remedy(balancer: dict[str, Any], says: str) -> None:
    (error,) = found(balancers=(replace(WEB, **balancer),))
    assert error.startswith("error: ") and says in error


def test_a_name_that_does_not_exist_is_an_error_before_all_warnings() -> None:
    first, *others = found(missing=("target group none",), registered=())
    assert first.startswith("error: target group none does not exist in this account and Region: correct its name")
    assert [each.partition(":")[0] for each in others] == ["warning"]


def test_a_time_in_which_no_host_can_get_healthy_is_an_error() -> None:
    (error,) = found(replace(NAMED, healthy_timeout_seconds=4))
    assert error.startswith("error: healthyTimeout: 4 s is shorter than the 5 s that target group web needs")
    assert found(replace(NAMED, healthy_timeout_seconds=4), balancers=(replace(WEB, has_checks=False),)) == []


def test_defaults_of_aws_that_make_it_slow_are_warnings() -> None:
    slow = replace(WEB, check=replace(QUICK, interval=30))
    (checks,) = found(balancers=(slow,))
    assert "waits up to 30 s for the first check (interval 30 s). An interval of 5 to 10 s" in checks
    (classic,) = found(balancers=(replace(OLD, check=replace(QUICK, interval=15)),))
    assert "Classic Load Balancer old: a host waits up to 30 s for 2 checks" in classic
    (delay,) = found(replace(NAMED, drain=Drain.ELB))
    assert delay == (
        "warning: target group web: with drain: elb every host waits for its whole deregistration delay of 300 s."
        " Lower the delay, or use drain: host, which ends with the last connection"
    )


def test_hosts_that_are_in_no_load_balancer_are_named_and_do_not_stop_a_deployment() -> None:
    (warning,) = found(registered=IN[:1])
    assert warning.startswith("warning: i-1 is in none of the group's load balancers: there is nothing to block")
    leaving = replace(IN[1], state=HealthState.DRAINING)
    assert found(registered=(IN[0], leaving)) == [warning]


def test_auto_scaling_that_replaces_what_a_load_balancer_calls_unhealthy_is_a_warning() -> None:
    elb = ScalingGroup(name="asg", health_check_types=frozenset({"EC2", "ELB"}))
    (warning,) = found(scaling_groups=(elb,))
    assert "Auto Scaling group asg has ELB health checks" in warning and "Suspend ReplaceUnhealthy" in warning
    suspended = replace(elb, suspended=frozenset({"ReplaceUnhealthy"}))
    assert found(scaling_groups=(suspended, ScalingGroup(name="other"))) == []


@pytest.mark.parametrize(
    ("balancers", "settings", "seconds"),
    [
        ([WEB], NAMED, HostSeconds(block=15, allow=5)),  # one check, whatever the threshold is
        ([OLD], NAMED, HostSeconds(block=15, allow=10)),  # as many as the threshold
        ([WEB, NET], NAMED, HostSeconds(block=60, allow=95)),
        ([WEB], replace(NAMED, propagation_seconds=3), HostSeconds(block=3, allow=5)),
        ([WEB], replace(NAMED, drain=Drain.ELB), HostSeconds(block=300, allow=5)),
        ([replace(WEB, has_checks=False)], NAMED, HostSeconds(block=15, allow=0)),
        ([], NAMED, HostSeconds(block=0, allow=0)),
    ],
)
def test_a_host_takes_as_long_as_its_slowest_load_balancer(
    balancers: list[Balancer], settings: LoadBalancers, seconds: HostSeconds
) -> None:
    assert host_seconds(settings, balancers) == seconds
    assert seconds.total == seconds.block + seconds.allow


def test_propagation_is_a_network_load_balancers_where_there_is_one() -> None:
    assert [propagation_seconds(NAMED, each) for each in ([WEB], [OLD], [WEB, NET])] == [15, 15, 60]


HOST = Registration(balancer="arn:web", instance_id="i-0", port=80)


@pytest.mark.parametrize(
    ("state", "reason", "registered", "ready", "hopeless"),
    [
        ("initial", "Elb.RegistrationInProgress", True, False, False),
        ("healthy", None, True, True, False),
        ("unhealthy", "Target.Timeout", True, False, False),
        ("unavailable", "Target.HealthCheckDisabled", True, True, False),
        ("draining", "Target.DeregistrationInProgress", False, False, False),
        ("unhealthy.draining", None, False, False, False),
        ("unused", "Target.NotRegistered", False, False, False),
        ("unused", "Target.NotInUse", True, False, True),
        ("unused", "Target.IpUnusable", True, False, True),
        ("unused", "Target.InvalidState", True, False, False),  # a stopped instance may start
    ],
)
def test_what_a_state_means(state: str, reason: str | None, registered: bool, ready: bool, hopeless: bool) -> None:
    health = health_of(HOST, state, reason, None)
    assert (health.is_registered, health.is_ready, health.is_hopeless) == (registered, ready, hopeless)
    assert health.state.value == state and health.reason.value == (reason or "unknown")


def test_words_that_a_later_service_says_are_unknown_and_neither_ready_nor_hopeless() -> None:
    health = health_of(HOST, "resting", "Target.Tired", "zzz")
    assert (health.state, health.reason) == (HealthState.UNKNOWN, HealthReason.UNKNOWN)
    assert not health.is_ready and not health.is_hopeless and health.description == "zzz"


@pytest.mark.parametrize(
    ("state", "reason", "description", "means"),
    [
        ("InService", "N/A", "N/A", HealthState.HEALTHY),
        ("InService", "N/A", "Instance deregistration currently in progress.", HealthState.DRAINING),
        ("OutOfService", "Instance", "Instance is not currently registered with the LoadBalancer.", HealthState.UNUSED),
        ("OutOfService", "ELB", "Instance registration is still in progress.", HealthState.INITIAL),
        ("OutOfService", "Instance", "Instance has failed at least 2 checks.", HealthState.UNHEALTHY),
        ("Unknown", "N/A", "", HealthState.UNKNOWN),
    ],
)
def test_a_classic_load_balancers_words_mean_the_same(
    state: str, reason: str, description: str, means: HealthState
) -> None:
    assert health_in_classic(HOST, state, reason, description).state is means

"""Classic Load Balancers on the local cloud: their instance states, draining, waiters and traffic."""

import threading
from collections import Counter
from typing import Any

import pytest

from local.cloud import LocalInstance
from tests.local.elb.balanced import PATIENCE, PORT, Balanced, get
from tests.local.emulator import refusal

REGISTERING = "OutOfService ELB Instance registration is still in progress."
IN_SERVICE = "InService N/A N/A"
NOT_REGISTERED = "OutOfService Instance Instance is not currently registered with the LoadBalancer."


class ClassicBalancer:
    """A Classic Load Balancer of one test."""

    def __init__(self, balanced: Balanced, *hosts: LocalInstance, protocol: str = "HTTP") -> None:
        self.name, self._balanced, self.elb = balanced.account.name(), balanced, balanced.classic
        listener = {"Protocol": protocol, "LoadBalancerPort": 80, "InstancePort": PORT}
        self.elb.create_load_balancer(LoadBalancerName=self.name, Listeners=[listener], Subnets=balanced.subnets)
        balanced.account.at_end(self.elb.delete_load_balancer, LoadBalancerName=self.name)
        self.check()
        if hosts:
            self.register(*hosts)

    @property
    def address(self) -> str:
        return self._balanced.aws.load_balancers.addresses()[self.name]["80"]

    def check(self, **how: Any) -> None:
        given = {
            "Target": f"HTTP:{PORT}/",
            "Interval": 5,
            "Timeout": 4,
            "UnhealthyThreshold": 10,
            "HealthyThreshold": 2,
        }
        self.elb.configure_health_check(LoadBalancerName=self.name, HealthCheck={**given, **how})

    def drain(self, seconds: int) -> None:
        draining = {"ConnectionDraining": {"Enabled": True, "Timeout": seconds}}
        self.elb.modify_load_balancer_attributes(LoadBalancerName=self.name, LoadBalancerAttributes=draining)

    def register(self, *hosts: LocalInstance) -> None:
        self.elb.register_instances_with_load_balancer(LoadBalancerName=self.name, Instances=_ids(hosts))

    def deregister(self, *hosts: LocalInstance) -> None:
        self.elb.deregister_instances_from_load_balancer(LoadBalancerName=self.name, Instances=_ids(hosts))

    def states(self, *hosts: LocalInstance) -> list[str]:
        how = {"Instances": _ids(hosts)} if hosts else {}
        found = self.elb.describe_instance_health(LoadBalancerName=self.name, **how)["InstanceStates"]
        return [f"{each['State']} {each['ReasonCode']} {each['Description']}" for each in found]

    def becomes(self, state: str, *hosts: LocalInstance) -> None:
        self._balanced.until(lambda: set(self.states(*hosts)) == {state}, state)


def _ids(hosts: tuple[LocalInstance, ...]) -> list[dict[str, str]]:
    return [{"InstanceId": host.id} for host in hosts]


def test_an_instance_is_in_service_after_the_healthy_threshold(balanced: Balanced) -> None:
    host = balanced.host()
    application = balanced.application(host)
    balancer = ClassicBalancer(balanced)
    balancer.check(HealthyThreshold=3)
    assert balancer.states(host) == [NOT_REGISTERED]
    balancer.register(host)
    assert balancer.states() == [REGISTERING]
    balancer.becomes(IN_SERVICE)
    assert application.checks >= 3
    assert get(balancer.address) == (200, "v1")


def test_instances_take_turns_and_a_failing_one_is_out_of_service(balanced: Balanced) -> None:
    hosts = [balanced.host(), balanced.host()]
    failing, _ = (balanced.application(host, name) for host, name in zip(hosts, "ab", strict=True))
    balancer = ClassicBalancer(balanced, *hosts)
    balancer.check(UnhealthyThreshold=2)
    balancer.becomes(IN_SERVICE)
    assert Counter(get(balancer.address)[1] for _ in range(4)) == {"a": 2, "b": 2}
    failing.status = 500
    words = "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."
    balancer.becomes(f"OutOfService Instance {words}", hosts[0])
    assert Counter(get(balancer.address)[1] for _ in range(4)) == {"b": 4}


def test_nobody_in_service_is_service_unavailable(balanced: Balanced) -> None:
    balancer = ClassicBalancer(balanced, balanced.host())
    assert get(balancer.address)[0] == 503


def test_draining_ends_when_nothing_is_in_flight(balanced: Balanced) -> None:
    host = balanced.host()
    application = balanced.application(host)
    balancer = ClassicBalancer(balanced, host)
    balancer.drain(3600)
    balancer.becomes(IN_SERVICE)
    got: list[tuple[int, str]] = []
    request = threading.Thread(target=lambda: got.append(get(balancer.address, "/slow")))
    request.start()
    assert application.busy.wait(PATIENCE)
    balancer.deregister(host)
    assert balancer.states(host) == ["InService N/A Instance deregistration currently in progress."]
    assert get(balancer.address)[0] == 503
    application.released.set()
    request.join(PATIENCE)
    assert got == [(200, "v1")]
    balancer.becomes(NOT_REGISTERED, host)


def test_without_draining_what_is_in_flight_is_cut(balanced: Balanced) -> None:
    host = balanced.host()
    application = balanced.application(host)
    balancer = ClassicBalancer(balanced, host)
    balancer.becomes(IN_SERVICE)
    got: list[int] = []
    request = threading.Thread(target=lambda: got.append(get(balancer.address, "/slow")[0]))
    request.start()
    assert application.busy.wait(PATIENCE)
    balancer.deregister(host)
    assert balancer.states(host) == [NOT_REGISTERED]
    request.join(PATIENCE)
    application.released.set()
    assert got == [502]


def test_a_tcp_listener_forwards_connections(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host)
    balancer = ClassicBalancer(balanced, host, protocol="TCP")
    balancer.check(Target=f"TCP:{PORT}")
    balancer.becomes(IN_SERVICE)
    assert get(balancer.address) == (200, "v1")


def test_states_tell_of_stopped_instances_and_of_what_is_unknown(balanced: Balanced) -> None:
    host = balanced.host()
    balancer = ClassicBalancer(balanced, host)
    balanced.aws.act(host, "stop")
    assert balancer.states() == ["OutOfService Instance Instance is in stopped state."]
    balanced.aws.load_balancers.set(health_unavailable=True)
    assert balancer.states() == ["Unknown ELB A transient error occurred. Please try again later."]


def test_its_waiters_wait(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host)
    balancer = ClassicBalancer(balanced, host)
    how = {"LoadBalancerName": balancer.name, "Instances": [{"InstanceId": host.id}]}
    wait = {"Delay": 1, "MaxAttempts": 20}
    balancer.elb.get_waiter("instance_in_service").wait(**how, WaiterConfig=wait)
    balancer.elb.get_waiter("any_instance_in_service").wait(LoadBalancerName=balancer.name, WaiterConfig=wait)
    balancer.deregister(host)
    balancer.elb.get_waiter("instance_deregistered").wait(**how, WaiterConfig=wait)


def test_it_is_described_as_it_was_made(balanced: Balanced) -> None:
    host = balanced.host()
    balancer = ClassicBalancer(balanced, host)
    name = balancer.name
    (found,) = balancer.elb.describe_load_balancers(LoadBalancerNames=[name])["LoadBalancerDescriptions"]
    assert found["DNSName"] == balancer.address.partition(":")[0] and found["VPCId"] == balanced.vpc
    assert found["Instances"] == [{"InstanceId": host.id}] and found["HealthCheck"]["Target"] == f"HTTP:{PORT}/"
    (listener,) = (each["Listener"] for each in found["ListenerDescriptions"])
    assert listener == {
        "Protocol": "HTTP",
        "LoadBalancerPort": 80,
        "InstanceProtocol": "HTTP",
        "InstancePort": PORT,
    }
    attributes = balancer.elb.describe_load_balancer_attributes(LoadBalancerName=name)["LoadBalancerAttributes"]
    assert attributes["ConnectionDraining"] == {"Enabled": False, "Timeout": 300}
    balancer.elb.add_tags(LoadBalancerNames=[name], Tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
    balancer.elb.remove_tags(LoadBalancerNames=[name], Tags=[{"Key": "a"}])
    (tags,) = balancer.elb.describe_tags(LoadBalancerNames=[name])["TagDescriptions"]
    assert tags == {"LoadBalancerName": name, "Tags": [{"Key": "c", "Value": "d"}]}


def test_listeners_come_and_go(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host)
    balancer = ClassicBalancer(balanced, host)
    balancer.becomes(IN_SERVICE)
    name, listener = balancer.name, {"Protocol": "HTTP", "LoadBalancerPort": 81, "InstancePort": PORT}
    balancer.elb.create_load_balancer_listeners(LoadBalancerName=name, Listeners=[listener])
    other = {**listener, "InstancePort": 1}
    create = balancer.elb.create_load_balancer_listeners
    assert refusal(create, LoadBalancerName=name, Listeners=[other]) == "DuplicateListener"
    address = balanced.aws.load_balancers.addresses()[name]["81"]
    assert get(address) == (200, "v1")
    balancer.elb.delete_load_balancer_listeners(LoadBalancerName=name, LoadBalancerPorts=[81])
    with pytest.raises(ConnectionRefusedError):
        get(address)


def test_what_is_not_there_is_refused(balanced: Balanced) -> None:
    balancer = ClassicBalancer(balanced)
    elb, name, ghost = balancer.elb, balancer.name, [{"InstanceId": "i-00000000000000000"}]
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": PORT}
    of_none = {"LoadBalancerName": "none"}
    assert refusal(elb.describe_instance_health, **of_none) == "LoadBalancerNotFound"
    assert refusal(elb.describe_load_balancers, LoadBalancerNames=["none"]) == "LoadBalancerNotFound"
    assert refusal(elb.delete_load_balancer, **of_none) == ""
    for operation in ("register_instances_with_load_balancer", "deregister_instances_from_load_balancer"):
        assert refusal(getattr(elb, operation), LoadBalancerName=name, Instances=ghost) == "InvalidInstance"
    assert refusal(elb.describe_instance_health, LoadBalancerName=name, Instances=ghost) == "InvalidInstance"
    how = {"Listeners": [listener], "Subnets": balanced.subnets}
    assert refusal(elb.create_load_balancer, LoadBalancerName=name, **how) == "DuplicateLoadBalancerName"
    other = {**how, "Subnets": ["subnet-none"]}
    assert refusal(elb.create_load_balancer, LoadBalancerName=f"{name}2", **other) == "SubnetNotFound"

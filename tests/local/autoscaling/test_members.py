"""Single instances of a group on the local cloud: health, standby, termination, what is attached and detached."""

import pytest
from botocore.exceptions import ClientError

from tests.local.autoscaling.scaled import TERMINATING, Scaled
from tests.local.emulator import refusal


def test_an_instance_that_ends_is_replaced(scaled: Scaled) -> None:
    name = scaled.group(1)
    (dead,) = scaled.ids(name)
    scaled.aws.remove_instance(scaled.aws.instance(dead))
    scaled.until(lambda: scaled.ids(name) not in ([], [dead]), "another instance")
    terminated, launched = (each["Cause"] for each in scaled.activities(name)[:2][::-1])
    assert "in response to an EC2 health check indicating it has been terminated or stopped." in terminated
    assert "in response to an unhealthy instance needing to be replaced." in launched


def test_what_ec2_is_told_happens_to_the_host(scaled: Scaled) -> None:
    name = scaled.group(1)
    (dead,) = scaled.ids(name)
    root = scaled.aws.instance(dead).path("/")
    scaled.ec2.terminate_instances(InstanceIds=[dead])
    scaled.until(lambda: not root.exists(), "the host to be gone")
    scaled.until(lambda: scaled.ids(name) not in ([], [dead]), "another instance")
    (stopped,) = scaled.ids(name)
    scaled.api.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["HealthCheck"])
    scaled.ec2.stop_instances(InstanceIds=[stopped])
    scaled.until(lambda: scaled.host_state(stopped) == "stopped", "the host to stop")
    scaled.ec2.start_instances(InstanceIds=[stopped])
    scaled.until(lambda: scaled.host_state(stopped) == "running", "the host to start")
    assert scaled.ids(name) == [stopped]


def test_an_instance_that_a_user_calls_unhealthy_is_replaced_through_the_hooks(scaled: Scaled) -> None:
    name = scaled.group(1)
    scaled.hook(name, "stop", LifecycleTransition=TERMINATING)
    (sick,) = scaled.ids(name)
    events = scaled.events(name)
    scaled.api.set_instance_health(InstanceId=sick, HealthStatus="Unhealthy")
    event = events.next()
    assert event["detail"]["EC2InstanceId"] == sick
    scaled.becomes(name, "InService", "Terminating:Wait")  # its replacement does not wait for its end
    scaled.answer(event)
    scaled.becomes(name, "InService")
    assert sick not in scaled.ids(name)


def test_a_grace_period_is_respected(scaled: Scaled) -> None:
    name = scaled.group(1, HealthCheckGracePeriod=3000)
    (young,) = scaled.ids(name)
    scaled.api.set_instance_health(InstanceId=young, HealthStatus="Unhealthy")
    assert scaled.instances(name)[0]["HealthStatus"] == "Healthy"
    how = {"HealthStatus": "Unhealthy", "ShouldRespectGracePeriod": False}
    scaled.api.set_instance_health(InstanceId=young, **how)
    scaled.until(lambda: scaled.ids(name) not in ([], [young]), "another instance")


def test_standby_takes_an_instance_out_and_brings_it_back(scaled: Scaled) -> None:
    name = scaled.group(2)
    (first, second) = scaled.ids(name)
    how = {"AutoScalingGroupName": name, "InstanceIds": [first]}
    answer = scaled.api.enter_standby(ShouldDecrementDesiredCapacity=True, **how)["Activities"]
    assert [each["Description"] for each in answer] == [f"Moving EC2 instance to Standby: {first}"]
    scaled.becomes(name, "InService", "Standby")
    assert scaled.described(name)["DesiredCapacity"] == 1
    with pytest.raises(ClientError, match=f"The instance {first} is not in InService."):
        scaled.api.enter_standby(ShouldDecrementDesiredCapacity=True, **how)
    scaled.api.exit_standby(**how)
    scaled.becomes(name, "InService", "InService")
    assert scaled.described(name)["DesiredCapacity"] == 2
    ids = [each["ActivityId"] for each in scaled.activities(name)]
    assert answer[0]["ActivityId"] in ids
    scaled.api.enter_standby(AutoScalingGroupName=name, InstanceIds=[second], ShouldDecrementDesiredCapacity=False)
    scaled.becomes(name, "InService", "InService", "Standby")


def test_a_standby_may_not_go_below_the_minimum(scaled: Scaled) -> None:
    name = scaled.group(1, MinSize=1)
    how = {"AutoScalingGroupName": name, "InstanceIds": scaled.ids(name)}
    assert refusal(scaled.api.enter_standby, ShouldDecrementDesiredCapacity=True, **how) == "ValidationError"
    assert scaled.states(name) == ["InService"]


@pytest.mark.parametrize(("decrements", "left"), [(True, 1), (False, 2)])
def test_an_instance_is_terminated_by_its_id(scaled: Scaled, decrements: bool, left: int) -> None:
    name = scaled.group(2)
    (first, second) = scaled.ids(name)
    how = {"InstanceId": second, "ShouldDecrementDesiredCapacity": decrements}
    activity = scaled.api.terminate_instance_in_auto_scaling_group(**how)["Activity"]
    assert (activity["StatusCode"], activity["Description"]) == ("InProgress", f"Terminating EC2 instance: {second}")
    scaled.until(lambda: scaled.host_state(second) == "terminated", "the instance to end")
    scaled.becomes(name, *["InService"] * left)
    assert first in scaled.ids(name) and scaled.described(name)["DesiredCapacity"] == left


def test_an_instance_that_no_group_has_is_refused(scaled: Scaled) -> None:
    how = {"InstanceId": "i-00000000000000000", "ShouldDecrementDesiredCapacity": False}
    with pytest.raises(ClientError, match="No managed instance found for instance ID: i-00000000000000000"):
        scaled.api.terminate_instance_in_auto_scaling_group(**how)


def test_instances_are_detached_and_attached(scaled: Scaled) -> None:
    name = scaled.group(1)
    (instance_id,) = scaled.ids(name)
    how = {"AutoScalingGroupName": name, "InstanceIds": [instance_id]}
    events = scaled.events(name, "EC2 Instance Detach Successful")
    scaled.api.detach_instances(ShouldDecrementDesiredCapacity=True, **how)
    assert events.next()["detail"]["EC2InstanceId"] == instance_id
    scaled.becomes(name)
    tags = {"Name": "resource-id", "Values": [instance_id]}
    assert "aws:autoscaling:groupName" not in [each["Key"] for each in scaled.ec2.describe_tags(Filters=[tags])["Tags"]]
    assert scaled.host_state(instance_id) == "running" and scaled.described(name)["DesiredCapacity"] == 0
    scaled.api.attach_instances(**how)
    scaled.becomes(name, "InService")
    assert scaled.ids(name) == [instance_id] and scaled.described(name)["DesiredCapacity"] == 1
    assert refusal(scaled.api.attach_instances, **how) == "ValidationError"


def test_protected_instances_do_not_scale_in(scaled: Scaled) -> None:
    name = scaled.group(2)
    first = scaled.ids(name)[0]
    how = {"AutoScalingGroupName": name, "InstanceIds": [first], "ProtectedFromScaleIn": True}
    scaled.api.set_instance_protection(**how)
    scaled.resize(name, 0)
    scaled.becomes(name, "InService")
    assert scaled.ids(name) == [first]


def test_suspended_processes_stand_still_until_they_are_resumed(scaled: Scaled) -> None:
    name, api = scaled.group(1), scaled.api
    (first,) = scaled.ids(name)
    api.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["Launch", "Terminate"])
    shown = scaled.described(name)["SuspendedProcesses"]
    assert [each["ProcessName"] for each in shown] == ["Launch", "Terminate"]
    assert shown[0]["SuspensionReason"].startswith("User suspended at 20")
    scaled.resize(name, 2)
    api.set_instance_health(InstanceId=first, HealthStatus="Unhealthy")
    assert scaled.states(name) == ["InService"]
    api.resume_processes(AutoScalingGroupName=name, ScalingProcesses=["Launch"])
    scaled.becomes(name, "InService", "InService")
    api.resume_processes(AutoScalingGroupName=name)  # all that is suspended
    scaled.until(lambda: first not in scaled.ids(name), "the unhealthy one to be replaced")
    scaled.becomes(name, "InService", "InService")
    api.suspend_processes(AutoScalingGroupName=name)
    all_of_them = {each["ProcessName"] for each in api.describe_scaling_process_types()["Processes"]}
    assert {each["ProcessName"] for each in scaled.described(name)["SuspendedProcesses"]} == all_of_them
    how = {"AutoScalingGroupName": name, "ScalingProcesses": ["AZrebalance"]}
    assert refusal(api.suspend_processes, **how) == "ValidationError"


def test_a_suspension_and_its_end_may_be_refused(scaled: Scaled) -> None:
    name = scaled.group(0)
    how = {"AutoScalingGroupName": name, "ScalingProcesses": ["Launch"]}
    caller = scaled.account.caller("autoscaling", may="autoscaling:*", on="*")
    scaled.aws.faults.set(refused_suspensions=1, refused_resumptions=1)
    assert refusal(caller.suspend_processes, **how) == "ResourceInUse"
    assert refusal(caller.suspend_processes, **how) == ""
    assert refusal(caller.resume_processes, **how) == "ResourceInUse"
    assert len(scaled.described(name)["SuspendedProcesses"]) == 1
    assert refusal(caller.resume_processes, **how) == ""


def test_an_instance_refresh_replaces_one_after_the_other(scaled: Scaled) -> None:
    name = scaled.group(2)
    before = scaled.ids(name)
    events = scaled.events(
        name, "EC2 Auto Scaling Instance Refresh Started", "EC2 Auto Scaling Instance Refresh Succeeded"
    )
    preferences = {"MinHealthyPercentage": 50, "InstanceWarmup": 0}
    refresh = scaled.api.start_instance_refresh(AutoScalingGroupName=name, Preferences=preferences)["InstanceRefreshId"]
    assert events.next()["detail"] == {"InstanceRefreshId": refresh, "AutoScalingGroupName": name}
    assert refusal(scaled.api.start_instance_refresh, AutoScalingGroupName=name) == "InstanceRefreshInProgress"
    assert events.next()["detail-type"].endswith("Succeeded")
    assert not set(before) & set(scaled.ids(name)) and scaled.states(name) == ["InService"] * 2
    (found,) = scaled.api.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"]
    assert (found["InstanceRefreshId"], found["Status"], found["PercentageComplete"]) == (refresh, "Successful", 100)


def test_a_refresh_may_replace_root_volumes_only(scaled: Scaled) -> None:
    name = scaled.group(1, LaunchTemplate={"LaunchTemplateName": scaled.template(), "Version": "1"})
    scaled.hook(name)
    scaled.hook(name, "stop", LifecycleTransition=TERMINATING)
    (instance_id,) = scaled.ids(name)
    host = scaled.aws.instance(instance_id)
    host.path("/srv/revision").write_text("v1")
    events = scaled.events(name)
    how = {"AutoScalingGroupName": name, "Strategy": "ReplaceRootVolume"}
    scaled.api.start_instance_refresh(Preferences={"InstanceWarmup": 0}, **how)
    event = events.next()
    assert (event["detail"]["LifecycleHookName"], scaled.states(name)) == ("stop", ["ReplacingRootVolume:Wait"])
    scaled.answer(event)
    event = events.next()
    assert (event["detail"]["LifecycleHookName"], scaled.states(name)) == ("install", ["Pending:Wait"])
    assert scaled.host_state(instance_id) == "running" and not host.path("/srv/revision").exists()
    scaled.answer(event)
    scaled.becomes(name, "InService")
    assert scaled.ids(name) == [instance_id] and scaled.aws.instance(instance_id) == host
    latest = scaled.group(0)
    assert refusal(scaled.api.start_instance_refresh, **{**how, "AutoScalingGroupName": latest}) == "ValidationError"


def test_an_instance_refresh_is_paused_and_cancelled(scaled: Scaled) -> None:
    name, api = scaled.group(1), scaled.api
    before = scaled.ids(name)
    api.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["InstanceRefresh"])
    refresh = api.start_instance_refresh(AutoScalingGroupName=name)["InstanceRefreshId"]
    assert api.cancel_instance_refresh(AutoScalingGroupName=name)["InstanceRefreshId"] == refresh
    (found,) = api.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"]
    assert (found["Status"], scaled.ids(name)) == ("Cancelled", before)
    assert refusal(api.cancel_instance_refresh, AutoScalingGroupName=name) == "ActiveInstanceRefreshNotFound"

"""What IAM, the weather and the counters of the local cloud make of calls of Auto Scaling."""

from botocore.config import Config

from local.weather import Weather, rate
from tests.local.autoscaling.scaled import Scaled, hook
from tests.local.emulator import Account, refusal

ANY = "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:*:autoScalingGroupName/"
TAGGED = [{"Key": "stepdeploy", "Value": "enabled", "PropagateAtLaunch": True}]
BY_TAG = {"StringEquals": {"autoscaling:ResourceTag/stepdeploy": "enabled"}}


def test_a_group_is_named_by_its_arn_with_or_without_its_id(scaled: Scaled) -> None:
    own, other = scaled.group(0), scaled.group(0)
    for arn in (ANY + own, scaled.described(own)["AutoScalingGroupARN"]):
        caller = scaled.account.caller("autoscaling", may="autoscaling:SetDesiredCapacity", on=arn)
        assert refusal(caller.set_desired_capacity, AutoScalingGroupName=own, DesiredCapacity=0) == ""
        assert refusal(caller.set_desired_capacity, AutoScalingGroupName=other, DesiredCapacity=0) == "AccessDenied"
        assert refusal(caller.suspend_processes, AutoScalingGroupName=own) == "AccessDenied"


def test_to_describe_needs_everything(scaled: Scaled) -> None:
    name, may = scaled.group(0), "autoscaling:DescribeAutoScalingGroups"
    narrow = scaled.account.caller("autoscaling", may=may, on=ANY + name)
    wide = scaled.account.caller("autoscaling", may=may, on="*")
    assert refusal(narrow.describe_auto_scaling_groups, AutoScalingGroupNames=[name]) == "AccessDenied"
    assert refusal(wide.describe_auto_scaling_groups, AutoScalingGroupNames=[name]) == ""


def test_a_condition_on_a_groups_tags_is_judged(scaled: Scaled) -> None:
    tagged, plain = (scaled.group(0, LifecycleHookSpecificationList=[hook()], Tags=tags) for tags in (TAGGED, []))
    caller = scaled.account.caller("autoscaling", may="autoscaling:CompleteLifecycleAction", on="*", when=BY_TAG)
    how = {"LifecycleHookName": "install", "InstanceId": "i-00000000000000000", "LifecycleActionResult": "CONTINUE"}
    for name, expected in ((tagged, "ValidationError"), (plain, "AccessDenied")):
        assert refusal(caller.complete_lifecycle_action, AutoScalingGroupName=name, **how) == expected


def test_an_instance_stands_for_its_group(scaled: Scaled) -> None:
    own, other = scaled.group(1), scaled.group(1)
    caller = scaled.account.caller("autoscaling", may="autoscaling:SetInstanceHealth", on=ANY + own)
    for name, expected in ((own, ""), (other, "AccessDenied")):
        (instance_id,) = scaled.ids(name)
        assert refusal(caller.set_instance_health, InstanceId=instance_id, HealthStatus="Healthy") == expected


def test_a_group_with_tags_needs_the_right_to_tag(scaled: Scaled) -> None:
    name = scaled.account.name()
    template = {"LaunchTemplateName": scaled.template()}
    how = {"AutoScalingGroupName": name, "MinSize": 0, "MaxSize": 0, "AvailabilityZones": ["us-east-1a"]}
    caller = scaled.account.caller("autoscaling", may="autoscaling:CreateAutoScalingGroup", on=ANY + name)
    assert refusal(caller.create_auto_scaling_group, LaunchTemplate=template, Tags=TAGGED, **how) == "AccessDenied"
    assert refusal(caller.create_auto_scaling_group, LaunchTemplate=template, **how) == ""
    scaled.api.delete_auto_scaling_group(AutoScalingGroupName=name)


def test_calls_are_counted_and_meet_the_weather(scaled: Scaled) -> None:
    once = Config(retries={"total_max_attempts": 1})
    may = "autoscaling:DescribeAutoScalingGroups"
    caller = scaled.account.caller("autoscaling", may=may, on="*", config=once)
    scaled.aws.reset_records()
    scaled.aws.turn(Weather(throttle=dict([rate("autoscaling=0.001/s,2")])))
    codes = [refusal(caller.describe_auto_scaling_groups) for _ in range(3)]
    scaled.aws.turn(Weather())
    assert codes == ["", "", "Throttling"]
    records = scaled.aws.records()
    assert records.autoscaling == {"DescribeAutoScalingGroups": 3}
    assert records.refused == {"autoscaling:DescribeAutoScalingGroups": 1}


def test_the_emulator_still_judges_no_tags_of_groups(bare: Account) -> None:
    name, api = bare.name(), bare.client("autoscaling")
    given = {"AvailabilityZones": ["us-east-1a"], "LaunchConfigurationName": "none", "Tags": TAGGED}
    api.create_auto_scaling_group(AutoScalingGroupName=name, MinSize=0, MaxSize=1, **given)
    bare.at_end(api.delete_auto_scaling_group, AutoScalingGroupName=name, ForceDelete=True)
    caller = bare.caller("autoscaling", may="autoscaling:SetDesiredCapacity", on="*", when=BY_TAG)
    assert refusal(caller.set_desired_capacity, AutoScalingGroupName=name, DesiredCapacity=0) == "AccessDenied"

"""Auto Scaling groups on the local cloud, beside the emulator alone: capacity, zones, tags, pages."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloud import LocalCloud
from local.driver import wait_for
from tests.local.autoscaling.scaled import PATIENCE, Scaled
from tests.local.emulator import Account, refusal


def message(call: Any, **arguments: Any) -> str:
    """`code: message` of the refusal that a call has to get."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def test_a_group_launches_real_instances_with_its_tags(scaled: Scaled) -> None:
    specification = {"ResourceType": "instance", "Tags": [{"Key": "from", "Value": "template"}, *_tags(role="old")]}
    template = scaled.template(InstanceType="t3.large", TagSpecifications=[specification])
    tags = [
        {"Key": "role", "Value": "web", "PropagateAtLaunch": True},
        {"Key": "owner", "Value": "shop", "PropagateAtLaunch": False},
    ]
    how = {"LaunchTemplateName": template, "Version": "$Latest"}
    name = scaled.group(2, LaunchTemplate=how, Tags=tags)
    filters = [{"Name": "tag:aws:autoscaling:groupName", "Values": [name]}]
    found = [each["Instances"][0] for each in scaled.ec2.describe_instances(Filters=filters)["Reservations"]]
    assert {each["InstanceId"] for each in found} == set(scaled.ids(name))
    assert sorted(each["Placement"]["AvailabilityZone"] for each in found) == ["us-east-1a", "us-east-1b"]
    assert sorted(each["SubnetId"] for each in found) == ["subnet-00000001", "subnet-00000002"]
    assert {(each["ImageId"], each["InstanceType"], each["State"]["Name"]) for each in found} == {
        ("ami-1234", "t3.large", "running")
    }
    own = {tag["Key"]: tag["Value"] for tag in found[0]["Tags"]}
    assert own.pop("aws:ec2launchtemplate:id").startswith("lt-")
    assert own == {
        "from": "template",
        "role": "web",
        "aws:autoscaling:groupName": name,
        "aws:ec2launchtemplate:version": "1",
    }
    host = scaled.aws.instance(found[0]["InstanceId"])
    assert host.id == host.name and host.path("/srv").is_dir()


def _tags(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def test_ssm_knows_a_new_instance_only_after_a_while(scaled: Scaled) -> None:
    scaled.aws.auto_scaling.set(agent_seconds=0.5)
    name = scaled.group()
    filters = [{"Key": "InstanceIds", "Values": scaled.ids(name)}]
    ssm = scaled.account.client("ssm")

    def known() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
        return found

    assert known() == []
    assert wait_for(known, "the agent")[0]["PingStatus"] == "Online"


def test_a_group_is_described_as_it_was_made(scaled: Scaled) -> None:
    name = scaled.group(0, most=3, HealthCheckGracePeriod=60, DefaultCooldown=7)
    found = scaled.described(name)
    assert f":autoScalingGroupName/{name}" in found["AutoScalingGroupARN"]
    assert (found["MinSize"], found["MaxSize"], found["DesiredCapacity"]) == (0, 3, 0)
    assert (found["HealthCheckType"], found["HealthCheckGracePeriod"], found["DefaultCooldown"]) == ("EC2", 60, 7)
    assert found["AvailabilityZones"] == ["us-east-1a", "us-east-1b"] and found["TerminationPolicies"] == ["Default"]
    assert found["LaunchTemplate"]["Version"] == "$Default" and found["SuspendedProcesses"] == []
    scaled.api.update_auto_scaling_group(AutoScalingGroupName=name, MaxSize=5, HealthCheckType="EC2,ELB")
    found = scaled.described(name)
    assert (found["MaxSize"], found["HealthCheckType"], found["DefaultCooldown"]) == (5, "EC2,ELB", 7)


def test_a_group_scales_in_and_out_and_says_why(scaled: Scaled) -> None:
    name = scaled.group(1)
    scaled.resize(name, 3)
    scaled.becomes(name, *["InService"] * 3)
    ids = scaled.ids(name)
    scaled.resize(name, 2)
    scaled.becomes(name, *["InService"] * 2)
    (gone,) = set(ids) - set(scaled.ids(name))
    assert gone == ids[0]  # the oldest one of the zone with the most
    scaled.until(lambda: scaled.host_state(gone) == "terminated", "the instance to end")
    activities = scaled.activities(name)
    assert [each["Description"] for each in activities] == [
        f"Terminating EC2 instance: {gone}",
        *(f"Launching a new EC2 instance: {each}" for each in (ids[2], ids[1], ids[0])),
    ]
    assert {each["StatusCode"] for each in activities} == {"Successful"}
    assert "explicitly set group desired capacity changing the desired capacity from 3 to 2." in activities[0]["Cause"]
    assert "increasing the capacity from 2 to 3." in activities[1]["Cause"]
    assert "a user request created an AutoScalingGroup" in activities[3]["Cause"]
    with pytest.raises(ClientError, match="above max value 4"):
        scaled.resize(name, 9)


def test_a_group_may_launch_from_a_launch_configuration(scaled: Scaled) -> None:
    configuration = scaled.account.name()
    api = scaled.api
    api.create_launch_configuration(LaunchConfigurationName=configuration, ImageId="ami-7", InstanceType="m5.large")
    scaled.account.at_end(api.delete_launch_configuration, LaunchConfigurationName=configuration)
    name = scaled.group(1, LaunchConfigurationName=configuration, AvailabilityZones=["us-east-1c"])
    (found,) = scaled.instances(name)
    assert (found["LaunchConfigurationName"], found["InstanceType"]) == (configuration, "m5.large")
    assert found["AvailabilityZone"] == "us-east-1c" and "LaunchTemplate" not in found


def test_a_group_with_instances_is_deleted_by_force_only(scaled: Scaled) -> None:
    name = scaled.group(1)
    (instance_id,) = scaled.ids(name)
    assert refusal(scaled.api.delete_auto_scaling_group, AutoScalingGroupName=name) == "ResourceInUse"
    scaled.remove(name)
    assert scaled.host_state(instance_id) == "terminated"
    assert "not found" in message(scaled.api.delete_auto_scaling_group, AutoScalingGroupName=name)
    past = scaled.api.describe_scaling_activities(AutoScalingGroupName=name, IncludeDeletedGroups=True)["Activities"]
    assert {each["AutoScalingGroupState"] for each in past} == {"Deleted"}
    empty = scaled.group(0)
    scaled.api.delete_auto_scaling_group(AutoScalingGroupName=empty)
    assert scaled.described(empty) == {}


def test_groups_are_found_by_names_and_tags_page_by_page(scaled: Scaled) -> None:
    team = scaled.account.name()
    made = [
        scaled.group(0, Tags=[{"Key": "team", "Value": team}, {"Key": "number", "Value": str(number)}])
        for number in range(3)
    ]
    pages = scaled.api.get_paginator("describe_auto_scaling_groups")
    mine = [{"Name": "tag:team", "Values": [team]}]
    found = list(pages.paginate(Filters=mine, PaginationConfig={"PageSize": 2}))
    assert [[each["AutoScalingGroupName"] for each in page["AutoScalingGroups"]] for page in found] == [
        made[:2],
        made[2:],
    ]
    second = [*mine, {"Name": "tag:number", "Values": ["1"]}]
    answer = scaled.api.describe_auto_scaling_groups(Filters=second)["AutoScalingGroups"]
    assert [each["AutoScalingGroupName"] for each in answer] == [made[1]]
    answer = scaled.api.describe_auto_scaling_groups(AutoScalingGroupNames=[made[2], "none"])["AutoScalingGroups"]
    assert [each["AutoScalingGroupName"] for each in answer] == [made[2]]
    names = [f"group-{number}" for number in range(51)]
    assert refusal(scaled.api.describe_auto_scaling_groups, AutoScalingGroupNames=names) == "ValidationError"
    assert refusal(scaled.api.describe_auto_scaling_groups, AutoScalingGroupNames=names, MaxRecords=100) == ""
    assert refusal(scaled.api.describe_auto_scaling_groups, NextToken="x") == "InvalidNextToken"
    tags = scaled.api.describe_tags(Filters=[{"Name": "value", "Values": [team]}])["Tags"]
    assert [each["ResourceId"] for each in tags] == made


def test_instances_are_described_over_all_groups(scaled: Scaled) -> None:
    names = [scaled.group(1), scaled.group(1)]
    ids = [scaled.ids(name)[0] for name in names]
    pages = scaled.api.get_paginator("describe_auto_scaling_instances")
    found = pages.paginate(InstanceIds=[*ids, "i-00000000000000000"], PaginationConfig={"PageSize": 1})
    instances = [each for page in found for each in page["AutoScalingInstances"]]
    shown = [(each["InstanceId"], each["AutoScalingGroupName"]) for each in instances]
    assert shown == list(zip(ids, names, strict=True))
    none = scaled.api.describe_auto_scaling_groups(AutoScalingGroupNames=names, IncludeInstances=False)
    assert [each["Instances"] for each in none["AutoScalingGroups"]] == [[], []]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"LaunchTemplate": {"LaunchTemplateName": "none"}}, "The specified launch template, none, does not exist."),
        ({"MinSize": 3, "MaxSize": 2}, "Max bound, 2, must be greater than or equal to min bound, 3"),
        ({"DesiredCapacity": 9}, "must be between the specified min size:0 and max size:4"),
        ({"VPCZoneIdentifier": "subnet-1"}, "The subnet ID 'subnet-1' does not exist"),
        ({"AvailabilityZones": []}, "At least one Availability Zone or VPC Subnet is required."),
        ({"TargetGroupARNs": ["arn:none"]}, "Provided Target Groups may not be valid."),
        (
            {"MixedInstancesPolicy": {"InstancesDistribution": {"SpotMaxPrice": "1"}}},
            "the local cloud has no mixed instances policies",
        ),
    ],
)
def test_what_no_group_can_be_is_refused(scaled: Scaled, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match="ValidationError") as refused:
        scaled.group(0, **{"LaunchTemplate": {"LaunchTemplateName": scaled.template()}, **wrong})
    assert words in str(refused.value)


def test_tags_of_groups_are_changed_but_not_those_of_aws(scaled: Scaled) -> None:
    name = scaled.group(1, Tags=[{"Key": "old", "Value": "1"}])
    of_group = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
    new = {"Key": "new", "Value": "2", "PropagateAtLaunch": True}
    scaled.api.create_or_update_tags(Tags=[{**of_group, **new}])
    scaled.api.delete_tags(Tags=[{**of_group, "Key": "old"}])
    assert scaled.described(name)["Tags"] == [{**of_group, **new}]
    tags = scaled.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": scaled.ids(name)}])["Tags"]
    assert "old" in [each["Key"] for each in tags]  # what runs keeps its own
    reserved = [{**of_group, "Key": "aws:name", "Value": ""}]
    assert refusal(scaled.api.create_or_update_tags, Tags=reserved) == "ValidationError"


def test_a_launch_that_fails_is_told_and_tried_again(scaled: Scaled) -> None:
    scaled.aws.faults.set(failed_launches=3)
    name = scaled.group(0)
    events = scaled.events(name, "EC2 Instance Launch Unsuccessful", "EC2 Instance Launch Successful")
    scaled.resize(name, 1)
    told = [events.next() for _ in range(4)]
    assert [each["detail"]["StatusCode"] for each in told] == ["Failed"] * 3 + ["InProgress"]
    assert "Launching EC2 instance failed." in told[0]["detail"]["StatusMessage"]
    assert [each["StatusCode"] for each in scaled.activities(name)] == ["Successful", *["Failed"] * 3]


def test_the_emulator_still_launches_nothing(bare: Account) -> None:
    name, api = bare.name(), bare.client("autoscaling")
    given = {"AvailabilityZones": ["us-east-1a"], "LaunchConfigurationName": "none"}
    api.create_auto_scaling_group(AutoScalingGroupName=name, MinSize=1, MaxSize=1, **given)
    bare.at_end(api.delete_auto_scaling_group, AutoScalingGroupName=name, ForceDelete=True)
    (group,) = api.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    (instance,) = group["Instances"]
    ids = [instance["InstanceId"]]
    assert refusal(bare.client("ec2").describe_instances, InstanceIds=ids) == "InvalidInstanceID.NotFound"


def test_the_emulator_still_completes_what_is_not_there(bare: Account) -> None:
    how = {"AutoScalingGroupName": "none", "LifecycleHookName": "none", "InstanceId": "i-00000000000000000"}
    assert refusal(bare.client("autoscaling").complete_lifecycle_action, LifecycleActionResult="CONTINUE", **how) == ""


def test_a_cloud_that_ends_while_a_group_launches_leaves_no_host() -> None:
    with LocalCloud() as aws:
        aws.client("ec2").create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-1"})
        how = {"AvailabilityZones": ["us-east-1a"], "LaunchTemplate": {"LaunchTemplateName": "web"}}
        aws.client("autoscaling").create_auto_scaling_group(AutoScalingGroupName="web", MinSize=6, MaxSize=6, **how)
        assert aws._process
        aws._process.terminate()
        assert aws._process.wait(PATIENCE) == 0
        assert not (aws._directory / "instances").exists() and "Traceback" not in aws.log_tail()


def test_ec2_finds_one_of_its_instances_by_its_id(scaled: Scaled) -> None:
    first, _ = (each["InstanceId"] for each in scaled.instances(scaled.group(2)))
    asked = [{"Name": "instance-id", "Values": [first]}]
    found = scaled.ec2.describe_instances(Filters=asked)["Reservations"]
    assert [each["Instances"][0]["InstanceId"] for each in found] == [first]

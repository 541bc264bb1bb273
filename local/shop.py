"""The shop that `make demo` and `make local` begin with: the stack, its alarm and Slack channel, and an Auto Scaling
group of four hosts behind a load balancer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from local.cloud import LocalCloud, LocalInstance
from local.driver import Engine, wait_for

HERE = Path(__file__).resolve().parent
GROUP = "shop/web"
ALARM = "shop-errors"
CHANNEL = "#deployments"
PORT = 8080  # of the example's web server
BALANCER = "shop-web"  # the load balancer, and its target group
SCALING_GROUP = "web-asg"
HOSTS = 4
_TAGS = {"Name": "web", "stepdeploy": "enabled"}
_CHECKS = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 4}


class Shop:
    """What was started. `address` is the load balancer's, for clients."""

    def __init__(self, cloud: LocalCloud, engine: Engine, target_group: str, address: str) -> None:
        self.cloud, self.engine, self.target_group, self.address = cloud, engine, target_group, address
        self._names: dict[str, str] = {}

    @property
    def hosts(self) -> list[LocalInstance]:
        """Those that Auto Scaling has now, in the order in which they were seen first, which names them."""
        for each in members(self.cloud):
            instance_id = each["InstanceId"]
            if instance_id not in self._names:
                self._names[instance_id] = f"web-{len(self._names) + 1}"
                tags = [{"Key": "Name", "Value": self._names[instance_id]}]
                self.cloud.client("ec2").create_tags(Resources=[instance_id], Tags=tags)
        ids = {each["InstanceId"] for each in members(self.cloud)}
        return [replace(self.cloud.instance(each), name=name) for each, name in self._names.items() if each in ids]

    def in_service(self) -> list[str]:
        """The ids of the hosts that the load balancer sends requests to."""
        found = self.cloud.client("elbv2").describe_target_health(TargetGroupArn=self.target_group)
        healthy = [each for each in found["TargetHealthDescriptions"] if each["TargetHealth"]["State"] == "healthy"]
        return sorted(each["Target"]["Id"] for each in healthy)


@contextmanager
def started(console: Console, port: int | None = None) -> Iterator[Shop]:
    """The local cloud with all of it; it ends with the block."""
    console.print("Starting AWS on this machine (an emulator in one process, IAM enforced)")
    with LocalCloud(port) as cloud:
        console.print(f"  it answers at {cloud.endpoint}")
        target_group, address = balanced(cloud, BALANCER)
        console.print("An Auto Scaling group launches four instances: namespaces with a root, an address and an agent")
        _scale(cloud)
        console.print("Deploying the stack with the CDK CLI: the template that would go to an account")
        cloud.create_alarm(ALARM)
        engine = Engine(cloud, cloud.deploy(HERE / "demo.yaml", reconcile_seconds=5))
        cloud.client("secretsmanager").put_secret_value(
            SecretId=engine.outputs["SlackSecretArn"], SecretString=cloud.slack.url(CHANNEL)
        )
        wait_in_service(cloud, HOSTS)
        shop = Shop(cloud, engine, target_group, address)
        console.print(f"  {', '.join(f'{host.name} {host.id} {host.address}' for host in shop.hosts)}")
        console.print(f"  in front of them an Application Load Balancer at http://{address}/")
        yield shop


def members(cloud: LocalCloud) -> list[dict[str, Any]]:
    """The instances of the Auto Scaling group, as it shows them."""
    client = cloud.client("autoscaling")
    (group,) = client.describe_auto_scaling_groups(AutoScalingGroupNames=[SCALING_GROUP])["AutoScalingGroups"]
    found: list[dict[str, Any]] = group["Instances"]
    return found


def wait_in_service(cloud: LocalCloud, count: int) -> None:
    def serve() -> bool:
        return [each["LifecycleState"] for each in members(cloud)] == ["InService"] * count

    wait_for(serve, f"{count} instances in service")


def _scale(cloud: LocalCloud) -> None:
    """It is there before the stack, which puts the engine's lifecycle hook on it."""
    cloud.client("ec2").create_launch_template(
        LaunchTemplateName=SCALING_GROUP,
        LaunchTemplateData={"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro"},
    )
    cloud.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=SCALING_GROUP,
        MinSize=0,
        MaxSize=6,
        DesiredCapacity=HOSTS,
        LaunchTemplate={"LaunchTemplateName": SCALING_GROUP, "Version": "$Latest"},
        VPCZoneIdentifier="subnet-00000001,subnet-00000002",
        Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in _TAGS.items()],
    )


def balanced(cloud: LocalCloud, name: str) -> tuple[str, str]:
    """A new target group without targets: its ARN, and the address of a load balancer that forwards to it."""
    elb, subnets = cloud.client("elbv2"), cloud.client("ec2").describe_subnets()["Subnets"]
    how = {"Name": name, "Protocol": "HTTP", "Port": PORT, "VpcId": subnets[0]["VpcId"], **_CHECKS}
    group = str(elb.create_target_group(**how)["TargetGroups"][0]["TargetGroupArn"])
    made = elb.create_load_balancer(Name=name, Subnets=[each["SubnetId"] for each in subnets[:2]])["LoadBalancers"][0]
    actions = [{"Type": "forward", "TargetGroupArn": group}]
    arn = made["LoadBalancerArn"]
    elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=actions)
    return group, next(iter(cloud.load_balancers.addresses()[name].values()))

"""The shop that `make demo` and `make local` begin with: the stack, its alarm and Slack channel, four hosts behind a
load balancer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from local.cloud import LocalCloud, LocalInstance
from local.driver import Engine

HERE = Path(__file__).resolve().parent
GROUP = "shop/web"
ALARM = "shop-errors"
CHANNEL = "#deployments"
PORT = 8080  # of the example's web server
BALANCER = "shop-web"  # the load balancer, and its target group
_CHECKS = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 4}


@dataclass(frozen=True)
class Shop:
    """What was started. `address` is the load balancer's, for clients."""

    cloud: LocalCloud
    engine: Engine
    hosts: list[LocalInstance]
    target_group: str
    address: str

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
        console.print("Deploying the stack with the CDK CLI: the template that would go to an account")
        cloud.create_alarm(ALARM)
        engine = Engine(cloud, cloud.deploy(HERE / "demo.yaml", reconcile_seconds=5))
        cloud.client("secretsmanager").put_secret_value(
            SecretId=engine.outputs["SlackSecretArn"], SecretString=cloud.slack.url(CHANNEL)
        )
        console.print("Starting four instances: namespaces with a root, an address and an agent of their own")
        hosts = [cloud.add_instance(f"web-{n}", {"role": "web", "stepdeploy": "enabled"}) for n in range(1, 5)]
        console.print(f"  {', '.join(f'{host.name} {host.id} {host.address}' for host in hosts)}")
        console.print(f"  in front of them an Application Load Balancer at http://{address}/")
        yield Shop(cloud, engine, hosts, target_group, address)


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

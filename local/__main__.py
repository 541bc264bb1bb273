"""`make local`: AWS on this machine with stepdeploy deployed to it, and an Auto Scaling group of four hosts.

It stays until Ctrl-C, prints what Slack receives meanwhile, and leaves nothing behind.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from html import unescape
from typing import NoReturn

from rich.console import Console

from functions.core.errors import InvalidInput
from local.check import run
from local.cloud import ROOT, LocalCloud
from local.counters import CREDENTIALS
from local.server import REGION
from local.shop import ALARM, GROUP, SCALING_GROUP, Shop, started
from local.weather import Weather, rate
from simulation.aws.limits import Rate

PORT = 4566  # where people expect an emulator of AWS
SHARES = {
    "conflicts": "DynamoDB's writes that meet a transaction",
    "lost-events": "the events of commands that never come",
    "doubled-events": "the events of commands that come twice",
}
DELAYS = {"late-events": "events of SSM", "late-stream": "records of the table's stream"}


def main() -> int:
    port, weather = asked(sys.argv[1:])
    with started(Console(), port) as shop:
        shop.cloud.turn(weather)
        if words := weather.words():
            say(f"The weather: {words}")
        say(guide(shop))
        with suppress(KeyboardInterrupt):
            pass_on(shop.cloud)
    say("Everything has ended.")
    return 0


def asked(words: Sequence[str]) -> tuple[int, Weather]:
    """The port and the weather that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m local")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}")
    group = parser.add_argument_group("weather", "what AWS does to everybody from time to time: see local/weather.py")
    group.add_argument(
        "--throttle",
        type=_rate,
        action="append",
        default=[],
        metavar="ssm=2/s",
        help="requests a second of ssm, dynamodb, lambda or autoscaling, or of one operation or function "
        "(lambda:run_segment); "
        "ssm=2/s,10 lets ten come at once; can be repeated",
    )
    for name, what in SHARES.items():
        group.add_argument(f"--{name}", type=_share, default=0.0, metavar="10%%", help=f"share of {what}")
    for name, what in DELAYS.items():
        group.add_argument(f"--{name}", type=float, default=0.0, metavar="SECONDS", help=f"how late {what} are")
    options = vars(parser.parse_args(words))
    return options.pop("port"), Weather(throttle=dict(options.pop("throttle")), **options)


def _rate(text: str) -> tuple[str, Rate]:
    try:
        return rate(text)
    except InvalidInput as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a share, for example 10% or 0.1")
    return share


def scaled(cloud: LocalCloud) -> set[str]:
    """The instances of all Auto Scaling groups, a line for each."""
    groups = cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return {
        f"Auto Scaling: {group['AutoScalingGroupName']} has {each['InstanceId']} {each['LifecycleState']} "
        f"in {each['AvailabilityZone']}, at {cloud.instance(each['InstanceId']).address}"
        for group in groups
        for each in group["Instances"]
    }


def pass_on(cloud: LocalCloud) -> NoReturn:
    """Say what Slack receives, where new load balancers are reached, and what Auto Scaling launches."""
    told, reached, launched = 0, set[str](), set[str]()
    while True:
        messages = cloud.slack.messages()
        for message in messages[told:]:
            say(f"Slack: {unescape(message['text'])}")  # as Slack shows it
        told = len(messages)
        listeners = {
            f"Load balancer: {name}, port {port}, is at {address}"
            for name, ports in cloud.load_balancers.addresses().items()
            for port, address in ports.items()
        }
        for each in sorted(listeners - reached):
            say(each)
        reached = listeners
        instances = scaled(cloud)
        for each in sorted(instances - launched):
            say(each)
        launched = instances
        time.sleep(1)


def guide(shop: Shop) -> str:
    """What a person needs to use the cloud: a first command, the names, the hosts."""
    environment = {"AWS_ENDPOINT_URL": shop.cloud.endpoint, "AWS_DEFAULT_REGION": REGION, **CREDENTIALS}
    outputs = shop.engine.outputs
    lines = ["", "In another terminal, a first deployment:", ""]
    lines += [f'  export PATH="{ROOT}/bin:$PATH"']
    lines += [f"  export {name}={value}" for name, value in environment.items()]
    lines += [f"  stepdeploy deploy {GROUP} {ROOT}/examples/webapp --watch", f"  curl http://{shop.address}/"]
    lines += ["", "What runs where, and what the verbs are:", "", "  stepdeploy status", "  stepdeploy -h"]
    lines += ["", f"By upload, with an AWS CLI (without one of your own: {ROOT}/.venv/bin/aws):", ""]
    lines += [
        f"  tar -czf /tmp/v1.tgz -C {ROOT}/examples/webapp .",
        f"  aws s3 cp /tmp/v1.tgz s3://{outputs['BucketName']}/{GROUP}/v1.tgz",
        "  aws deploy list-deployments",
    ]
    lines += ["", "The stack's outputs:", ""]
    lines += [f"  {name:22} {value}" for name, value in sorted(outputs.items())]
    lines += ["", "The hosts (their files are on this machine's disk):", ""]
    lines += [f"  {host.name}  {host.id}  {host.address}  {host.root}" for host in shop.hosts]
    lines += [
        "",
        f"An alarm: aws cloudwatch set-alarm-state --alarm-name {ALARM} --state-value ALARM --state-reason test",
        "",
        f"They are the Auto Scaling group {SCALING_GROUP}; what it launches gets the revision, and is printed here:",
        "",
        f"  aws autoscaling set-desired-capacity --auto-scaling-group-name {SCALING_GROUP} --desired-capacity 5",
        "",
        "Load balancers move real traffic, also those that you make (aws elbv2 create-listener): their addresses are",
        "printed here.",
        "",
        "Ctrl-C ends everything.",
    ]
    return "\n".join(lines)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(run(main))

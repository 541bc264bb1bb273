"""`make local`: AWS on this machine with stepdeploy deployed to it and four hosts, for a person to use.

It stays until Ctrl-C, prints what Slack receives meanwhile, and leaves nothing behind.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from local.check import run
from local.cloud import LocalCloud, LocalInstance
from local.counters import CREDENTIALS
from local.demo import ALARM, GROUP, started
from local.demo import PORT as SERVED_PORT
from local.server import REGION

PORT = 4566  # where people expect an emulator of AWS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local")
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}")
    options = parser.parse_args()
    with started(options.port) as (cloud, engine, hosts):
        say(guide(cloud.endpoint, engine.outputs, hosts))
        with suppress(KeyboardInterrupt):
            pass_on(cloud)
    say("Everything has ended.")
    return 0


def pass_on(cloud: LocalCloud) -> NoReturn:
    """Say what Slack receives, and where new load balancers are reached."""
    told, reached = 0, set[str]()
    while True:
        messages = cloud.slack.messages()
        for message in messages[told:]:
            say(f"Slack: {message['text']}")
        told = len(messages)
        listeners = {
            f"Load balancer: {name}, port {port}, is at {address}"
            for name, ports in cloud.load_balancers.addresses().items()
            for port, address in ports.items()
        }
        for each in sorted(listeners - reached):
            say(each)
        reached = listeners
        time.sleep(1)


def guide(endpoint: str, outputs: Mapping[str, str], hosts: Sequence[LocalInstance]) -> str:
    """What a person needs to use the cloud: the environment, the names, the hosts, a first command."""
    environment = {"AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": REGION, **CREDENTIALS}
    lines = ["", "In another terminal, for the AWS CLI and boto3:", ""]
    lines += [f"  export {name}={value}" for name, value in environment.items()]
    lines += ["", "The stack's outputs:", ""]
    lines += [f"  {name:22} {value}" for name, value in sorted(outputs.items())]
    lines += ["", "The hosts (their files are on this machine's disk):", ""]
    lines += [f"  {host.name}  {host.id}  {host.address}  {host.root}" for host in hosts]
    lines += [
        "",
        "A first deployment:",
        "",
        "  tar -czf /tmp/v1.tgz -C examples/webapp .",
        f"  aws s3 cp /tmp/v1.tgz s3://{outputs['BucketName']}/{GROUP}/v1.tgz",
        "  aws deploy list-deployments",
        f"  curl http://{hosts[0].address}:{SERVED_PORT}/",
        "",
        f"An alarm: aws cloudwatch set-alarm-state --alarm-name {ALARM} --state-value ALARM --state-reason test",
        "",
        "A load balancer that you make (aws elbv2 create-listener) moves real traffic; its address is printed here.",
        "",
        "Ctrl-C ends everything.",
    ]
    return "\n".join(lines)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(run(main))

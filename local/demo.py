"""`make demo`: the main job on this machine, shown while it happens and checked where it happened.

The real stack is deployed to the local cloud by the real CDK CLI. Five revisions of examples/webapp go to an Auto
Scaling group behind a load balancer, two of its four instances at a time: a first one; a second; one whose
ValidateService fails; one that is well but trips an alarm; one while a fifth instance is launched. The third and the
fourth are rolled back. Clients call through the load balancer from the first host's first answer to the end. Exit
status 0 only when every one of these was seen to be true, and no request failed.
"""

import json
import re
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from functions.core.records import Deployment, Target
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus, LifecycleEventStatus, TargetStatus
from host.lifecycle import IN_PLACE, LifecycleEvent
from local.bundles import EXAMPLES, webapp
from local.check import run
from local.driver import wait_for
from local.shop import ALARM, GROUP, HOSTS, PORT, SCALING_GROUP, Shop, members, started, wait_in_service
from local.traffic import Traffic

# AWS's seconds of health checks last so long here, and requests come to a host for a while after it has left.
SECOND, PROPAGATION_SECONDS = 0.1, 0.5
CLIENTS, PAUSE_SECONDS = 4, 0.02
# The events that do something: the example has no hooks for the others.
EVENTS = [event.value for event in (LifecycleEvent.BLOCK_TRAFFIC, *IN_PLACE, LifecycleEvent.ALLOW_TRAFFIC)]
# Piped into a file there is no terminal to ask: wide enough for the tables.
console = Console(width=None if sys.stdout.isatty() else 132)

MARKS = {
    LifecycleEventStatus.PENDING: "[dim]·[/]",
    LifecycleEventStatus.IN_PROGRESS: "[yellow]●[/]",
    LifecycleEventStatus.SUCCEEDED: "[green]✔[/]",
    LifecycleEventStatus.FAILED: "[red]✘[/]",
    LifecycleEventStatus.SKIPPED: "[dim]–[/]",
    LifecycleEventStatus.UNKNOWN: "[dim]?[/]",
}
COLOURS = {
    TargetStatus.SUCCEEDED: "green",
    TargetStatus.FAILED: "red",
    TargetStatus.IN_PROGRESS: "yellow",
    DeploymentStatus.SUCCEEDED: "green",
    DeploymentStatus.FAILED: "red",
    DeploymentStatus.STOPPED: "magenta",
}


Meanwhile = Callable[[Deployment], None]


class Checks:
    """What was claimed, and whether it was seen."""

    def __init__(self) -> None:
        self.failed = 0

    def expect(self, seen: bool, claim: str) -> None:
        self.failed += not seen
        console.print(f"  {'[green]seen[/]' if seen else '[red]NOT SEEN[/]'}  {claim}")


def served(address: str) -> str | None:
    """The version that a host serves, None when it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{address}:{PORT}/", timeout=1) as answer:
            return str(json.load(answer)["version"])
    except (OSError, ValueError):
        return None


class Demo:
    """The hosts, the engine, and what is seen of them, also by the clients."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.cloud, self.engine, self.checks = shop, shop.cloud, shop.engine, Checks()
        self.hosts = {host.name: host for host in shop.hosts}
        self.names = {host.id: host.name for host in shop.hosts}
        self.traffic = Traffic(shop.address, clients=CLIENTS, pause=PAUSE_SECONDS)
        self._answered = Counter[str]()

    def deploy(self, version: str, meanwhile: Meanwhile | None = None, **how: Any) -> Deployment:
        """Upload a version and watch its deployment to the end."""
        return self.watch(self.engine.upload(f"{GROUP}/{version}.zip", webapp(version, **how)), meanwhile)

    def watch(self, deployment_id: str, meanwhile: Meanwhile | None = None) -> Deployment:
        """Show a deployment's targets and lifecycle events until it has ended."""
        with Live(console=console, refresh_per_second=8, transient=True) as live:
            while True:
                deployment = self.engine.deployment(deployment_id)
                if deployment.status.is_final:
                    break
                live.update(self.progress(deployment))
                if meanwhile:
                    meanwhile(deployment)
                time.sleep(0.15)
        console.print(self.progress(deployment))
        return deployment

    def progress(self, deployment: Deployment) -> Table:
        colour = COLOURS.get(deployment.status, "yellow")
        title = f"{deployment.deployment_id}  {deployment.revision.key}  [{colour}]{deployment.status}[/]"
        table = Table(title=title, title_justify="left")
        table.add_column("instance")
        for event in EVENTS:
            table.add_column(re.sub(r"(?<=[a-z])(?=[A-Z])", "\n", event), justify="center")
        table.add_column("status")
        for target in sorted(self.engine.targets(deployment.deployment_id), key=self.name):
            marks = [MARKS[status] for status in self.live_events(target)]
            colour = COLOURS.get(target.status, "dim")
            table.add_row(self.name(target), *marks, f"[{colour}]{target.status}[/]")
        return table

    def name(self, target: Target) -> str:
        return self.names.get(target.target_id, target.target_id)

    def live_events(self, target: Target) -> list[LifecycleEventStatus]:
        """The target's events; while a command of it runs, as SSM shows its steps."""
        found = {event.name: event.status for event in target.events}
        shown = {
            "Success": LifecycleEventStatus.SUCCEEDED,
            "InProgress": LifecycleEventStatus.IN_PROGRESS,
            "Failed": LifecycleEventStatus.FAILED,
        }
        for segment in target.segments.values():
            if segment.command_id and not segment.status:
                how = {"CommandId": segment.command_id, "Details": True}
                answer = self.cloud.client("ssm").list_command_invocations(**how)
                for each in answer["CommandInvocations"]:
                    for step in each["CommandPlugins"]:
                        found[step["Name"]] = shown.get(step["Status"], LifecycleEventStatus.PENDING)
        return [found.get(event, LifecycleEventStatus.PENDING) for event in EVENTS]

    def rolled_back(self, deployment: Deployment) -> Deployment:
        """Watch the rollback that a deployment has caused."""
        rollback = deployment.rollback.rollback_deployment_id if deployment.rollback else None
        if rollback is None:
            raise LookupError(f"{deployment.deployment_id} has no rollback: {deployment.rollback}")
        console.print(f"  {deployment.failure.message if deployment.failure else ''}", style="dim")
        return self.watch(rollback)

    def expect_served(self, version: str) -> None:
        """Look on every host: what it serves, and the file that it has on its disk; and whether clients reach it."""
        found = {}
        for name, host in self.hosts.items():
            on_disk = (host.path("/srv/webapp/version.txt")).read_text().strip()
            found[name] = (served(host.address), on_disk)
        words = ", ".join(f"{name} ({self.hosts[name].address}) {is_}" for name, (is_, _) in found.items())
        self.checks.expect(set(found.values()) == {(version, version)}, f"every host serves {version}: {words}")
        self.checks.expect(self.in_service() == sorted(self.hosts), "every host is in the load balancer, healthy")

    def in_service(self) -> list[str]:
        """The names of the hosts that clients reach."""
        ids = self.shop.in_service()
        return sorted(name for name, host in self.hosts.items() if host.id in ids)

    def expect_answers(self, *versions: str) -> None:
        """What the clients were answered since this was asked last."""
        answered = Counter[str]()
        for text, count in dict(self.traffic.tally.answers).items():
            answered[json.loads(text)["version"]] += count
        new, self._answered = answered - self._answered, answered
        words = ", ".join(f"{count:,} times {version}" for version, count in sorted(new.items()))
        claim = f"the clients saw {' and '.join(versions)} and no other: {words}"
        self.checks.expect(set(new) == set(versions), claim)

    # -- the five revisions

    def first(self) -> None:
        console.rule("v1 to all hosts; none is in the load balancer yet")

        def meanwhile(deployment: Deployment) -> None:
            if deployment.counts.succeeded and not self.traffic.has_begun:
                self.traffic.start()

        one = self.deploy("v1", meanwhile)
        self.checks.expect(one.status is DeploymentStatus.SUCCEEDED, "the deployment succeeded")
        self.expect_served("v1")
        self.expect_answers("v1")

    def second(self) -> None:
        console.rule("v2, half of the hosts at a time")
        self.cloud.reset_records()
        most_out, fewest = 0, len(self.hosts)

        def meanwhile(deployment: Deployment) -> None:
            nonlocal most_out, fewest
            most_out = max(most_out, deployment.counts.out_of_service)
            fewest = min(fewest, len(self.shop.in_service()))

        one = self.deploy("v2", meanwhile)
        self.records = self.cloud.records()
        self.checks.expect(one.status is DeploymentStatus.SUCCEEDED, "the deployment succeeded")
        self.checks.expect(most_out == 2, f"at most two hosts were out of service (the most on record: {most_out})")
        self.checks.expect(fewest == 2, f"two hosts were always in the load balancer, healthy (the fewest: {fewest})")
        self.expect_served("v2")
        self.expect_answers("v1", "v2")

    def third(self) -> None:
        console.rule("v3, whose ValidateService fails")
        one = self.deploy("v3", healthy=False)
        self.checks.expect(one.status is DeploymentStatus.FAILED, "the deployment failed")
        counts = one.counts
        claim = f"it stopped after the first two hosts: {counts.failed} failed, {counts.skipped} untouched"
        self.checks.expect((counts.failed, counts.skipped) == (2, 2), claim)
        out = sorted(self.name(each) for each in self.engine.targets(one.deployment_id) if each.out_of)
        self.checks.expect(len(out) == 2, f"{' and '.join(out)} are out of the load balancer, and on record so")
        back = self.rolled_back(one)
        self.checks.expect(back.status is DeploymentStatus.SUCCEEDED, f"{back.deployment_id} brought v2 back")
        self.expect_served("v2")
        self.expect_answers("v2")

    def fourth(self) -> None:
        console.rule("v4, which is well but trips an alarm in the middle")

        def meanwhile(deployment: Deployment) -> None:
            if deployment.counts.succeeded and not deployment.stop:
                self.cloud.set_alarm(ALARM, "ALARM")

        one = self.deploy("v4", meanwhile, changes=patient())
        self.checks.expect(one.status is DeploymentStatus.STOPPED, "the deployment was stopped")
        code = one.failure.code if one.failure else None
        self.checks.expect(code is DeploymentErrorCode.ALARM_ACTIVE, f"because of the alarm {ALARM}")
        counts = one.counts
        claim = f"in the middle: {counts.succeeded} succeeded, {counts.failed + counts.skipped} cancelled or untouched"
        self.checks.expect((counts.succeeded, counts.failed + counts.skipped) == (2, 2), claim)
        back = self.rolled_back(one)
        self.checks.expect(back.status is DeploymentStatus.SUCCEEDED, f"{back.deployment_id} brought v2 back")
        self.expect_served("v2")
        self.expect_answers("v2", "v4")
        self.cloud.set_alarm(ALARM, "OK")

    def fifth(self) -> None:
        console.rule("v5, while the Auto Scaling group launches a fifth instance")
        known = {each.deployment_id for each in self.engine.deployments(GROUP)}

        def meanwhile(deployment: Deployment) -> None:
            if len(members(self.cloud)) == HOSTS:
                scaling = self.cloud.client("autoscaling")
                scaling.set_desired_capacity(AutoScalingGroupName=SCALING_GROUP, DesiredCapacity=HOSTS + 1)

        one = self.deploy("v5", meanwhile)
        self.checks.expect(one.status is DeploymentStatus.SUCCEEDED, "the deployment succeeded")
        wait_in_service(self.cloud, HOSTS + 1)
        self.hosts = {host.name: host for host in self.shop.hosts}
        self.names = {host.id: name for name, host in self.hosts.items()}
        (new,) = [host for host in self.hosts.values() if host.name == f"web-{HOSTS + 1}"]
        wait_for(lambda: served(new.address) == "v5", f"{new.name} to serve v5")
        known.add(one.deployment_id)
        own = [each for each in reversed(self.engine.deployments(GROUP)) if each.deployment_id not in known]
        for each in own:
            console.print(self.progress(self.engine.wait(each.deployment_id)))
        launch = own[0]
        is_meanwhile = launch.creator is Creator.AUTO_SCALING and launch.create_time < str(one.complete_time)
        claim = f"{new.name} was launched meanwhile, and got {launch.revision.key} before it entered service"
        self.checks.expect(is_meanwhile and launch.status is DeploymentStatus.SUCCEEDED, claim)
        self.expect_served("v5")
        self.expect_answers("v2", "v5")

    def clients(self) -> None:
        console.rule("What the clients saw through the load balancer, from the first host's first answer on")
        self.traffic.stop()
        tally = self.traffic.tally
        words = f": {dict(tally.failures)}" if tally.failed else ""
        self.checks.expect(tally.failed == 0, f"{tally.failed} of {tally.requests:,} requests failed{words}")

    # -- what was told, and what it cost

    def told(self) -> None:
        console.rule("Slack, as it was received")
        claims: dict[str, Callable[[str], bool]] = {
            "Slack names the script that failed": lambda text: "scripts/validate.sh" in text,
            "Slack names the alarm": lambda text: ALARM in text,
            "Slack reports both rollbacks": lambda text: text.lower().count("roll") >= 2,
        }

        def everything() -> Sequence[Mapping[str, Any]] | None:
            """The messages, as soon as there is all that is claimed; or when no more come."""
            messages = self.cloud.slack.messages()
            holds = all(claim(json.dumps(messages)) for claim in claims.values())
            return messages if holds or self.quiet(messages) else None

        messages = wait_for(everything, "the Slack messages")
        for message in messages:
            console.print(f"  • {message['text']}", highlight=False, markup=False)
            for line in details(message):
                console.print(f"      {line}", highlight=False, markup=False, style="dim")
        for claim, holds in claims.items():
            self.checks.expect(holds(json.dumps(messages)), claim)

    def quiet(self, messages: Sequence[Any]) -> bool:
        """Whether no message has come for a while: a digest takes several outcomes together."""
        now = time.monotonic()
        if len(messages) != getattr(self, "_heard", -1):
            self._heard, self._heard_at = len(messages), now
        return bool(messages) and now - self._heard_at > 12

    def cost(self) -> None:
        console.rule("What the deployment of v2 cost")
        records, targets = self.records, HOSTS
        own = sum(records.states[state] for state in ("RunSegment", "NextStep", "AskAgain", "TargetDone", "(retry)"))
        # Three announcements are the deployment's own: started, in progress, ended.
        calls = sum(
            records.functions[f"stepdeploy-{name}"]
            for name in ("run_segment", "command_status", "target_done", "watch")
        )
        calls += records.functions["stepdeploy-publish"] - 3
        table = Table("counted by the cloud itself", "in all", f"for each of {targets} targets")
        for name, count, of_targets in (
            ("state transitions", records.transitions, own),
            ("function calls", records.function_calls, calls),
            ("SendCommand", records.ssm["SendCommand"], records.ssm["SendCommand"]),
            ("all SSM calls", records.ssm_calls, records.ssm_calls),
            ("all calls of Elastic Load Balancing", records.elb.total(), records.elb.total()),
        ):
            table.add_row(name, str(count), f"{of_targets / targets:.1f}")
        console.print(table)


def patient() -> dict[str, str]:
    """A ValidateService that takes its time: without it all hosts are done before an alarm is heard."""
    name = "scripts/validate.sh"
    return {name: (EXAMPLES / "webapp" / name).read_text().replace("\n", "\nsleep 3\n", 1)}


def details(message: Mapping[str, Any]) -> list[str]:
    """The texts of a message's blocks, which Slack shows instead of its first line."""
    texts = []
    for block in message.get("blocks", ()):
        parts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
        texts += [part["text"] for part in parts if isinstance(part, dict) and "text" in part]
    return [line for text in texts for line in text.splitlines() if line.strip()]


def main() -> int:
    """Run the demo; the exit status."""
    began = time.monotonic()
    with started(console) as shop:
        shop.cloud.load_balancers.set(second=SECOND, propagation_seconds=PROPAGATION_SECONDS)
        demo = Demo(shop)
        for part in (demo.first, demo.second, demo.third, demo.fourth, demo.fifth, demo.clients, demo.told, demo.cost):
            part()
    failed = demo.checks.failed
    console.rule()
    verdict = "[green]everything was seen to be true[/]" if not failed else f"[red]{failed} claims were not seen[/]"
    console.print(f"{verdict} in {time.monotonic() - began:.0f} s; nothing is left running")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(main))

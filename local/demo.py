"""`make demo`: the main job on this machine, shown while it happens and checked where it happened.

The real stack is deployed to the local cloud by the real CDK CLI. Four revisions of examples/webapp go to four local
instances: a first one to all; a second, one host at a time, while a client reads from every host; one whose
ValidateService fails; one that is well but trips an alarm. The last two are rolled back. Exit status 0 only when every
one of these was seen to be true.
"""

import json
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from functions.core.records import Deployment, Target
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, LifecycleEventStatus, TargetStatus
from host.lifecycle import IN_PLACE
from local.bundles import EXAMPLES, webapp
from local.check import run
from local.cloud import LocalCloud, LocalInstance
from local.driver import Engine, wait_for

HERE = Path(__file__).resolve().parent
GROUP = "shop/web"
ALARM = "shop-errors"
CHANNEL = "#deployments"
PORT = 8080  # of the example's web server
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


class Checks:
    """What was claimed, and whether it was seen."""

    def __init__(self) -> None:
        self.failed = 0

    def expect(self, seen: bool, claim: str) -> None:
        self.failed += not seen
        console.print(f"  {'[green]seen[/]' if seen else '[red]NOT SEEN[/]'}  {claim}")


class Reader(threading.Thread):
    """A client that reads from every host all the time, and remembers what it got."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        super().__init__(daemon=True)
        self.addresses = addresses
        self.reads = self.most_down = 0
        self.versions: set[str] = set()
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.05):
            answers = [served(address) for address in self.addresses.values()]
            self.reads += len(answers)
            self.most_down = max(self.most_down, answers.count(None))
            self.versions |= {answer for answer in answers if answer}

    def stop(self) -> None:
        self._ended.set()
        self.join()


def served(address: str) -> str | None:
    """The version that a host serves, None when it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{address}:{PORT}/", timeout=1) as answer:
            return str(json.load(answer)["version"])
    except (OSError, ValueError):
        return None


class Demo:
    """The hosts, the engine, and what is seen of them."""

    def __init__(self, cloud: LocalCloud, engine: Engine, hosts: Sequence[LocalInstance]) -> None:
        self.cloud, self.engine, self.checks = cloud, engine, Checks()
        self.hosts = {host.name: host for host in hosts}

    def deploy(self, version: str, meanwhile: Callable[[Deployment], None] | None = None, **how: Any) -> Deployment:
        """Upload a version and watch its deployment to the end."""
        return self.watch(self.engine.upload(f"{GROUP}/{version}.zip", webapp(version, **how)), meanwhile)

    def watch(self, deployment_id: str, meanwhile: Callable[[Deployment], None] | None = None) -> Deployment:
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
        for event in IN_PLACE:
            table.add_column(re.sub(r"(?<=[a-z])(?=[A-Z])", "\n", event), justify="center")
        table.add_column("status")
        for target in sorted(self.engine.targets(deployment.deployment_id), key=lambda each: each.name or ""):
            marks = [MARKS[status] for status in self.live_events(target)]
            colour = COLOURS.get(target.status, "dim")
            table.add_row(target.name or target.target_id, *marks, f"[{colour}]{target.status}[/]")
        return table

    def live_events(self, target: Target) -> list[LifecycleEventStatus]:
        """The target's events; while its command runs, as SSM shows its steps."""
        run = target.segments.get("0")
        recorded = [event.status for event in target.events]
        if not run or not run.command_id or run.status:
            return recorded
        answer = self.cloud.client("ssm").list_command_invocations(CommandId=run.command_id, Details=True)
        steps = {
            step["Name"]: step["Status"] for each in answer["CommandInvocations"] for step in each["CommandPlugins"]
        }
        shown = {
            "Success": LifecycleEventStatus.SUCCEEDED,
            "InProgress": LifecycleEventStatus.IN_PROGRESS,
            "Failed": LifecycleEventStatus.FAILED,
        }
        return [shown.get(steps.get(event.value, ""), LifecycleEventStatus.PENDING) for event in IN_PLACE]

    def rolled_back(self, deployment: Deployment) -> Deployment:
        """Watch the rollback that a deployment has caused."""
        rollback = deployment.rollback.rollback_deployment_id if deployment.rollback else None
        if rollback is None:
            raise LookupError(f"{deployment.deployment_id} has no rollback: {deployment.rollback}")
        console.print(f"  {deployment.failure.message if deployment.failure else ''}", style="dim")
        return self.watch(rollback)

    def expect_served(self, version: str) -> None:
        """Look on every host: what it serves, and the file that it has on its disk."""
        found = {}
        for name, host in self.hosts.items():
            on_disk = (host.path("/srv/webapp/version.txt")).read_text().strip()
            found[name] = (served(host.address), on_disk)
        words = ", ".join(f"{name} ({self.hosts[name].address}) {is_}" for name, (is_, _) in found.items())
        self.checks.expect(set(found.values()) == {(version, version)}, f"every host serves {version}: {words}")

    # -- the four revisions

    def first(self) -> None:
        console.rule("v1 to all hosts")
        one = self.deploy("v1")
        self.checks.expect(one.status is DeploymentStatus.SUCCEEDED, "the deployment succeeded")
        self.expect_served("v1")

    def second(self) -> None:
        console.rule("v2, one host at a time, while a client reads from every host")
        self.cloud.reset_records()
        reader = Reader({name: host.address for name, host in self.hosts.items()})
        reader.start()
        most_out = 0

        def meanwhile(deployment: Deployment) -> None:
            nonlocal most_out
            most_out = max(most_out, deployment.counts.out_of_service)

        one = self.deploy("v2", meanwhile)
        reader.stop()
        self.records = self.cloud.records()
        self.checks.expect(one.status is DeploymentStatus.SUCCEEDED, "the deployment succeeded")
        self.checks.expect(most_out == 1, f"at most one host was out of service (the most on record: {most_out})")
        claim = f"the client read {reader.reads} times and saw at most one host down (the most: {reader.most_down})"
        self.checks.expect(reader.most_down <= 1, claim)
        self.checks.expect(reader.versions == {"v1", "v2"}, f"it saw {' and '.join(sorted(reader.versions))}, no other")
        self.expect_served("v2")

    def third(self) -> None:
        console.rule("v3, whose ValidateService fails")
        one = self.deploy("v3", healthy=False)
        self.checks.expect(one.status is DeploymentStatus.FAILED, "the deployment failed")
        counts = one.counts
        claim = f"it stopped after the first host: {counts.failed} failed, {counts.skipped} untouched"
        self.checks.expect((counts.failed, counts.skipped) == (1, 3), claim)
        back = self.rolled_back(one)
        self.checks.expect(back.status is DeploymentStatus.SUCCEEDED, f"{back.deployment_id} brought v2 back")
        self.expect_served("v2")

    def fourth(self) -> None:
        console.rule("v4, which is well but trips an alarm in the middle")

        def meanwhile(deployment: Deployment) -> None:
            if deployment.counts.succeeded and not deployment.stop:
                self.cloud.set_alarm(ALARM, "ALARM")

        one = self.deploy("v4", meanwhile, changes=patient())
        self.checks.expect(one.status is DeploymentStatus.STOPPED, "the deployment was stopped")
        code = one.failure.code if one.failure else None
        self.checks.expect(code is DeploymentErrorCode.ALARM_ACTIVE, f"because of the alarm {ALARM}")
        self.checks.expect(one.counts.started < 4, f"with {4 - one.counts.started} of 4 hosts untouched")
        back = self.rolled_back(one)
        self.checks.expect(back.status is DeploymentStatus.SUCCEEDED, f"{back.deployment_id} brought v2 back")
        self.expect_served("v2")
        self.cloud.set_alarm(ALARM, "OK")

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
        records, targets = self.records, len(self.hosts)
        own = sum(records.states[state] for state in ("RunSegment", "NextStep", "AskAgain", "TargetDone", "(retry)"))
        # Three announcements are the deployment's own: started, in progress, ended.
        calls = sum(
            records.functions[f"stepdeploy-{name}"] for name in ("run_segment", "command_status", "target_done")
        )
        calls += records.functions["stepdeploy-publish"] - 3
        table = Table("counted by the cloud itself", "in all", f"for each of {targets} targets")
        for name, count, of_targets in (
            ("state transitions", records.transitions, own),
            ("function calls", records.function_calls, calls),
            ("SendCommand", records.ssm["SendCommand"], records.ssm["SendCommand"]),
            ("all SSM calls", records.ssm_calls, records.ssm_calls),
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


@contextmanager
def started(port: int | None = None) -> Iterator[tuple[LocalCloud, Engine, list[LocalInstance]]]:
    """The local cloud with the stack, its alarm, its Slack channel and four hosts; it ends with the block."""
    console.print("Starting AWS on this machine (an emulator in one process, IAM enforced)")
    with LocalCloud(port) as cloud:
        console.print(f"  it answers at {cloud.endpoint}")
        console.print("Deploying the stack with the CDK CLI: the template that would go to an account")
        cloud.create_alarm(ALARM)
        engine = Engine(cloud, cloud.deploy(HERE / "demo.yaml", reconcile_seconds=15))
        cloud.client("secretsmanager").put_secret_value(
            SecretId=engine.outputs["SlackSecretArn"], SecretString=cloud.slack.url(CHANNEL)
        )
        console.print("Starting four instances: namespaces with a root, an address and an agent of their own")
        hosts = [cloud.add_instance(f"web-{n}", {"role": "web", "stepdeploy": "enabled"}) for n in range(1, 5)]
        console.print(f"  {', '.join(f'{host.name} {host.id} {host.address}' for host in hosts)}")
        yield cloud, engine, hosts


def main() -> int:
    """Run the demo; the exit status."""
    began = time.monotonic()
    with started() as (cloud, engine, hosts):
        demo = Demo(cloud, engine, hosts)
        for part in (demo.first, demo.second, demo.third, demo.fourth, demo.told):
            part()
        demo.cost()
    failed = demo.checks.failed
    console.rule()
    verdict = "[green]everything was seen to be true[/]" if not failed else f"[red]{failed} claims were not seen[/]"
    console.print(f"{verdict} in {time.monotonic() - began:.0f} s; nothing is left running")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(main))

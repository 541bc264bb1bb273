"""The real stack on the local cloud, once for all tests; each test has a deployment group and hosts of its own.

IAM is enforced, functions and hosts really run. A test deploys by uploading, as a user does, and looks at records, at
files on the hosts and at what Slack received.
"""

import fcntl
import io
import json
import os
import socket
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.core.records import Deployment, Target
from local.bundles import bundle
from local.cloud import ROOT, LocalCloud, LocalInstance
from local.driver import Engine, wait_for
from local.weather import Weather
from tests import fake_github
from tests.fake_github import FakeGitHub

CHANNEL = "#deployments"
LIVE = "#live"  # which a bot tells, not a webhook
ALONE = "#alone"  # for one group: messages of other groups cannot be merged with its own into a digest
BUILDS = "e2e-builds"  # a bucket besides the engine's, whose uploads below ci/ start deployments
RECONCILE_SECONDS = 6
PROPAGATION_SECONDS = 2  # for which load balancers may send requests to hosts that have left

# Deployment groups by name, with what is special about each. Every group's hosts carry the tag group=<name>.
GROUPS: dict[str, dict[str, Any]] = {
    "main": {"autoRollbackConfiguration": {"events": ["DEPLOYMENT_FAILURE"]}},
    "all": {"deploymentConfigName": "CodeDeployDefault.AllAtOnce"},
    "last-host": {},
    "queue": {"deploymentConfigName": "CodeDeployDefault.AllAtOnce"},
    "reject": {"onBusy": "reject"},
    "stop": {},
    "alarm": {
        "alarmConfiguration": {"alarms": [{"name": "alarm-errors"}]},
        "autoRollbackConfiguration": {"events": ["DEPLOYMENT_STOP_ON_ALARM"]},
    },
    "alarm-at-start": {"alarmConfiguration": {"alarms": [{"name": "start-errors"}]}},
    "alarm-missing": {"alarmConfiguration": {"alarms": [{"name": "nobody-made-this"}]}},
    "alarm-ignored": {"alarmConfiguration": {"ignorePollAlarmFailure": True, "alarms": [{"name": "nobody-made-this"}]}},
    "alarm-unheard": {"alarmConfiguration": {"alarms": [{"name": "unheard-errors"}]}},
    "bake": {"bakeTime": 3600, "alarmConfiguration": {"alarms": [{"name": "bake-errors"}]}},
    "staged": {
        "deploymentConfigName": "InStages",
        "alarmConfiguration": {"alarms": [{"name": "staged-errors"}]},
        "slackChannel": LIVE,
    },
    "frozen": {"deploymentConfigName": "OneThenRest"},
    "zonal": {"deploymentConfigName": "ZoneByZone"},
    "budget": {
        "deploymentConfigName": "CodeDeployDefault.AllAtOnce",
        "budgets": ["together"],
        "fileExistsBehavior": "OVERWRITE",  # either of the two may be the second on a host
    },
    "budget-too": {
        "deploymentConfigName": "CodeDeployDefault.AllAtOnce",
        "budgets": ["together"],
        "ec2TagFilters": [{"Key": "group", "Value": "budget"}],
        "fileExistsBehavior": "OVERWRITE",
    },
    "judged": {
        "deploymentConfigName": "Judged",
        "autoRollbackConfiguration": {"events": ["DEPLOYMENT_STOP_ON_ALARM"]},
    },
    "told": {
        "triggerConfigurations": [
            {
                "triggerName": "all",
                "triggerTargetArn": "notifications",
                "triggerEvents": ["DeploymentStart", "DeploymentSuccess", "InstanceStart", "InstanceSuccess"],
            }
        ]
    },
    "nobody": {},
    "unmanaged": {},
    "bad-input": {},
    "lost-event": {},
    "late-event": {},
    "offline": {},
    "reboot": {},
    "hang": {},
    "killed": {},
    "aborted": {},
    "aborted-unheard": {"deploymentConfigName": "CodeDeployDefault.AllAtOnce"},
    "down": {
        "triggerConfigurations": [
            {"triggerName": "end", "triggerTargetArn": "notifications", "triggerEvents": ["DeploymentSuccess"]}
        ]
    },
    "shares": {},
    "shares-too": {"ec2TagFilters": [{"Key": "group", "Value": "shares"}], "fileExistsBehavior": "OVERWRITE"},
    "watched": {},
    "heard": {"slackChannel": ALONE},
    "command-line": {},
    "commits": {},
    "pushed": {},
    "builds": {},
    "pipeline": {"autoRollbackConfiguration": {"events": ["DEPLOYMENT_FAILURE"]}},
    "goes-back": {
        "deploymentConfigName": "CodeDeployDefault.HalfAtATime",
        "autoRollbackConfiguration": {"events": ["DEPLOYMENT_FAILURE"]},
        "slackChannel": LIVE,
    },
    "options": {},
    "steps": {},
    "beside": {
        "deploymentConfigName": "CodeDeployDefault.HalfAtATime",
        "autoRollbackConfiguration": {"events": ["DEPLOYMENT_FAILURE"]},
    },
    "ssm-throttles": {"deploymentConfigName": "CodeDeployDefault.AllAtOnce"},
    "all-weather": {"deploymentConfigName": "CodeDeployDefault.HalfAtATime"},
    "updated": {
        "deploymentConfigName": "CodeDeployDefault.HalfAtATime",
        "loadBalancerInfo": {"targetGroupInfoList": [{"name": "updated"}], "propagationTime": "1s"},
    },
    "hostile": {"deploymentConfigName": "CodeDeployDefault.AllAtOnce"},
    "burst": {"deploymentConfigName": "CodeDeployDefault.AllAtOnce"},
    "balanced": {
        "loadBalancerInfo": {
            "targetGroupInfoList": [{"name": "balanced"}],
            "propagationTime": f"{PROPAGATION_SECONDS}s",
        },
        "autoRollbackConfiguration": {"events": ["DEPLOYMENT_FAILURE"]},
    },
    "scaled": {"autoScalingGroups": ["scaled"], "terminationHookEnabled": True},
}

NO_MINIMUM = {"type": "HOST_COUNT", "value": 0}
CONFIGS: dict[str, dict[str, Any]] = {
    "InStages": {
        "minimumHealthyHosts": NO_MINIMUM,
        "stages": [
            {"name": "canary", "select": {"count": 1}, "bake": "1s", "approval": True},
            {"name": "half", "select": {"percent": 50}},
            {"name": "rest", "select": "rest"},
        ],
    },
    "OneThenRest": {
        "minimumHealthyHosts": NO_MINIMUM,
        "stages": [{"name": "one", "select": {"count": 1}}, {"name": "rest", "select": "rest"}],
    },
    "ZoneByZone": {
        "minimumHealthyHosts": NO_MINIMUM,
        "zonalConfig": {
            "monitorDuration": "1s",
            "minimumHealthyHostsPerZone": {"type": "HOST_COUNT", "value": 1},
        },
    },
}


@dataclass
class Fleet:
    """A deployment group with its hosts."""

    cloud: LocalCloud
    engine: Engine
    group: str
    hosts: list[LocalInstance]

    def upload(self, name: str, archive: bytes) -> str:
        """Upload a revision; the id of the deployment that it started."""
        return self.engine.upload(f"shop/{self.group}/{name}", archive)

    def deploy(self, version: str, changes: Mapping[str, str | None] | None = None, **how: Any) -> Deployment:
        """Deploy a version of the test application and wait for its end."""
        return self.engine.wait(self.begin(version, changes), **how)

    def begin(self, version: str, changes: Mapping[str, str | None] | None = None) -> str:
        return self.upload(f"{version}.zip", application(version, changes))

    def live(self, deployment_id: str, title: str, reply: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The bot's message of a deployment and its thread, once they say that."""

        def found() -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
            told = self.cloud.slack.of_bot()
            top = [each for each in told if not each["thread_ts"] and f"({deployment_id})" in each["text"]]
            thread = [each for each in told if top and each["thread_ts"] == top[0]["ts"]]
            is_told = top and title in top[0]["text"] and any(reply in each["text"] for each in thread)
            return (*top, thread) if is_told else None  # type: ignore[return-value]  # one message

        return wait_for(found, f"Slack to say of {deployment_id}: {reply}")

    def targets(self, deployment: Deployment | str) -> list[Target]:
        deployment_id = deployment if isinstance(deployment, str) else deployment.deployment_id
        return self.engine.targets(deployment_id)

    def installed(self) -> list[str]:
        """The version that lies on each host's disk ("" for none)."""
        return [self.read(host, "srv/app/version.txt") for host in self.hosts]

    def read(self, host: LocalInstance, path: str) -> str:
        file = host.path(path)
        return file.read_text().strip() if file.exists() else ""

    def ran(self, host: LocalInstance) -> list[str]:
        """Every hook that has run on the host: "<version> <event>", in order."""
        return self.read(host, "var/lib/hooks.log").splitlines()

    @property
    def key(self) -> str:
        return f"shop/{self.group}"


def application(version: str, changes: Mapping[str, str | None] | None = None) -> bytes:
    """A revision of examples/hooks: every hook writes that it ran; `changes` replaces files of it."""
    return bundle("hooks", {"app/version.txt": f"{version}\n", **(changes or {})})


def unpacked(folder: Path, version: str, changes: Mapping[str, str | None] | None = None) -> Path:
    """The test application as a folder."""
    with zipfile.ZipFile(io.BytesIO(application(version, changes))) as archive:
        for entry in archive.infolist():
            Path(archive.extract(entry, folder)).chmod(entry.external_attr >> 16)
    return folder


def failing(*lines: str) -> str:
    """A hook script of these lines."""
    return "\n".join(("#!/bin/sh", *lines)) + "\n"


def healthy(fleet: Fleet, target_group: str) -> list[str]:
    """The ids of the hosts that a target group sends requests to."""
    found = fleet.cloud.client("elbv2").describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
    return sorted(each["Target"]["Id"] for each in found if each["TargetHealth"]["State"] == "healthy")


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    """Its functions write down which AWS calls they make (tests/calls)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT / "tests" / "calls" / "in_functions"))
        with LocalCloud() as found:
            yield found


@pytest.fixture(scope="session")
def declaration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file as it is shipped, and the tests' application besides."""
    groups = {
        name: {"ec2TagFilters": [{"Key": "group", "Value": name}], "slackChannel": CHANNEL, **special}
        for name, special in GROUPS.items()
    }
    file = tmp_path_factory.mktemp("declared") / "deployments.yaml"
    shipped = yaml.safe_load((ROOT / "deployments.yaml").read_text())
    shipped["applications"]["shop"] = {"groups": groups}
    shipped["codeCommitRepositories"] = {"site": {"main": ["shop/pushed"]}}
    shipped["revisionBuckets"] = [{"name": BUILDS, "trigger": "uploads", "prefix": "ci/"}]
    shipped["deploymentConfigs"] |= CONFIGS
    shipped["budgets"] = {
        "together": {
            "ec2TagFilters": [{"Key": "group", "Value": "budget"}],
            "maximumOutOfService": {"type": "HOST_COUNT", "value": 1},
        }
    }
    errors = {"name": "errors", "namespace": "e2e", "metricName": "Errors", "period": "1s", "compare": "oldHosts"}
    shipped["deploymentConfigs"]["Judged"] = {
        "minimumHealthyHosts": {"type": "HOST_COUNT", "value": 0},
        "stages": [
            {
                "name": "canary",
                "select": {"count": 1},
                "bake": "3s",
                "analysis": {"metrics": [{**errors, "tolerance": {"value": 1}}]},
            },
            {"name": "rest", "select": "rest"},
        ],
    }
    file.write_text(yaml.safe_dump(shipped))
    return file


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of a run have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def alone(with_it: Path) -> Iterator[None]:
    """One worker at a time."""
    with with_it.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def hub_port(shared: Path) -> int:
    """Where the GitHub that the engine knows is to be: the same for all workers."""
    file = shared / "hub_port"
    with alone(file):
        if not file.exists():
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                file.write_text(str(probe.getsockname()[1]))
        return int(file.read_text())


@pytest.fixture
def hub(hub_port: int, shared: Path) -> Iterator[FakeGitHub]:
    """The GitHub that the engine knows; one test at a time has it."""
    with alone(shared / "hub"), fake_github.running(hub_port) as running:
        yield running


@pytest.fixture(scope="session")
def context(hub_port: int) -> dict[str, str]:
    """What the stack is told besides its declaration."""
    return {"githubUrl": f"http://127.0.0.1:{hub_port}", "connectionLostSeconds": "5"}


@pytest.fixture(scope="session")
def assembly(cloud: LocalCloud, declaration: Path, context: dict[str, str], shared: Path) -> Path:
    """The synthesized stack: the first worker writes it for all."""
    found = shared / "assembly"
    with alone(found):
        if not found.exists():
            cloud.synthesize(shared / "unfinished", declaration, RECONCILE_SECONDS, context)
            (shared / "unfinished").rename(found)
    return found


@pytest.fixture(scope="session")
def engine(cloud: LocalCloud, assembly: Path) -> Engine:
    for alarm in ("alarm-errors", "start-errors", "bake-errors", "unheard-errors", "staged-errors"):
        cloud.create_alarm(alarm)
    cloud.client("ec2").create_launch_template(LaunchTemplateName="scaled", LaunchTemplateData={"ImageId": "ami-1234"})
    cloud.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="scaled",
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=0,
        LaunchTemplate={"LaunchTemplateName": "scaled"},
        VPCZoneIdentifier="subnet-00000001,subnet-00000002",
        Tags=[{"Key": "stepdeploy", "Value": "enabled", "PropagateAtLaunch": True}],
    )
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUILDS)
    s3.put_bucket_versioning(Bucket=BUILDS, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket=BUILDS, NotificationConfiguration={"EventBridgeConfiguration": {}})
    outputs = cloud.deploy_assembly(assembly)
    deployed = Engine(cloud, outputs)
    hooks = dict.fromkeys(("default", CHANNEL, ALONE), cloud.slack.url(CHANNEL))
    chats = {**hooks, **cloud.slack.bot(), "mentions": {LIVE: "here"}}
    cloud.client("secretsmanager").put_secret_value(
        SecretId=deployed.outputs["SlackSecretArn"], SecretString=json.dumps(chats)
    )
    return deployed


MakeFleet = Callable[..., Fleet]


@pytest.fixture
def fleet(cloud: LocalCloud, engine: Engine) -> Iterator[MakeFleet]:
    """`fleet("main", hosts=2)`: the group with that many hosts, or one in each of `zones`; they end with the test, and
    so do all faults."""
    made: list[LocalInstance] = []

    def make(group: str, *, hosts: int = 2, managed: bool = True, zones: Sequence[str] = ()) -> Fleet:
        tags = {"group": group, "stepdeploy": "enabled"}
        places: Sequence[str | None] = zones or [None] * hosts
        own = [cloud.add_instance(f"{group}-{n}", tags, managed=managed, zone=zone) for n, zone in enumerate(places)]
        made.extend(own)
        return Fleet(cloud, engine, group, own)

    yield make
    cloud.faults.clear()
    cloud.turn(Weather())
    for host in made:
        cloud.remove_instance(host)

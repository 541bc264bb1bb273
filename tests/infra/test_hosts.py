"""What hosts trust, as CloudFormation makes it: key, document, runner, and the version that is sent, in this order."""

import json
from typing import Any

from host.lifecycle import LifecycleEvent
from tests.infra.conftest import only, resources


def test_the_document_gets_a_new_version_so_that_commands_in_flight_keep_theirs(template: dict[str, Any]) -> None:
    document = only(template, "AWS::SSM::Document", Name="stepdeploy-segment")
    assert (document["Name"], document["DocumentType"]) == ("stepdeploy-segment", "Command")
    assert document["UpdateMethod"] == "NewVersion"
    content = document["Content"]
    assert content["schemaVersion"] == "2.2"
    assert list(content["parameters"]) == ["Instructions"]
    assert "allowedPattern" in content["parameters"]["Instructions"]
    assert [step["name"] for step in content["mainSteps"]] == ["Start", *LifecycleEvent]


def test_the_document_names_the_key_and_the_runner(template: dict[str, Any]) -> None:
    sha256 = only(template, "Custom::Runner")["Sha256"]
    assert environment(template)["RUNNER_SHA256"] == sha256
    (public_key,) = resources(template, "Custom::PublicKey")
    numbers = [{"Fn::GetAtt": [public_key, name]} for name in ("Modulus", "Exponent")]
    first, *others = only(template, "AWS::SSM::Document", Name="stepdeploy-segment")["Content"]["mainSteps"]
    (line,) = [each for each in first["inputs"]["runCommand"] if "Fn::GetAtt" in json.dumps(each)]
    parts = line["Fn::Join"][1]
    assert [part for part in parts if isinstance(part, dict)] == numbers
    assert parts[-1].endswith(f" {sha256}")
    assert sha256 not in json.dumps(others), "the first step starts the process; the others ask it"


def test_the_version_that_is_sent_is_the_one_that_was_just_made_with_its_runner_in_place(
    template: dict[str, Any],
) -> None:
    (name, version), _ = versions(template)
    for variable, attribute in (("DOCUMENT_VERSION", "Version"), ("DOCUMENT_HASH", "Hash")):
        assert environment(template)[variable] == {"Fn::GetAtt": [name, attribute]}
    assert {"HostsDocument", "HostsRunner"} <= {each[:-8] for each in version["DependsOn"]}
    assert {"Content", "Modulus"} <= set(version["Properties"]), "a change of the document is a change of this"
    assert template["Outputs"]["DocumentVersion"]["Value"] == {"Fn::GetAtt": [name, "Version"]}


def test_what_only_looks_is_a_document_of_its_own_that_is_sent_by_version_and_hash(template: dict[str, Any]) -> None:
    document = only(template, "AWS::SSM::Document", Name="stepdeploy-verify")
    assert list(document["Content"]["parameters"]) == ["GroupId", "DeploymentId"]
    assert all("allowedPattern" in each for each in document["Content"]["parameters"].values())
    _, (name, version) = versions(template)
    assert {each[:-8] for each in version["DependsOn"]} == {"HostsVerifyDocument"}
    variables = environment(template, "stepdeploy-api")
    assert variables["VERIFY_DOCUMENT_NAME"] == "stepdeploy-verify"
    for variable, attribute in (("VERIFY_DOCUMENT_VERSION", "Version"), ("VERIFY_DOCUMENT_HASH", "Hash")):
        assert variables[variable] == {"Fn::GetAtt": [name, attribute]}


def versions(template: dict[str, Any]) -> list[tuple[str, Any]]:
    """Of the document that deploys, and of the one that looks."""
    found = resources(template, "Custom::DocumentVersion").items()
    return sorted(found, key=lambda each: each[1]["Properties"]["Name"])


def test_runners_are_kept(template: dict[str, Any]) -> None:
    """A rule counts days since the upload: it would delete the current runner, too."""
    rules = only(template, "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    expiring = [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule]
    assert expiring and not [prefix for prefix in expiring if ".stepdeploy/runner/".startswith(prefix)]


def environment(template: dict[str, Any], function: str = "stepdeploy-run_segment") -> dict[str, Any]:
    found = only(template, "AWS::Lambda::Function", FunctionName=function)["Environment"]["Variables"]
    return dict(found)

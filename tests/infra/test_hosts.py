"""What hosts trust, as CloudFormation makes it: key, document, runner, and the version that is sent, in this order."""

import json
from typing import Any

from host.lifecycle import LifecycleEvent
from tests.infra.conftest import only, resources


def test_the_document_gets_a_new_version_so_that_commands_in_flight_keep_theirs(template: dict[str, Any]) -> None:
    document = only(template, "AWS::SSM::Document")
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
    first, *others = only(template, "AWS::SSM::Document")["Content"]["mainSteps"]
    (line,) = [each for each in first["inputs"]["runCommand"] if "Fn::GetAtt" in json.dumps(each)]
    parts = line["Fn::Join"][1]
    assert [part for part in parts if isinstance(part, dict)] == numbers
    assert parts[-1].endswith(f" {sha256}")
    assert sha256 not in json.dumps(others), "the first step starts the process; the others ask it"


def test_the_version_that_is_sent_is_the_one_that_was_just_made_with_its_runner_in_place(
    template: dict[str, Any],
) -> None:
    ((name, version),) = resources(template, "Custom::DocumentVersion").items()
    for variable, attribute in (("DOCUMENT_VERSION", "Version"), ("DOCUMENT_HASH", "Hash")):
        assert environment(template)[variable] == {"Fn::GetAtt": [name, attribute]}
    needed = {*resources(template, "AWS::SSM::Document"), *resources(template, "Custom::Runner")}
    assert needed <= set(version["DependsOn"])
    assert {"Content", "Modulus"} <= set(version["Properties"]), "a change of the document is a change of this"
    assert template["Outputs"]["DocumentVersion"]["Value"] == {"Fn::GetAtt": [name, "Version"]}


def test_runners_are_kept(template: dict[str, Any]) -> None:
    """A rule counts days since the upload: it would delete the current runner, too."""
    rules = only(template, "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    expiring = [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule]
    assert expiring and not [prefix for prefix in expiring if ".stepdeploy/runner/".startswith(prefix)]


def environment(template: dict[str, Any]) -> dict[str, Any]:
    found = only(template, "AWS::Lambda::Function", FunctionName="stepdeploy-run_segment")["Environment"]["Variables"]
    return dict(found)

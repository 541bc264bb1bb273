"""SSM documents: what may be written, how versions count, how parameters get into a script."""

import json
from typing import Any

import pytest

from host.step import INSTRUCTIONS_PATTERN
from local.hosts.job import Step
from local.ssm.content import check_content
from local.ssm.documents import Documents, check_parameters, filled_in
from local.ssm.model import SsmError

STEP = {"action": "aws:runShellScript", "name": "Install", "inputs": {"runCommand": ["echo {{ Word }}"]}}
CONTENT: dict[str, Any] = {
    "schemaVersion": "2.2",
    "description": "Say a word.",
    "parameters": {"Word": {"type": "String", "allowedPattern": "^[a-z]{1,5}$"}},
    "mainSteps": [STEP],
}


def content(**changes: Any) -> dict[str, Any]:
    return {**CONTENT, **changes}


def step(**inputs: Any) -> dict[str, Any]:
    return content(mainSteps=[{**STEP, "inputs": {**STEP["inputs"], **inputs}}])  # type: ignore[dict-item]


def error(of: Any) -> str:
    with pytest.raises(SsmError) as caught:
        of()
    return f"{caught.value.code}: {caught.value.message}"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([], "InvalidDocumentContent: The document must be an object"),
        (content(schemaVersion="1.2"), "InvalidDocumentSchemaVersion: Document schema version, 1.2,"),
        (content(schemaVersion=2.2), "InvalidDocumentSchemaVersion: "),
        (content(steps=[]), "the document: unknown properties steps"),
        (content(mainSteps=[]), "mainSteps must be a list of at least one step"),
        (content(mainSteps=["x"]), "mainSteps[0] must be an object"),
        (content(mainSteps=[{**STEP, "action": "aws:runPowerShellScript"}]), "action aws:runPowerShellScript is not"),
        (content(mainSteps=[{**STEP, "name": "In stall"}]), "mainSteps[0]: name must match"),
        (content(mainSteps=[{**STEP, "onFailure": "exit"}]), "mainSteps[0]: unknown properties onFailure"),
        (content(mainSteps=[{**STEP, "precondition": {"StringEquals": ["platformType", "Windows"]}}]), "precondition"),
        (content(mainSteps=[{**STEP, "inputs": []}]), "mainSteps[0]: inputs must be an object"),
        (content(mainSteps=[STEP, STEP]), "Step name Install is not unique"),
        (content(parameters={}), "Document parameters not defined: Word"),
        (content(parameters=[]), "Document parameters not defined: Word"),
        (content(parameters=["Word"]), "parameters must be an object"),
        (content(parameters={"Word": {"type": "Text"}}), "Parameter Word: type must be one of Boolean, Integer,"),
        (
            content(parameters={"Word": {"type": "String", "pattern": "x"}}),
            "Parameter Word: unknown properties pattern",
        ),
        (content(parameters={"Word": {"type": "String", "allowedPattern": "("}}), "is not a regular expression"),
        (content(parameters={"Word": {"type": "String", "allowedPattern": "a", "default": "b"}}), "does not match"),
        (step(runCommand=["echo", 1]), "runCommand must be a list of strings"),
        (step(onFailure="stop"), "onFailure must be one of exit, successAndExit, not stop"),
        (step(onSuccess="successAndExit"), "onSuccess must be one of exit"),
        (step(finallyStep="yes"), "finallyStep must be one of false, true, not yes"),
        (step(timeoutSeconds="1h"), "timeoutSeconds must be a whole number or a parameter, not 1h"),
        (step(timeout=3), "mainSteps[0].inputs: unknown properties timeout"),
    ],
)
def test_a_document_that_ssm_refuses_is_refused_with_the_reason(wrong: Any, says: str) -> None:
    assert says in error(lambda: check_content(wrong))


def test_content_may_be_json_or_yaml_or_parsed_and_at_most_64_kb() -> None:
    documents = Documents()
    documents.create("by-json", json.dumps(CONTENT))
    yaml = (
        'schemaVersion: "2.2"\nmainSteps:\n- {action: "aws:runShellScript", name: StepA, inputs: {runCommand: [id]}}\n'
    )
    documents.create("by-yaml", yaml, document_format="YAML")
    documents.create("parsed", CONTENT)
    assert "InvalidDocumentContent: JSON not well-formed" in error(lambda: documents.create("bad", "{"))
    assert "InvalidDocumentContent: YAML not well-formed" in error(
        lambda: documents.create("bad", "a: [", document_format="YAML")
    )
    assert "MaxDocumentSizeExceeded" in error(lambda: documents.create("big", content(description="x" * 65_536)))
    assert "DocumentAlreadyExists" in error(lambda: documents.create("parsed", CONTENT))
    assert "reserved prefix" in error(lambda: documents.create("AWS-mine", CONTENT))


def test_versions_count_up_and_the_default_stays_until_it_is_set() -> None:
    documents = Documents()
    documents.create("say", CONTENT)
    assert documents.update("say", content(description="Second"), version_name="two").number == 2
    document = documents.get("arn:aws:ssm:us-east-1:000000000000:document/say")
    numbers = [document.version(asked).number for asked in (None, "$DEFAULT", "$LATEST", "1", "2")]
    assert numbers == [1, 1, 2, 1, 2] and document.version(None, version_name="two").number == 2
    assert "InvalidDocumentVersion" in error(lambda: document.version("3"))
    assert "DuplicateDocumentContent" in error(lambda: documents.update("say", content(description="Second")))
    assert "DuplicateDocumentVersionName" in error(lambda: documents.update("say", CONTENT, version_name="two"))
    assert "InvalidDocumentVersion" in error(lambda: documents.update("say", CONTENT, document_version="1"))
    documents.set_default("say", "2")
    assert document.version("$DEFAULT").number == 2
    assert "InvalidDocumentOperation" in error(lambda: documents.delete("say", "2"))
    documents.delete("say", "1")
    assert "InvalidDocumentVersion" in error(lambda: document.version("1"))
    documents.delete("say")
    assert "InvalidDocument: Document with name say does not exist." in error(lambda: documents.get("say"))
    assert "owned by Amazon" in error(lambda: documents.delete("AWS-RunShellScript"))


@pytest.mark.parametrize(
    ("rules", "values", "says"),
    [
        ({"type": "String"}, ["a", "b"], "a value of type String is needed, not 2 values"),
        ({"type": "String", "allowedPattern": "[0-9]+"}, ["1x"], "value 1x does not match the allowed pattern [0-9]+"),
        ({"type": "String", "allowedValues": ["a", "b"]}, ["c"], "value c is not among the allowed values ['a', 'b']"),
        ({"type": "String", "maxChars": 2}, ["abc"], "3 characters are outside of minChars and maxChars"),
        ({"type": "StringList", "minItems": 2}, ["a"], "1 items are outside of minItems and maxItems"),
        ({"type": "Integer"}, ["1.5"], "value 1.5 is not an integer"),
        ({"type": "Boolean"}, ["yes"], "value yes is not a boolean"),
    ],
)
def test_a_parameter_outside_of_its_rules_is_refused(rules: dict[str, Any], values: list[str], says: str) -> None:
    version = Documents().create("say", content(parameters={"Word": rules})).version(None)
    assert error(lambda: check_parameters(version, {"Word": values})) == f"InvalidParameters: Parameter Word: {says}"


def test_parameters_must_be_known_and_complete() -> None:
    version = Documents().create("say", CONTENT).version(None)
    assert "InvalidParameters: Parameters ['Wort'] are not defined" in error(
        lambda: check_parameters(version, {"Wort": ["x"], "Word": ["x"]})
    )
    assert "InvalidParameters: Parameters [Word] required but missing" in error(lambda: check_parameters(version, {}))


def test_parameters_go_in_as_text_and_once() -> None:
    inputs = {
        "runCommand": ["set -e", "{{ Lines }}", "echo '{{Word}}' {{ Word }} {{ Lines }}"],
        "timeoutSeconds": "{{ Seconds }}",
        "workingDirectory": "/srv/{{ Word }}",
        "onFailure": "exit",
        "finallyStep": "true",
    }
    parameters = {
        "Word": {"type": "String"},
        "Lines": {"type": "StringList", "default": ["true", "false"]},
        "Seconds": {"type": "Integer", "default": 60},
    }
    version = (
        Documents().create("say", content(parameters=parameters, mainSteps=[{**STEP, "inputs": inputs}])).version(None)
    )
    values = check_parameters(version, {"Word": ["{{ Lines }}; $(id)"]})
    script = 'set -e\ntrue\nfalse\necho \'{{ Lines }}; $(id)\' {{ Lines }}; $(id) ["true", "false"]\n'
    assert filled_in(version, values) == [
        Step("Install", script, 60, "/srv/{{ Lines }}; $(id)", on_failure="exit", finally_step=True)
    ]


@pytest.mark.parametrize(("given", "seconds"), [("4", 3600), ("5", 5), ("172800", 172800), ("172801", 3600)])
def test_a_timeout_outside_of_the_agents_range_counts_as_an_hour(given: str, seconds: int) -> None:
    version = Documents().create("say", step(timeoutSeconds=given)).version(None)
    assert filled_in(version, {"Word": ["x"]})[0].timeout_seconds == seconds


def test_a_pattern_that_the_agents_go_cannot_compile_is_refused() -> None:
    """SSM takes it, and then the agent refuses every command: regexp/syntax knows no repeat over 1,000."""

    def with_pattern(pattern: str) -> dict[str, Any]:
        return content(parameters={"Word": {"type": "String", "allowedPattern": pattern}})

    check_content(with_pattern(INSTRUCTIONS_PATTERN))
    check_content(with_pattern("^[a-z]{1,1000}$"))
    with pytest.raises(SsmError, match="repeats over 1000"):
        check_content(with_pattern("^[a-z]{1,30000}$"))

"""Every function has the one defaults, and every way in has a way out for what nobody could take."""

import re
from typing import Any

import pytest

from functions.core.planning.prices import MEMORY_MB, USUAL_MEMORY_MB
from infra.app import ROOT
from simulation.aws.functions import TIMEOUTS, USUAL_TIMEOUT
from tests.infra.conftest import resources
from tests.infra.reached import everything_in, settings_of


@pytest.fixture(scope="module")
def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties of the functions by the handler's name."""
    found = resources(template, "AWS::Lambda::Function").values()
    return {each["Properties"]["FunctionName"].removeprefix("stepdeploy-"): each["Properties"] for each in found}


def test_there_is_a_function_for_every_handler_and_a_handler_for_every_function(
    functions: dict[str, dict[str, Any]],
) -> None:
    handlers = {path.stem for path in (ROOT / "functions" / "handlers").glob("[!_]*.py")}
    assert set(functions) == handlers
    for name, function in functions.items():
        assert function["Handler"] == f"functions.handlers.{name}.handler"


def test_every_function_has_the_same_shape(functions: dict[str, dict[str, Any]]) -> None:
    for function in functions.values():
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["Description"]
        assert 30 <= function["Timeout"] <= 300
    assert len({str(function["Code"]) for function in functions.values()}) == 1, "one package for all"
    assert len({str(function["Role"]) for function in functions.values()}) == len(functions), "a role for each"


def test_every_log_group_has_a_retention_and_every_function_one_of_its_own(
    template: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    groups = [each["Properties"] for each in resources(template, "AWS::Logs::LogGroup").values()]
    assert {group["RetentionInDays"] for group in groups} == {90}
    names = {group["LogGroupName"] for group in groups}
    assert names >= {f"/aws/lambda/stepdeploy-{name}" for name in functions}


SETTINGS = (ROOT / "functions" / "settings.py").read_text()
VARIABLES = dict(re.findall(r"def (\w+)\(self\).*?environment\[\"(\w+)\"\]", SETTINGS, re.DOTALL))


PLANNING = "functions.api.operations.plan"  # the one operation of `plan`


def test_every_function_is_told_each_setting_that_it_reads_and_no_other(
    functions: dict[str, dict[str, Any]],
) -> None:
    """A property of Settings that a handler reaches, but the stack does not set, would be a KeyError in an account."""
    by_lambda_itself = {"AWS_REGION"}
    for name, function in functions.items():
        told = {each for each in function["Environment"]["Variables"] if not each.startswith("POWERTOOLS_")}
        besides = {
            "api": [each for each in everything_in("functions.api.operations") if not each.startswith(PLANNING)],
            "plan": [f"{PLANNING}.plan_deployment"],
        }.get(name, [])
        reached = settings_of(f"functions.handlers.{name}.handler", *besides)
        read = {VARIABLES[each] for each in reached if each in VARIABLES}
        assert read - by_lambda_itself == told, name


def test_every_setting_is_given_to_some_function(functions: dict[str, dict[str, Any]]) -> None:
    given = {variable for function in functions.values() for variable in function["Environment"]["Variables"]}
    assert set(VARIABLES.values()) - {"AWS_REGION"} == {name for name in given if not name.startswith("POWERTOOLS_")}


def test_every_rule_has_a_dead_letter_queue_and_retries(template: dict[str, Any]) -> None:
    rules = resources(template, "AWS::Events::Rule")
    assert len(rules) == 9
    for rule in rules.values():
        (target,) = rule["Properties"]["Targets"]
        assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith("StoreUndelivered")
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0


def test_asynchronous_calls_that_fail_are_kept(template: dict[str, Any]) -> None:
    kept = {
        template["Resources"][each["Properties"]["FunctionName"]["Ref"]]["Properties"]["FunctionName"]
        for each in resources(template, "AWS::Lambda::EventInvokeConfig").values()
        if "OnFailure" in each["Properties"].get("DestinationConfig", {})
    }
    asynchronous = ("command_status", "stop", "execution_status", "declare", "set_up", "register")
    assert kept == {f"stepdeploy-{name}" for name in asynchronous}


def test_stream_readers_set_a_bad_record_aside_and_lose_none(template: dict[str, Any]) -> None:
    readers = [
        each["Properties"]
        for each in resources(template, "AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" in each["Properties"]
    ]
    assert len(readers) == 3
    for reader in readers:
        assert reader["StartingPosition"] == "TRIM_HORIZON"
        assert reader["BisectBatchOnFunctionError"] is True
        assert reader["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "OnFailure" in reader["DestinationConfig"]


def test_messages_that_wait_outlive_a_day_in_which_nobody_takes_them(template: dict[str, Any]) -> None:
    waiting = {
        name: each["Properties"]
        for name, each in resources(template, "AWS::SQS::Queue").items()
        if "RedrivePolicy" in each["Properties"]
    }
    assert len(waiting) == 7
    longest_back_off = 15  # minutes: functions/aws/sqs.py
    for queue in waiting.values():
        assert queue["RedrivePolicy"]["maxReceiveCount"] * longest_back_off >= 24 * 60
        assert queue["VisibilityTimeout"] >= 6 * 60, "six times the timeout of the function"


def test_the_command_line_knows_the_memory_that_costs(functions: dict[str, dict[str, Any]]) -> None:
    told = {name: function["MemorySize"] for name, function in functions.items()}
    assert told == {name: MEMORY_MB.get(name, USUAL_MEMORY_MB) for name in told}


def test_the_simulator_ends_functions_after_the_template_s_time(functions: dict[str, dict[str, Any]]) -> None:
    known = {name: TIMEOUTS.get(name, USUAL_TIMEOUT) for name in functions}
    assert known == {name: function["Timeout"] for name, function in functions.items()}
    assert TIMEOUTS.keys() <= functions.keys()

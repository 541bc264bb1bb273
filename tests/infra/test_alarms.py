"""What rings, and what does not: whatever is lost for good has an alarm, whatever is tried again has none."""

from typing import Any

import pytest

from tests.infra.conftest import only, resources


@pytest.fixture(scope="module")
def alarms(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [each["Properties"] for each in resources(template, "AWS::CloudWatch::Alarm").values()]


def watched(alarms: list[dict[str, Any]], metric: str) -> set[str]:
    """Whose metric has an alarm: logical ids without hash, or plain values."""

    def name(value: Any) -> str:
        if isinstance(value, str):
            return value
        ((how, what),) = value.items()
        found = what if how == "Ref" else what[0] if how == "Fn::GetAtt" else what[1]["Fn::Split"][1]["Fn::GetAtt"][0]
        return str(found)[:-8]

    return {name(each["Dimensions"][-1]["Value"]) for each in alarms if each["MetricName"] == metric}


def called(template: dict[str, Any], by: str) -> set[str]:
    """The functions that resources of a type call, as `watched` names them."""
    names = [each["Properties"]["FunctionName"] for each in resources(template, by).values()]
    return {name["Ref"][:-8] for name in names}


def test_no_error_that_is_tried_again_rings(alarms: list[dict[str, Any]]) -> None:
    """A function that AWS throttles raises Busy, and Lambda counts an error: the state machine calls it again."""
    assert watched(alarms, "Errors") == watched(alarms, "Throttles") == set()
    assert {each["Namespace"] for each in alarms if each["MetricName"] == "ExecutionThrottled"} == set()


def test_executions_that_did_not_end_by_themselves_ring(alarms: list[dict[str, Any]]) -> None:
    found = {each["MetricName"] for each in alarms if each["Namespace"] == "AWS/States"}
    assert found == {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"}


def test_targets_that_the_engine_failed_ring_by_the_metric_that_publish_writes(alarms: list[dict[str, Any]]) -> None:
    """Their executions succeed: the error is caught, and told."""
    assert watched(alarms, "EngineFailures") == {"stepdeploy"}


def test_every_dead_letter_queue_rings(template: dict[str, Any], alarms: list[dict[str, Any]]) -> None:
    queues = resources(template, "AWS::SQS::Queue")
    letters = {
        name[:-8] for name, each in queues.items() if "RedrivePolicy" not in each["Properties"]
    }  # every other queue has one of these behind it
    assert watched(alarms, "ApproximateNumberOfMessagesVisible") == letters
    assert watched(alarms, "ApproximateAgeOfOldestMessage") == {name[:-8] for name in queues} - letters


def test_what_lambda_cannot_put_into_a_dead_letter_queue_rings(
    template: dict[str, Any], alarms: list[dict[str, Any]]
) -> None:
    having = {"AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping"}
    keeping = {
        each["Properties"]["FunctionName"]["Ref"][:-8]
        for kind in having
        for each in resources(template, kind).values()
        if "DestinationConfig" in each["Properties"]
    }
    assert keeping and watched(alarms, "DestinationDeliveryFailures") == keeping


def test_an_asynchronous_call_that_is_dropped_without_a_trace_rings(
    template: dict[str, Any], alarms: list[dict[str, Any]]
) -> None:
    """Of a schedule, which makes up for one lost run with the next, only when it goes on; of a pipeline's job at once,
    which CodePipeline would give up only later."""
    dropping = called(template, "AWS::Lambda::EventInvokeConfig") - watched(alarms, "DestinationDeliveryFailures")
    assert dropping == watched(alarms, "AsyncEventsDropped") == {"FindLost", "PipelinesPipelineJob"}
    dropped = [each for each in alarms if each["MetricName"] == "AsyncEventsDropped"]
    assert {each["AlarmName"]: (each["EvaluationPeriods"], each["Period"]) for each in dropped} == {
        "stepdeploy-FindLostDropped": (3, 300),
        "stepdeploy-PipelineJobDropped": (1, 300),
    }


def test_a_rule_whose_dead_letters_get_lost_rings(template: dict[str, Any], alarms: list[dict[str, Any]]) -> None:
    rules = resources(template, "AWS::Events::Rule")
    assert watched(alarms, "InvocationsFailedToBeSentToDlq") == {name[:-8] for name in rules}
    assert all("DeadLetterConfig" in target for each in rules.values() for target in each["Properties"]["Targets"])
    buses = [
        {one["Name"] for one in each["Dimensions"]}
        for each in alarms
        if each["MetricName"] == "InvocationsFailedToBeSentToDlq"
    ]
    on_own_bus = [each for each in rules.values() if "EventBusName" in each["Properties"]]
    assert buses.count({"EventBusName", "RuleName"}) == len(on_own_bus) == 1


def test_a_stream_that_is_read_late_rings(template: dict[str, Any], alarms: list[dict[str, Any]]) -> None:
    mappings = resources(template, "AWS::Lambda::EventSourceMapping").values()
    readers = {
        each["Properties"]["FunctionName"]["Ref"][:-8] for each in mappings if "StartingPosition" in each["Properties"]
    }
    assert watched(alarms, "IteratorAge") == readers


def test_the_api_rings_for_its_own_errors(alarms: list[dict[str, Any]]) -> None:
    assert watched(alarms, "5xx") == {"ControlApiHttp"}


def test_all_of_them_tell_the_operators(template: dict[str, Any], alarms: list[dict[str, Any]]) -> None:
    assert only(template, "AWS::SNS::Topic", TopicName="stepdeploy-operators")
    (topic,) = {each["AlarmActions"][0]["Ref"] for each in alarms}
    assert topic.startswith("AlarmsOperators")
    assert len({each["AlarmName"] for each in alarms}) == len(alarms)

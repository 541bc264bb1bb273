"""What no chat takes is counted: it is lost to people, and an alarm may watch that."""

from aws_lambda_powertools.metrics import MetricUnit

from functions.telemetry import metrics


def count_dropped(messages: int = 1) -> None:
    metrics.add_metric(name="ChatMessagesDropped", unit=MetricUnit.Count, value=messages)
    metrics.flush_metrics()

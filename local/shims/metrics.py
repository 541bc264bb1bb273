"""CloudWatch: the metrics that AWS writes by itself and ministack 1.5.33 does not, as far as `stepdeploy cost` counts.

- Lambda: AWS counts each call that ran, whoever called; the emulator those of the Invoke API, throttled ones too.
- Step Functions counts the executions that start, DynamoDB the capacity units that are consumed.
- A log line in the embedded metric format is metrics:
  https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_READS = ("GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan")
_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
_UNITS = {
    **dict.fromkeys(_READS, "ConsumedReadCapacityUnits"),
    **dict.fromkeys(_WRITES, "ConsumedWriteCapacityUnits"),
}


def install() -> None:
    """Write the metrics where the emulator does what they count."""
    _count_calls()
    _count_executions()
    _count_capacity()


def _count_calls() -> None:
    from ministack.services import cloudwatch, lambda_svc

    write_logs, write_metrics = lambda_svc._emit_lambda_logs, lambda_svc._emit_lambda_metrics

    def logged(function: dict[str, Any], request: str, log: str, error: bool, milliseconds: int, **more: Any) -> None:
        write_logs(function, request, log, error, milliseconds, **more)
        name = (function.get("config") or function)["FunctionName"]
        write_metrics(name, duration_ms=milliseconds, error=error, throttle=False)
        for line in log.splitlines():
            with suppress(ValueError, LookupError, TypeError):  # AWS takes no metrics from a malformed line
                for metric in _embedded(line):
                    cloudwatch.record_metric(*metric)

    lambda_svc._emit_lambda_logs = logged
    lambda_svc._emit_lambda_metrics = lambda *_, **__: None  # where the emulator calls it, it would count twice


def _embedded(line: str) -> Iterator[tuple[str, str, float, str, dict[str, str]]]:
    """Namespace, name, value, unit and dimensions of each metric of a log line, once for each set of dimensions."""
    if '"CloudWatchMetrics"' not in line:
        return
    told = json.loads(line)
    for directive in told["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: str(told[name]) for name in names}
            for metric in directive["Metrics"]:
                values = told[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    yield directive["Namespace"], metric["Name"], value, metric.get("Unit", "None"), dimensions


def _count_executions() -> None:
    from ministack.services import cloudwatch, stepfunctions

    tell_status = stepfunctions._emit_execution_status_event

    def told(execution: dict[str, Any]) -> None:
        tell_status(execution)
        if execution["status"] == "RUNNING":
            machine = {"StateMachineArn": execution["stateMachineArn"]}
            cloudwatch.record_metric("AWS/States", "ExecutionsStarted", 1, "Count", machine)

    stepfunctions._emit_execution_status_event = told


def _count_capacity() -> None:
    from ministack import app
    from ministack.services import cloudwatch

    handle = app.SERVICE_HANDLERS["dynamodb"]

    async def counted(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        metric = _UNITS.get(headers.get("x-amz-target", "").rpartition(".")[2])
        if metric is None:
            return await handle(method, path, headers, body, query)
        asking = json.dumps({"ReturnConsumedCapacity": "TOTAL", **json.loads(body)}).encode()
        answer = await handle(method, path, headers, asking, query)
        used = json.loads(answer[2]).get("ConsumedCapacity", [])
        for each in used if isinstance(used, list) else [used]:
            units, table = each["CapacityUnits"], {"TableName": each["TableName"]}
            cloudwatch.record_metric("AWS/DynamoDB", metric, units, "Count", table)
        return answer

    app.SERVICE_HANDLERS["dynamodb"] = counted

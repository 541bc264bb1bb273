"""The one logger and the one metrics collector (Powertools), so that every function logs and counts alike."""

from collections.abc import Mapping

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.settings import SERVICE

logger = Logger(service=SERVICE)
metrics = Metrics(namespace="stepdeploy", service=SERVICE)


def count(values: Mapping[str, float], **group: str) -> None:
    """One EMF line: for the engine as a whole and, where one is named, for a group (`application`, `group`)."""
    if group:
        metrics.add_dimensions(service=SERVICE, **group)
    _write(values)


def gauge(values: Mapping[str, float], **group: str) -> None:
    """One EMF line of a group alone: what no sum over groups means anything of."""
    for name, value in group.items():
        metrics.add_dimension(name=name, value=value)
    _write(values)


def _write(values: Mapping[str, float]) -> None:
    for name, value in values.items():
        unit = MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()

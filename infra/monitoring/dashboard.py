"""The dashboard: what deployments did, from the metrics that `publish` counts, and how the engine itself is."""

from collections.abc import Iterable

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.function import Function

NAMESPACE = "stepdeploy"
_HOUR = Duration.hours(1)


class Dashboard(Construct):
    """One page of deployments (counts, duration, targets) over one row about the engine."""

    def __init__(self, scope: Construct, id: str, *, machine: sfn.IStateMachine, functions: Iterable[Function]) -> None:
        super().__init__(scope, id)
        everything = list(functions)
        name = Stack.of(self).stack_name
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=name,
            default_interval=Duration.days(7),
            widgets=[
                [
                    _graph(
                        "Deployments",
                        _sum(name, "DeploymentsStarted", "started"),
                        _sum(name, "DeploymentsSucceeded", "succeeded"),
                        _sum(name, "DeploymentsFailed", "failed"),
                        _sum(name, "DeploymentsStopped", "stopped"),
                        _sum(name, "DeploymentsRolledBack", "rolled back"),
                    ),
                    _graph(
                        "Duration (seconds)",
                        _metric(name, "DeploymentSeconds", "median", "p50"),
                        _metric(name, "DeploymentSeconds", "longest", "Maximum"),
                    ),
                    _graph("Targets", _sum(name, "Targets", "deployed to"), _sum(name, "TargetsFailed", "failed")),
                ],
                [
                    _graph(
                        "Executions",
                        machine.metric_started(period=_HOUR, label="started"),
                        machine.metric_failed(period=_HOUR, label="failed"),
                        machine.metric_aborted(period=_HOUR, label="aborted"),
                    ),
                    _graph(
                        "Errors of functions",
                        *(each.metric_errors(period=_HOUR, label=each.node.id) for each in everything),
                    ),
                    _graph(
                        "Duration of functions (milliseconds, p90)",
                        *(
                            each.metric_duration(period=_HOUR, label=each.node.id, statistic="p90")
                            for each in everything
                        ),
                    ),
                ],
            ],
        )


def _sum(stack: str, name: str, label: str) -> cloudwatch.Metric:
    return _metric(stack, name, label, "Sum")


def _metric(stack: str, name: str, label: str, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        label=label,
        statistic=statistic,
        period=_HOUR,
        dimensions_map={"service": stack},
    )


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8, height=6)

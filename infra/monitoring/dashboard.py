"""The dashboard: what deployments did, from the metrics that `publish` and `find_lost` write, and how the engine is."""

from collections.abc import Iterable, Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from functions.core.causes import Cause
from functions.core.messages.measures import Measure, of_cause
from infra.function import Function

NAMESPACE = "stepdeploy"
MAX_GROUPS = 48  # with a widget of their own; a dashboard has 500 widgets, and a person less patience
_HOUR, _FIVE_MINUTES = Duration.hours(1), Duration.minutes(5)


class Dashboard(Construct):
    """One page: deployments (counts, duration, targets, why they failed), groups, and a row about the engine.

    `groups`: the declared ones, as application and name, which have a widget each. All that have data, also those that
    requests made, are in the widgets that search for them.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        machine: sfn.IStateMachine,
        functions: Iterable[Function],
        groups: Sequence[tuple[str, str]],
    ) -> None:
        super().__init__(scope, id)
        self._name = Stack.of(self).stack_name
        own = [self._in_service(*each) for each in groups[:MAX_GROUPS]]
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self._name,
            default_interval=Duration.days(7),
            widgets=[self._deployments(), self._groups(), own, _engine(machine, list(functions))],
        )

    def _deployments(self) -> list[cloudwatch.IWidget]:
        return [
            _graph(
                "Deployments",
                self._sum(Measure.STARTED, "started"),
                self._sum(Measure.SUCCEEDED, "succeeded"),
                self._sum(Measure.FAILED, "failed"),
                self._sum(Measure.STOPPED, "stopped"),
                self._sum(Measure.ROLLED_BACK, "rolled back"),
            ),
            _graph(
                "Duration (seconds)",
                self._metric(Measure.SECONDS, "median", "p50"),
                self._metric(Measure.SECONDS, "longest", "Maximum"),
            ),
            _graph("Targets", self._sum(Measure.TARGETS, "deployed to"), self._sum(Measure.TARGETS_FAILED, "failed")),
            _graph("Why targets failed", *(self._sum(of_cause(each), each) for each in Cause), stacked=True),
        ]

    def _groups(self) -> list[cloudwatch.IWidget]:
        """Every group that has data, by searching for it."""
        return [
            _graph("Healthy hosts, by group", self._search(Measure.HEALTHY, "Minimum", _FIVE_MINUTES)),
            _graph("Duration, by group (seconds)", self._search(Measure.SECONDS, "Maximum", _HOUR)),
            _graph("Deployments that wait, by group", self._search(Measure.QUEUED, "Maximum", _FIVE_MINUTES)),
        ]

    def _in_service(self, application: str, group: str) -> cloudwatch.IWidget:
        """Hosts of a group beside the promise; no data where it is not deployed to."""
        return _graph(
            f"{application}/{group}: healthy hosts",
            *(
                cloudwatch.Metric(
                    namespace=NAMESPACE,
                    metric_name=measure,
                    label=label,
                    statistic=statistic,
                    period=_FIVE_MINUTES,
                    dimensions_map={"service": self._name, "application": application, "group": group},
                )
                for measure, label, statistic in (
                    (Measure.HEALTHY, "in service", "Minimum"),
                    (Measure.PROMISED, "promised", "Maximum"),
                )
            ),
        )

    def _search(self, measure: Measure, statistic: str, period: Duration) -> cloudwatch.IMetric:
        what = f'{{{NAMESPACE},service,application,group}} MetricName="{measure}" service="{self._name}"'
        return cloudwatch.MathExpression(
            expression=f"SEARCH('{what}', '{statistic}', {period.to_seconds()})",
            label="${PROP('Dim.application')}/${PROP('Dim.group')}",
            period=period,
        )

    def _sum(self, measure: str, label: str) -> cloudwatch.Metric:
        return self._metric(measure, label, "Sum")

    def _metric(self, measure: str, label: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=measure,
            label=label,
            statistic=statistic,
            period=_HOUR,
            dimensions_map={"service": self._name},
        )


def _engine(machine: sfn.IStateMachine, functions: Sequence[Function]) -> list[cloudwatch.IWidget]:
    return [
        _graph(
            "Executions",
            machine.metric_started(period=_HOUR, label="started"),
            machine.metric_failed(period=_HOUR, label="failed"),
            machine.metric_aborted(period=_HOUR, label="aborted"),
        ),
        _graph("Errors of functions", *(each.metric_errors(period=_HOUR, label=each.node.id) for each in functions)),
        _graph(
            "Duration of functions (milliseconds, p90)",
            *(each.metric_duration(period=_HOUR, label=each.node.id, statistic="p90") for each in functions),
        ),
    ]


def _graph(title: str, *metrics: cloudwatch.IMetric, stacked: bool = False) -> cloudwatch.IWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8, height=6, stacked=stacked)

"""What can be wrong with a deployment's alarms, found before a host is touched."""

from functions.aws import clock, cloudwatch
from functions.aws.cloudwatch import Unread
from functions.core.errors import InvalidInput, NotDeployable
from functions.core.records import Deployment, StopMark
from functions.core.rollout import stop_mark
from functions.core.rollout.analysis import check_alarms, wants_alarm_data
from functions.core.rollout.analysis_rule import check_points
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from functions.engine.running.analysis import PATIENCE
from functions.telemetry import logger


class Stopped(NotDeployable):
    """An alarm stops the deployment before it begins."""

    def __init__(self, mark: StopMark) -> None:
        super().__init__(mark.code, mark.message)
        self.mark = mark


def check_states(deployment: Deployment) -> None:
    """Raises Stopped for an alarm that is in ALARM now, or cannot be read where that counts."""
    watched = deployment.settings.alarms.watched
    if not watched:
        return
    states, now = cloudwatch.read(watched), clock.timestamp()
    if states.active:
        raise Stopped(stop_mark.by_alarms(states.active, now))
    if states.unreadable and not deployment.settings.alarms.ignore_poll_alarm_failure:
        raise Stopped(stop_mark.by_unreadable_alarms(states.unreadable, now))


def check_data(deployment: Deployment) -> None:
    """Raises NotDeployable when a stage wants data points of alarms that could never be counted. What CloudWatch does
    not answer now is seen after the stage."""
    wanted = wants_alarm_data(deployment) if deployment.status is DeploymentStatus.CREATED else []
    if not wanted:
        return
    try:
        check_alarms(deployment.settings)
        watched = cloudwatch.alarm_metrics(deployment.settings.alarms.watched, clock.now() + PATIENCE)
        for stage, points in wanted:
            for name, metric in watched.items():
                if isinstance(metric, str):
                    raise InvalidInput(f"the stage {stage.name} wants data points of the alarm {name}: {metric}")
                check_points(f"the alarm {name}", points, metric.period_seconds, stage.bake_seconds)
    except Unread as unread:
        logger.warning("the data of alarms are not checked", reason=str(unread))
    except InvalidInput as error:
        raise NotDeployable(DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID, f"analysis: {error}") from error

"""stop: a person stops a deployment, or an alarm does, or the end of the pipeline that waits for it.

A person calls it by `aws lambda invoke`: {"deployment_id", "reason"?, "cancel"?, "auto_rollback"?, "requested_by"?}.
Running scripts end by themselves unless `cancel` is true; nothing more is started. The answer is CodeDeploy's: Pending
while targets still run, Succeeded when nothing does.

EventBridge calls it when a CloudWatch alarm goes to ALARM: deployments that watch it stop. Whoever may call the
function can write such an event himself, so CloudWatch is asked whether it is true. A second call finds them stopping.
It also calls it when the action of a pipeline is abandoned; of that CodePipeline is asked.
"""

from typing import Any

from functions.api.requests import fields
from functions.aws import aside, clock
from functions.core.errors import InvalidInput
from functions.core.records import PipelineRun
from functions.core.rollout import stop_mark
from functions.engine import pipeline
from functions.engine.ending import stop
from functions.engine.starting import who_may
from functions.store.records import deployments
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    if "detail" in event:
        _by_pipeline(event) if event.get("source") == "aws.codepipeline" else _by_alarm(event)
        return {}
    return _by_person(event)


def _by_alarm(event: dict[str, Any]) -> None:
    if alarm := aside.read(event, lambda: str(event["detail"]["alarmName"])):
        stop.by_alarm(alarm)


def _by_pipeline(event: dict[str, Any]) -> None:
    detail = event["detail"]
    names = ("pipeline", "execution-id", "stage", "action")
    if found := aside.read(event, lambda: [str(detail[name]) for name in names]):
        pipeline.abandoned(PipelineRun(pipeline=found[0], execution=found[1], stage=found[2], action=found[3]))


def _by_person(event: dict[str, Any]) -> dict[str, str]:
    (deployment_id,) = fields.needed(event, "deployment_id")
    deployment = deployments.get(deployment_id)
    if deployment is None:
        raise InvalidInput(f"deployment_id {deployment_id!r}: there is no such deployment")
    who_may.check_stop(deployment, principal=None)
    mark = stop_mark.by_person(
        fields.text(event, "requested_by") or "a person",
        clock.timestamp(),
        reason=fields.text(event, "reason"),
        cancel=bool(fields.flag(event, "cancel")),
        auto_rollback=fields.flag(event, "auto_rollback"),
    )
    answer = stop.ask(deployment, mark)
    if answer is None:
        raise InvalidInput(f"deployment_id {deployment_id}: already completed")
    return answer

"""RunSegment: one segment of a target. Asks what comes next, sends the command once, keeps the token, looks once.

Called by the target's workflow with a task token, for each segment, again after each reconcile period, and at any time
twice: what is done already is found in the record and not done again. The token is completed here only when the answer
is known; otherwise `command_status` completes it when SSM reports.
"""

from typing import Any, assert_never

from functions.aws import tokens, weather
from functions.core.records import Deployment, Target
from functions.core.rollout.steps import Adopt, Allow, Block, End, Read, Send, StepResult, StepSignal, Wait, next_step
from functions.engine import segments
from functions.store import deployments, targets
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
@weather.not_a_failure
def handler(event: dict[str, Any], context: Any) -> None:
    deployment_id, target_id = event["deployment_id"], event["target_id"]
    logger.append_keys(deployment_id=deployment_id, target_id=target_id)
    deployment, target = deployments.get(deployment_id), targets.get(deployment_id, target_id)
    if deployment is None or target is None:
        raise LookupError(f"no record of target {target_id} in {deployment_id}")
    try:
        told = _run(deployment, target, event["task_token"])
    except Exception as error:
        if not weather.passes(error):
            raise
        logger.warning("AWS is busy: the target asks again later", error=repr(error))
        told = StepSignal.WAIT
    if told:
        tokens.succeed(event["task_token"], segments.answer(told))


def _run(deployment: Deployment, target: Target, token: str) -> StepResult | None:
    """What the waiting state is told, None while the command runs."""
    decision = next_step(target, deployment.counters, deployment.stop)
    match decision:
        case Send():
            return segments.send(deployment, target, decision, token)
        case Adopt():
            return segments.adopt(deployment, target, decision, token)
        case Read():
            return segments.read(target, decision, token)
        case Block() | Allow():
            raise NotImplementedError("Prepare refuses a deployment with load balancers (functions/engine/begin.py)")
        case Wait():
            return StepSignal.WAIT
        case End():
            return decision.status
    assert_never(decision)

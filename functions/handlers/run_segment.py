"""RunSegment: one target, one segment. Asks the gate, sends the command once, keeps the token, looks once.

Called by the target's workflow with a task token, again after each reconcile period, and at any time twice: what is
done already is found in the record and not done again. The token is completed here only when the answer is known;
otherwise `command_status` completes it when SSM reports.
"""

from typing import Any

from functions.aws import tokens
from functions.core.gate import Answer, ask
from functions.core.records import Deployment, Target
from functions.core.statuses import TargetStatus
from functions.engine import segments
from functions.store import deployments, targets
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:
    deployment_id, target_id = event["deployment_id"], event["target_id"]
    logger.append_keys(deployment_id=deployment_id, target_id=target_id)
    deployment, target = deployments.get(deployment_id), targets.get(deployment_id, target_id)
    if deployment is None or target is None:
        raise LookupError(f"no record of target {target_id} in {deployment_id}")
    status = _run(deployment, target, event["segment"], event["task_token"])
    if status:
        tokens.succeed(event["task_token"], {"status": status})


def _run(deployment: Deployment, target: Target, segment: int, token: str) -> str | None:
    """What the waiting state is told, None while the command runs."""
    run = target.segments.get(str(segment))
    if run and run.status:
        return run.status
    if target.status.is_final:
        return target.status
    if run and run.command_id:
        return segments.reconcile(target, segment, run.command_id, token)
    if target.status is TargetStatus.PENDING:
        answer = _ask_gate(deployment, target)
        if answer is not Answer.GO:
            return TargetStatus.SKIPPED if answer is Answer.SKIP else answer
        return segments.send(deployment, target, segment, token)
    return segments.resume(deployment, target, segment, token)


def _ask_gate(deployment: Deployment, target: Target) -> Answer:
    """Ask, then write: only the write lets the target go. One that lost it asks again later."""
    from functions.aws.clock import timestamp

    answer = ask(deployment.counters, stopping=deployment.stop is not None)
    if answer is Answer.GO and not targets.take_out_of_service(target, timestamp()):
        return Answer.WAIT
    return answer

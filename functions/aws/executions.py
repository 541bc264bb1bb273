"""Executions: a deployment's is named by its id, so that it starts once, however often it is asked for."""

import json
from dataclasses import dataclass

from functions.aws.clients import client
from functions.core.messages.engine_errors import EngineError
from functions.settings import settings
from functions.telemetry import logger

RUNNING = "RUNNING"
_PAGE = 1000  # of ListExecutions


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An execution as Step Functions shows it: `status` is RUNNING, or how it ended."""

    status: str
    error: str | None = None
    cause: str | None = None

    @property
    def is_over(self) -> bool:
        return self.status not in (RUNNING, "PENDING_REDRIVE")


def start(deployment_id: str, target_id: str | None = None) -> None:
    """Start the deployment's execution; nothing happens when it was started before. `target_id`: of a deployment to one
    target alone."""
    stepfunctions = client("stepfunctions")
    try:
        stepfunctions.start_execution(
            stateMachineArn=settings().state_machine_arn,
            name=deployment_id,
            input=json.dumps({"deployment_id": deployment_id, **({"target_id": target_id} if target_id else {})}),
        )
    except stepfunctions.exceptions.ExecutionAlreadyExists:
        logger.info("already started", deployment_id=deployment_id)


def find(deployment_id: str) -> Execution | None:
    """The deployment's execution; None when there is none, or its history is gone (90 days after its end).

    Step Functions shows it a little late: one that has just started may not be there yet.
    """
    stepfunctions = client("stepfunctions")
    machine = settings().state_machine_arn
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{deployment_id}"
    try:
        shown = stepfunctions.describe_execution(executionArn=arn)
    except stepfunctions.exceptions.ExecutionDoesNotExist:
        return None
    return Execution(status=shown["status"], error=shown.get("error"), cause=shown.get("cause"))


def running() -> set[str]:
    """The ids of all deployments whose execution runs: one request for a thousand."""
    pages = (
        client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(
            stateMachineArn=settings().state_machine_arn,
            statusFilter=RUNNING,
            PaginationConfig={"PageSize": _PAGE},
        )
    )
    return {execution["name"] for page in pages for execution in page["executions"]}


def words(deployment_id: str, execution: Execution | None) -> str:
    """What the deployment's message says of how its execution ended; AWS's own text is for the log."""
    if execution is None:
        return "The execution of the deployment does not exist."
    said = f"The execution of the deployment ended {execution.status}."
    if not execution.error:
        return said
    logger.error("the execution failed", deployment_id=deployment_id, error=execution.error, cause=execution.cause)
    return f"{said} {EngineError(name=execution.error, text=execution.cause or '').told(deployment_id)}"

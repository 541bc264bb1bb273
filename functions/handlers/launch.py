"""launch: a deployment became Created; its execution starts.

Called with the table's stream, filtered on that status: so whoever creates a deployment (an upload, a person, a
rollback, the end of the one before it) only writes a record. The execution has the deployment's id as its name, so a
repeat finds it running and starts nothing.
"""

import json
from typing import Any

from functions.aws.clients import client
from functions.aws.items import from_wire
from functions.settings import settings
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    for record in event["Records"]:
        try:
            _start(from_wire(record["dynamodb"]["NewImage"])["deployment_id"])
        except Exception:
            logger.exception("execution not started", sequence=record["dynamodb"]["SequenceNumber"])
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}


def _start(deployment_id: str) -> None:
    stepfunctions = client("stepfunctions")
    try:
        stepfunctions.start_execution(
            stateMachineArn=settings().state_machine_arn,
            name=deployment_id,
            input=json.dumps({"deployment_id": deployment_id}),
        )
    except stepfunctions.exceptions.ExecutionAlreadyExists:
        logger.info("already started", deployment_id=deployment_id)

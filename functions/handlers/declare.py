"""declare: CloudFormation creates, updates or deletes the resource that stands for deployments.yaml.

Applies the declaration (Declaration, packed) to the table; TopicArn is the engine's own topic, TargetGroupArns are of
the target groups that the same app makes, by the names of the file. Then the index of the guarded groups is brought up
to date (GuardIndex makes a new form of it an update). A second call writes nothing. Deleting keeps everything: history
outlives the stack. CloudFormation always gets an answer, because without one it waits for an hour.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import cloudformation
from functions.core.declaration import Declaration
from functions.core.text.packing import unpack
from functions.core.text.shapes import from_plain
from functions.engine import declare
from functions.store import guards
from functions.telemetry import logger

_RESOURCE_ID = "stepdeploy-declaration"  # never another one, or CloudFormation would delete the old one


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Raises nothing that concerns the declaration: a failure is CloudFormation's to show."""
    error = None
    try:
        if event["RequestType"] != "Delete":
            _apply(event["ResourceProperties"])
    except Exception as caught:
        logger.exception("the declaration was not applied")
        error = f"deployments.yaml was not applied: {type(caught).__name__}: {caught}"
    cloudformation.answer(event, _RESOURCE_ID, error=error)


def _apply(properties: dict[str, Any]) -> None:
    declaration = from_plain(Declaration, unpack(properties["Declaration"]))
    declaration = declaration.with_target_groups(properties.get("TargetGroupArns", {}))
    written = declare.apply(declaration.with_engine_topic(properties["TopicArn"]))
    logger.info("the declaration is applied", written=written, guards=guards.rebuild())

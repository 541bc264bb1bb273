"""set_up: CloudFormation asks for what it cannot do itself to let hosts trust the engine, one resource type for each.

Custom::PublicKey (KeyArn) has the attributes Modulus and Exponent of the signing key. Custom::Runner (Sha256) puts the
runner into the revision bucket. Custom::DocumentVersion (Name; its other properties make a change of the document an
update) has the attributes Version and Hash of the newest version. Deleting keeps everything: commands in flight may
need it. CloudFormation always gets an answer, because without one it waits for an hour.
"""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import cloudformation, kms, runner
from functions.aws.fleet import ssm
from functions.telemetry import logger


def _public_key(properties: dict[str, str]) -> dict[str, str]:
    key = kms.public_key(properties["KeyArn"])
    return {"Modulus": key.modulus, "Exponent": key.exponent}


def _runner(properties: dict[str, str]) -> dict[str, str]:
    runner.publish(properties["Sha256"])
    return {}


def _document_version(properties: dict[str, str]) -> dict[str, str]:
    version, digest = ssm.latest_document(properties["Name"])
    return {"Version": version, "Hash": digest}


_RESOURCES: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "Custom::PublicKey": _public_key,
    "Custom::Runner": _runner,
    "Custom::DocumentVersion": _document_version,
}


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Raises nothing that concerns the resource: a failure is CloudFormation's to show."""
    name, error, data = event["ResourceType"].removeprefix("Custom::"), None, {}
    try:
        if event["RequestType"] != "Delete":
            data = _RESOURCES[event["ResourceType"]](event["ResourceProperties"])
    except Exception as caught:
        logger.exception("a resource was not set up")
        error = f"{name} was not set up: {type(caught).__name__}: {caught}"
    # Always the same id for a type, or CloudFormation would delete the old resource.
    cloudformation.answer(event, f"stepdeploy-{name}", error=error, data=data)

"""register: CloudFormation creates, updates or deletes a resource of a user's stack that stepdeploy.cdk made.

Properties: Version of this contract, and the names and the content by the resource's type (`_RESOURCES`); Group and
Config are JSON with the keys of deployments.yaml. A resource is known by its stack and its logical id: it changes and
deletes what it registered itself, nothing else. Names that change make another physical id, so CloudFormation deletes
the old one afterwards. CloudFormation always gets an answer, because without one it waits until its time-out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import cloudformation
from functions.core.declaration.registrants import Registrant
from functions.core.errors import InvalidInput
from functions.engine import register
from functions.settings import settings
from functions.telemetry import logger

VERSION = "1"


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Raises nothing that concerns the resource: a failure is CloudFormation's to show."""
    error, physical_id = None, event.get("PhysicalResourceId", event["LogicalResourceId"])
    try:
        physical_id = _handle(event)
    except InvalidInput as refused:
        logger.warning("refused", error=str(refused))
        error = str(refused)
    except Exception as caught:
        logger.exception("the resource was not registered")
        error = f"stepdeploy could not do this: {type(caught).__name__}: {caught}"
    cloudformation.answer(event, physical_id, error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resource:
    """How a type of resource is registered."""

    names: tuple[str, ...]  # the properties by which it is known
    put: Callable[..., None]  # takes its names, its content if it has any, and the registrant
    remove: Callable[..., None]  # takes its names and the registrant
    content: str | None = None  # the property that has it
    check_removable: Callable[..., None] | None = None  # before names change: CloudFormation ignores a failure later


def _put_group(application: str, name: str, text: str, by: Registrant) -> None:
    register.group(application, name, text, by, topics=settings().topic_arns)


_RESOURCES = {
    "Custom::StepDeployApplication": _Resource(
        names=("ApplicationName",),
        put=register.application,
        remove=register.release_application,
    ),
    "Custom::StepDeployDeploymentGroup": _Resource(
        names=("ApplicationName", "DeploymentGroupName"),
        content="Group",
        put=_put_group,
        remove=register.remove_group,
        check_removable=register.check_idle,
    ),
    "Custom::StepDeployDeploymentConfig": _Resource(
        names=("DeploymentConfigName",),
        content="Config",
        put=register.config,
        remove=register.remove_config,
    ),
}


def _handle(event: dict[str, Any]) -> str:
    """The physical id. Raises InvalidInput."""
    by, properties = Registrant(event["StackId"], event["LogicalResourceId"]), event["ResourceProperties"]
    resource = _RESOURCES.get(event["ResourceType"])
    if resource is None or properties.get("Version") != VERSION:
        what = f"{event['ResourceType']}, Version {properties.get('Version')}: this engine knows Version {VERSION}"
        raise InvalidInput(f"{what} of {', '.join(_RESOURCES)}: deploy the engine and stepdeploy.cdk of one version")
    names = [str(properties[each]) for each in resource.names]
    if event["RequestType"] == "Delete":
        resource.remove(*names, by)
        return str(event["PhysicalResourceId"])
    if event["RequestType"] == "Update" and resource.check_removable:
        before = [event["OldResourceProperties"][each] for each in resource.names]
        if before != names:
            resource.check_removable(*before)
    content = [properties[resource.content]] if resource.content else []
    resource.put(*names, *content, by)
    return "/".join(names)

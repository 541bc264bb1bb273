"""What a stack of a user has left behind (`RemovalPolicy.RETAIN`): no resource changes it any more, so another may.

CloudFormation decides. What a stack still has is the stack's, and so is what CloudFormation does not tell. A resource
that has left its stack does not come back; a new one of the same logical id finds that somebody else is the owner now.
"""

from functions.aws import cloudformation
from functions.core.declaration.registrants import Registrant
from functions.core.records import Application, CustomConfig, Group
from functions.telemetry import logger


def is_abandoned(record: Application | Group | CustomConfig) -> bool:
    """Whether the resource that registered it has left its stack."""
    if not record.registered_by:
        return False
    by = Registrant.parse(record.registered_by)
    if not cloudformation.has_left(by.stack_id, by.logical_id):
        return False
    logger.info("left behind by a stack", record=record.name, registered_by=record.registered_by)
    return True

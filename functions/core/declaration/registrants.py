"""Who alone changes an application, a group or a configuration: deployments.yaml, or a resource of a user's stack."""

from dataclasses import dataclass

from functions.core.records import Application, CustomConfig, Group


@dataclass(frozen=True, slots=True)
class Registrant:
    """A resource of a CloudFormation stack. Records have it as a text, in `registered_by`."""

    stack_id: str  # the stack's ARN: another stack of the same name is another registrant
    logical_id: str

    def __str__(self) -> str:
        return f"{self.stack_id}#{self.logical_id}"

    @staticmethod
    def parse(registered_by: str) -> "Registrant":
        """
        >>> Registrant.parse("arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/0a1b2c3d#Group").logical_id
        'Group'
        """
        stack, _, resource = registered_by.partition("#")
        return Registrant(stack, resource)


def stack_id(registered_by: str) -> str:
    """The stack's ARN."""
    return Registrant.parse(registered_by).stack_id


def stack_name(registered_by: str) -> str:
    """
    >>> stack_name("arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/0a1b2c3d#Group")
    'shop'
    """
    return stack_id(registered_by).split("/")[1]


def owner(record: Application | Group | CustomConfig) -> str | None:
    """Where it is changed, as the end of a sentence. None: by requests."""
    if record.registered_by:
        return f"is registered by the CloudFormation stack {stack_name(record.registered_by)}: change it there"
    if record.declared:
        return "is declared in deployments.yaml: change it there and run cdk deploy"
    return None

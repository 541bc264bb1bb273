"""An application: a name for deployment groups and revisions that belong together."""

from typing import Protocol

from aws_cdk import Arn, ArnFormat
from constructs import Construct

from stepdeploy.cdk.registration import arn, made_name, register


class IServerApplication(Protocol):
    """One of this stack, or one that is there."""

    @property
    def application_name(self) -> str: ...


class _Named(Construct):
    """An application by its name."""

    def __init__(self, scope: Construct, id: str, name: str | None) -> None:
        super().__init__(scope, id)
        self._name = name or made_name(self)

    @property
    def application_name(self) -> str:
        return self._name

    @property
    def application_arn(self) -> str:
        return arn(self, "application", self._name)


class ServerApplication(_Named):
    """Registers an application. When the stack is deleted it stays on record, as its deployments do."""

    def __init__(self, scope: Construct, id: str, *, application_name: str | None = None) -> None:
        """
        :param application_name: The name; default: one that the construct's place in the app makes.
        """
        super().__init__(scope, id, application_name)
        register(self, "Application", ApplicationName=self._name)

    @staticmethod
    def from_server_application_name(scope: Construct, id: str, server_application_name: str) -> IServerApplication:
        """One that deployments.yaml, another stack or a request has made."""
        return _Named(scope, id, server_application_name)

    @staticmethod
    def from_server_application_arn(scope: Construct, id: str, server_application_arn: str) -> IServerApplication:
        """The same by its ARN, whose account and Region have to be the stack's."""
        parts = Arn.split(server_application_arn, ArnFormat.COLON_RESOURCE_NAME)
        return _Named(scope, id, parts.resource_name or "")

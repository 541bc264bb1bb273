"""The engine of an account, as the command line reaches it: by its control API, and by the stack's outputs.

Where the API is: `STEPDEPLOY_ENDPOINT`, else the output `ApiEndpoint` of the CloudFormation stack `STEPDEPLOY_STACK`
(default: stepdeploy).
"""

import os
from functools import cached_property
from typing import Any

import click

from cli.exits import Exit

STACK = "stepdeploy"
_FORBIDDEN = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"}


class Refusal(click.ClickException):
    """What the engine or AWS refused."""

    exit_code = Exit.REFUSED


class Engine:
    """One engine. Clients are made when they are needed, from the usual configuration of AWS (profile, region, ...)."""

    @cached_property
    def session(self) -> Any:
        import boto3
        from botocore.session import get_session

        from cli.account.service_model import Models

        session = get_session()
        data = session.get_component("data_loader")
        session.register_component("data_loader", Models(data.search_paths))
        return boto3.Session(botocore_session=session)

    @cached_property
    def api(self) -> Any:
        """The control API as a client of botocore, with stepdeploy's own operations and members."""
        return self.client("stepdeploy", endpoint_url=self.endpoint)

    @cached_property
    def endpoint(self) -> str:
        return os.environ.get("STEPDEPLOY_ENDPOINT") or self.output("ApiEndpoint")

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stack. Raises Refusal when there is no such stack."""
        from botocore.exceptions import ClientError

        name = os.environ.get("STEPDEPLOY_STACK", STACK)
        try:
            found = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            where = self.session.region_name
            remedy = "deploy it with `cdk deploy`, or set STEPDEPLOY_STACK (another stack) or STEPDEPLOY_ENDPOINT"
            raise Refusal(f"there is no stack {name!r} in {where}: {remedy}") from error
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}

    def output(self, name: str) -> str:
        """One output of the stack. Raises Refusal when it has none of that name."""
        if name not in self.outputs:
            raise Refusal(f"the stack has no output {name}: update it with `cdk deploy`")
        return self.outputs[name]

    def client(self, service: str, **how: Any) -> Any:
        return self.session.client(service, **how)


def is_forbidden(error: Exception) -> bool:
    """Whether AWS says that these credentials may not."""
    from botocore.exceptions import ClientError

    return isinstance(error, ClientError) and error.response["Error"]["Code"] in _FORBIDDEN


def refused(error: Exception) -> Refusal:
    """What a person reads of botocore's exceptions: the exception's name and its text, or how to get credentials."""
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

    match error:
        case ClientError():
            told = error.response["Error"]
            return Refusal(f"{told.get('Code')}: {told.get('Message') or error}")
        case NoCredentialsError():
            return Refusal(f"{error}: log in with `aws configure` or `aws sso login`, or set AWS_PROFILE")
        case NoRegionError():
            return Refusal(f"{error} Set AWS_REGION, or a region in your profile.")
        case _:
            return Refusal(str(error))

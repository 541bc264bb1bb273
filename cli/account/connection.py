"""The engine of an account, as the command line reaches it: by its control API, and by the stack's outputs.

Where the API is: `STEPDEPLOY_ENDPOINT`, else the output `ApiEndpoint` of the CloudFormation stack `STEPDEPLOY_STACK`
(default: stepdeploy).
"""

import os
from collections.abc import Callable
from functools import cached_property
from threading import RLock
from typing import Any, TypeVar

import click

from cli.exits import Exit

_Answer = TypeVar("_Answer")
STACK = "stepdeploy"
_FORBIDDEN = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_BY_GATEWAY = "403"  # API Gateway's refusal, before the engine has seen the request: it has no code
_HINTS = {
    "ApplicationDoesNotExistException": "see the groups: stepdeploy groups",
    "DeploymentGroupDoesNotExistException": "see the groups: stepdeploy groups",
    "DeploymentDoesNotExistException": "see the deployments: stepdeploy list",
}


class Refusal(click.ClickException):
    """What the engine or AWS refused."""

    exit_code = Exit.REFUSED

    def __init__(self, message: str, code: str = "Refused") -> None:
        super().__init__(message)
        self.code = code


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

    @property
    def stack_name(self) -> str:
        return os.environ.get("STEPDEPLOY_STACK", STACK)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stack. Raises Refusal when there is no such stack."""
        from botocore.exceptions import ClientError

        name = self.stack_name
        try:
            found = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            where = self.session.region_name
            remedy = (
                "deploy it with `cdk deploy`, or name another one: --stack, STEPDEPLOY_STACK or STEPDEPLOY_ENDPOINT"
            )
            raise Refusal(f"there is no stack {name!r} in {where}: {remedy}") from error
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}

    def output(self, name: str) -> str:
        """One output of the stack. Raises Refusal when it has none of that name."""
        if name not in self.outputs:
            raise Refusal(f"the stack has no output {name}: update it with `cdk deploy`")
        return self.outputs[name]

    @cached_property
    def _making(self) -> RLock:
        return RLock()

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def client(self, service: str, **how: Any) -> Any:
        """The client of a service, which takes long to make: one is kept, and each that is set otherwise is new."""
        with self._making:  # which a session does for one thread at a time
            if how:
                return self.session.client(service, **how)
            if service not in self._clients:
                self._clients[service] = self.session.client(service)
            return self._clients[service]


def is_forbidden(error: Exception) -> bool:
    """Whether AWS says that these credentials may not."""
    from botocore.exceptions import ClientError

    return isinstance(error, ClientError) and error.response["Error"]["Code"] in _FORBIDDEN


def if_allowed(ask: Callable[[], _Answer], otherwise: _Answer) -> _Answer:
    """What is asked for; `otherwise` where these credentials may not see it."""
    from botocore.exceptions import ClientError

    try:
        return ask()
    except ClientError as error:
        if not is_forbidden(error):
            raise
        return otherwise


def is_logged_out(error: Exception) -> bool:
    """Whether there are no credentials, or none that are still good."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return error.response["Error"]["Code"] in _EXPIRED
    return isinstance(error, exceptions.NoCredentialsError | exceptions.SSOError | exceptions.TokenRetrievalError)


def refused(error: Exception) -> Refusal:
    """What a person reads of botocore's exceptions: the exception's name and its text, or how to get credentials."""
    from botocore import exceptions
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

    match error:
        case ClientError():
            return _answered(error.response["Error"], error.operation_name, error)
        case exceptions.ProfileNotFound():
            return Refusal(f"{error}: {_profiles()}")
        case exceptions.SSOError() | exceptions.TokenRetrievalError():
            return Refusal(f"{error} {_login()}")
        case NoCredentialsError():
            return Refusal(f"{error}: log in with `aws configure` or `aws sso login`, or set AWS_PROFILE")
        case NoRegionError():
            return Refusal(f"{error} Set AWS_REGION, or a region in your profile.")
        case _:
            return Refusal(str(error))


def _answered(told: Any, operation: str, error: Exception) -> Refusal:
    """What AWS or the engine answered, and a way on."""
    code = str(told.get("Code"))
    what = f"{code}: {told.get('Message') or error}"
    if code == _BY_GATEWAY:
        needed = f"{operation} needs execute-api:Invoke on .../POST/{operation} (docs/api-policies.md)"
        return Refusal(f"not allowed: {needed}{_who()}", code)
    if code in _EXPIRED:
        return Refusal(f"{what} {_login()}", code)
    if code in _FORBIDDEN:
        return Refusal(f"{what}{_who()}", code)
    return Refusal(f"{what}; {_HINTS[code]}" if code in _HINTS else what, code)


def _who() -> str:
    """Who these credentials are; nothing where nobody says so."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return f"; you are {Engine().client('sts').get_caller_identity()['Arn']}"
    except (BotoCoreError, ClientError):
        return ""


def _login() -> str:
    profile = os.environ.get("AWS_PROFILE")
    return f"Log in again: aws sso login{f' --profile {profile}' if profile else ''}"


def _profiles() -> str:
    from botocore.session import Session

    known = Session(profile="default").full_config.get("profiles", {})
    return f"known are {', '.join(sorted(known))}" if known else "no profile is set up: aws configure"

"""The engine's functions by their names, and the custom resources by which a stack registers what it declares."""

from aws_cdk import ArnFormat, CustomResource, Duration, Names, Stack
from constructs import Construct

ENGINE = "stepdeploy:stackName"  # the context key that names the engine's stack, where it is not called stepdeploy
MAX_NAME = 100  # characters of an application, a group or a configuration
_VERSION = "1"  # of the contract with the engine's function `register`


def function_name(scope: Construct, function: str) -> str:
    """What a function of the engine is called."""
    engine = scope.node.try_get_context(ENGINE) or "stepdeploy"
    return f"{engine}-{function}"


def function_arn(scope: Construct, function: str) -> str:
    """Of a function of the engine, in the account and Region of the stack."""
    return Stack.of(scope).format_arn(
        service="lambda",
        resource="function",
        resource_name=function_name(scope, function),
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def register(scope: Construct, kind: str, **properties: str) -> CustomResource:
    """The resource. Its service token is the engine's function `register`."""
    return CustomResource(
        scope,
        "Resource",
        resource_type=f"Custom::StepDeploy{kind}",
        service_token=function_arn(scope, "register"),
        service_timeout=Duration.minutes(5),
        properties={"Version": _VERSION, **properties},
    )


def made_name(scope: Construct, *, suffix: str = "") -> str:
    """A name for what the user gave none: of its place in the app, so it stays the same from synth to synth."""
    name = Names.unique_resource_name(
        scope, max_length=MAX_NAME - len(suffix), separator="-", allowed_special_characters="-"
    )
    return f"{name}{suffix}"


def arn(scope: Construct, resource: str, name: str) -> str:
    """As CodeDeploy spells it."""
    return Stack.of(scope).format_arn(
        service="codedeploy", resource=resource, resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )

"""The grants of each function, beside the calls that its code made while all tests ran, and what Lambda itself needs.

A call without a grant is a function that fails in an account; a grant without a call is a right that nothing needs.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.checks.nag import spelled
from infra.checks.permissions import grants, readable
from tests.calls.recording import Call, function_name

# What Lambda calls with a function's role. Sources: AWS Lambda Developer Guide, "Using Lambda with DynamoDB" and "with
# Amazon SQS" (execution role permissions), "Capturing records of invocations", "Visualize invocations using X-Ray",
# "Sending Lambda function logs to CloudWatch Logs".
_READ_STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
_READ_QUEUE = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
_TRACE = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")
_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of the template: what its environment holds, and what Lambda calls for it."""

    environment: Mapping[str, str]
    by_lambda: frozenset[tuple[str, str]]  # action and resource


def functions(template: Mapping[str, Any]) -> dict[str, Function]:
    """By name."""
    resources: Mapping[str, Any] = template["Resources"]
    found = {}
    for logical_id, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Function":
            properties = resource["Properties"]
            variables = properties["Environment"]["Variables"]
            found[function_name(properties["Handler"].split(".")[-2])] = Function(
                environment={name: readable(spelled(value)) for name, value in variables.items()},
                by_lambda=frozenset(_by_lambda(logical_id, properties, resources)),
            )
    return found


def _by_lambda(
    logical_id: str, properties: Mapping[str, Any], resources: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    log_group = readable(f"<{properties['LoggingConfig']['LogGroup']['Ref']}.Arn>")
    yield from ((action, log_group) for action in _LOG)
    if properties.get("TracingConfig") == {"Mode": "Active"}:
        yield from ((action, "*") for action in _TRACE)
    for resource in resources.values():
        more = resource.get("Properties", {})
        if more.get("FunctionName") != {"Ref": logical_id}:
            continue
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            source = readable(spelled(more["EventSourceArn"]))
            if source.endswith(".StreamArn>"):
                yield from ((action, source) for action in _READ_STREAM)
                yield "dynamodb:ListStreams", "*"
            else:
                yield from ((action, source) for action in _READ_QUEUE)
        if failed := more.get("DestinationConfig", {}).get("OnFailure"):
            yield "sqs:SendMessage", readable(spelled(failed["Destination"]))


def differences(template: Mapping[str, Any], calls: Iterable[Call]) -> list[str]:
    """A sentence for each call without a grant, and for each grant without a call."""
    granted: dict[str, dict[tuple[str, str], bool]] = {}  # by function: action and resource, and whether it is needed
    for grant in grants(template):
        granted.setdefault(grant.role, {}).update({(action, grant.resource): False for action in grant.actions})
    missing = set()
    for name, function in functions(template).items():
        own = granted.setdefault(name, {})
        for action, resource in function.by_lambda:
            if (action, resource) in own:
                own[action, resource] = True
            else:
                missing.add(f"{name} may not {action} on {resource}, which Lambda calls for it: grant it.")
        for call in sorted(set(calls)):
            if call.function != name:
                continue
            resource = _resolved(call.resource, function.environment)
            fitting = [key for key in own if key[0] == call.action and _fits(resource, key[1])]
            own.update(dict.fromkeys(fitting, True))
            if not fitting:
                where = f" on {_kind(resource)}" if resource else ""
                missing.add(f"{name} may not {call.action}{where}, which its code calls: grant it in infra/.")
    superfluous = {
        f"{name} may {action} on {resource}, which nothing calls: remove the grant, or test the code that needs it."
        for name, own in granted.items()
        for (action, resource), needed in own.items()
        if not needed and name not in ("Machine", "Schedule")  # of Step Functions and the Scheduler themselves
    }
    return sorted(missing | superfluous)


def _resolved(resource: str, environment: Mapping[str, str]) -> str:
    """As a grant spells it. A variable that the function does not have stays, and fits no grant."""
    text = re.sub(r"\$\{(\w+)\}", lambda found: environment.get(found[1], found[0]), resource)
    text = readable(text)
    # A name that is a reference to a resource of the stack: grants have that resource's ARN.
    return re.sub(r"^\w+ (?:[\w-]+/)?<(\w+)>", r"<\1.Arn>", text)


def _fits(resource: str, granted: str) -> bool:
    return not resource or bool(re.fullmatch(re.escape(granted).replace(r"\*", ".*"), resource))


def _kind(resource: str) -> str:
    """An id of some test says less than what it is an id of."""
    return re.sub(r"(?<=instance/)m?i-\w+", "*", resource)

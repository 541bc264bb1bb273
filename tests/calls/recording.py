"""Which AWS calls each function makes while tests run, written down as the IAM actions that AWS authorizes.

Every botocore client of the process is watched. A call counts for the function whose handler runs where it is made: in
pytest as tests/conftest.py says, in the local cloud's workers as in_functions/sitecustomize.py says. `python -m
tests.calls` compares what was written down with the template's grants.

This file is also loaded alone, by its path, into a function's process: it imports nothing of the repository.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextvars import Context, ContextVar
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).resolve().parents[2] / "build" / "calls"  # `make test` empties it
running: ContextVar[str | None] = ContextVar("running", default=None)  # the function whose handler runs here
process: str | None = None  # the function that has this process to itself

LENT = "md/credentials#lent"  # functions.aws.clients.LENT, which a test compares

# Source: Service Authorization Reference. What is not here is authorized as `<service>:<Operation>`.
_PREFIXES = {"monitoring": "cloudwatch"}  # by name in a signature
_SAME_AS = {
    "sns:PublishBatch": "sns:Publish",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "s3:HeadObject": "s3:GetObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
}
_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


class Call(NamedTuple):
    """What IAM authorizes. `resource` is spelled as infra.checks.permissions spells a grant's, but what the function
    knows from its environment is that variable, `${TABLE_NAME}`; "" where the request does not tell."""

    function: str
    action: str
    resource: str


def needs(service: str, operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Actions and resources of one request; `service` is the name in its signature."""
    prefix = _PREFIXES.get(service, service)
    action = _SAME_AS.get(f"{prefix}:{operation}", f"{prefix}:{operation}")
    match prefix:
        case "dynamodb":
            yield from _dynamodb(operation, request)
        case "s3":
            if action == "s3:GetObject" and request.get("VersionId"):
                action = "s3:GetObjectVersion"  # instead of s3:GetObject, not besides
            yield action, _object(request)
        case "ssm" if operation == "SendCommand":
            yield action, f"ssm document/{_known(request['DocumentName'], 'DOCUMENT_NAME')}"
            for each in request["InstanceIds"]:
                yield action, f"{'ssm managed-instance' if each.startswith('mi-') else 'ec2 instance'}/{each}"
        case "sqs":
            yield action, f"sqs {_known(request['QueueUrl'], 'QUEUE_URL')}"
        case "events":
            for bus in sorted({entry["EventBusName"] for entry in request["Entries"]}):
                yield action, f"events event-bus/{_known(bus, 'BUS_NAME')}"
        case "secretsmanager":
            yield action, _known(request["SecretId"], "SECRET_ARN")
        case "scheduler":
            yield action, ""
            yield "iam:PassRole", ""  # the role by which the schedule sends
        case "states" if "stateMachineArn" in request:
            yield action, _known(request["stateMachineArn"], "STATE_MACHINE_ARN")
        case _:
            yield action, ""


def _dynamodb(operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if operation == "TransactWriteItems":
        for write in request["TransactItems"]:
            for kind, item in write.items():
                yield f"dynamodb:{_WRITES[kind]}", _table(item["TableName"])
    elif operation == "BatchExecuteStatement":
        for each in request["Statements"]:
            verb, _, name, *_ = each["Statement"].split(" ")
            yield f"dynamodb:PartiQL{verb.capitalize()}", _table(name.strip('"'))
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for name in request["RequestItems"]:
            yield f"dynamodb:{operation}", _table(name)
    else:
        index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
        yield f"dynamodb:{operation}", _table(request["TableName"]) + index


def _table(name: str) -> str:
    return f"dynamodb table/{_known(name, 'TABLE_NAME')}"


def _object(request: Mapping[str, Any]) -> str:
    bucket = _bucket(request)
    return f"{bucket}/{_known(request['Key'], '_KEY')}" if bucket else ""


def _bucket(request: Mapping[str, Any]) -> str:
    """ "" for a bucket that the function knows from its event."""
    bucket = _known(request["Bucket"], "BUCKET_NAME", "_BUCKET")
    return f"s3 {bucket}" if bucket.startswith("$") else ""


def _known(value: str, *endings: str) -> str:
    """The environment's variable with one of these endings that has the value, or the value itself."""
    for ending in endings:
        if os.environ.get(ending) == value:
            return f"${{{ending}}}"
    for name, each in sorted(os.environ.items()):
        if each == value and name.endswith(endings):
            return f"${{{name}}}"
    return value


_seen: set[Call] = set()


def note(service: str, operation: str, request: Mapping[str, Any]) -> None:
    """A request of the function that runs here, if one does."""
    if function := running.get() or process:
        for action, resource in needs(service, operation, request):
            _write(Call(function, action, resource))


def _write(call: Call) -> None:
    """At once: a function's process ends without a word."""
    if call in _seen:
        return
    _seen.add(call)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{os.getpid()}.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\n")


def read() -> set[Call]:
    """Everything that was written down."""
    return {Call(*json.loads(line)) for file in FOLDER.glob("*.jsonl") for line in file.read_text().splitlines()}


def function_name(handler: str) -> str:
    """A function by its handler's name, as infra names it.

    >>> function_name("run_segment")
    'RunSegment'
    """
    return "".join(part.capitalize() for part in handler.split("_"))


def outside(act: Callable[[], Any]) -> Any:
    """Does something for the test itself, in the middle of a handler: its calls are no function's."""
    return Context().run(act)


def watch_every_client() -> None:
    """Watch the clients that this process makes from now on."""
    from botocore.handlers import BUILTIN_HANDLERS

    # Presigned requests too pass the first of these, but for POST, of which botocore says only the bucket.
    BUILTIN_HANDLERS.append(("provide-client-params", _on_request))
    BUILTIN_HANDLERS.append(("after-call.s3", _on_answer))
    BUILTIN_HANDLERS.append(("creating-client-class.s3", _on_s3_client))


def _on_request(params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    context["requested"] = params
    if LENT in (getattr(context.get("client_config"), "user_agent_extra", None) or ""):
        return  # by the credentials of somebody else, who has given them: no grant of the function's
    if model.name != "CreateBucket":  # the engine makes none: this is how botocore begins a presigned POST
        note(model.service_model.signing_name, model.name, params)


def note_missing_object(request: Mapping[str, Any]) -> None:
    """S3 says 404 only to those who may list the bucket, and 403 to all others.

    An object that the function knows from its event is there; that one is missing is then no more than a failure.
    """
    if (function := running.get() or process) and (bucket := _bucket(request)):
        _write(Call(function, "s3:ListBucket", bucket))


def _on_answer(parsed: Mapping[str, Any], context: Mapping[str, Any], **_: Any) -> None:
    if (running.get() or process) and parsed["ResponseMetadata"]["HTTPStatusCode"] == 404:
        note_missing_object(context["requested"])


def _on_s3_client(class_attributes: dict[str, Any], **_: Any) -> None:
    presign = class_attributes["generate_presigned_post"]

    def noted(self: Any, Bucket: str, Key: str, **how: Any) -> Any:
        note("s3", "PutObject", {"Bucket": Bucket, "Key": Key})
        return presign(self, Bucket, Key, **how)

    class_attributes["generate_presigned_post"] = noted

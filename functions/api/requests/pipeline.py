"""What CodePipeline asks of a function: a job of the Lambda invoke action, and what its UserParameters want.

Source of the event's shape: CodePipeline User Guide, "Invoke an AWS Lambda function in a pipeline"; API model
2015-07-09 (JobData, Artifact, AWSSessionCredentials).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from functions.api.requests import fields
from functions.aws.code.artifacts import Artifact, Credentials
from functions.core.errors import InvalidInput
from functions.core.limits import SHOWN
from functions.core.new_deployment import Overrides
from functions.core.statuses import OnBusy
from functions.engine.pipeline import Wanted
from functions.engine.starting.create import known_config

FIELDS = ("application", "group", "config", "onBusy", "artifact", "description", "metadata", "stopWithPipeline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What CodePipeline calls the function with."""

    job_id: str
    parameters: str  # UserParameters, as they were written
    artifacts: tuple[Artifact, ...]
    credentials: Credentials
    continuation: str | None  # the deployment for whose end the job before this one has waited


def job(event: Mapping[str, Any]) -> Job:
    """Raises KeyError or TypeError for what is no job."""
    told = event["CodePipeline.job"]
    data = told["data"]
    lent = data["artifactCredentials"]
    return Job(
        job_id=str(told["id"]),
        parameters=str(data["actionConfiguration"]["configuration"].get("UserParameters") or ""),
        artifacts=tuple(
            Artifact(
                name=str(each["name"]),
                bucket=str(each["location"]["s3Location"]["bucketName"]),
                key=str(each["location"]["s3Location"]["objectKey"]),
                revision=each.get("revision") or "",
            )
            for each in data.get("inputArtifacts") or ()
        ),
        credentials=Credentials(
            access_key_id=lent["accessKeyId"],
            secret_access_key=lent["secretAccessKey"],
            session_token=lent.get("sessionToken"),
        ),
        continuation=data.get("continuationToken") or None,
    )


def wanted(job: Job) -> Wanted:
    """The deployment that a job asks for. Raises InvalidInput, which names the field of UserParameters."""
    given = _parameters(job.parameters)
    application, group = fields.needed(given, "application", "group")
    on_busy, config = fields.text(given, "onBusy"), fields.text(given, "config")
    if on_busy and on_busy not in set(OnBusy):
        raise InvalidInput(f"onBusy {on_busy!r}: give one of {', '.join(OnBusy)}")
    return Wanted(
        application=application,
        group=group,
        artifact=_artifact(job, fields.text(given, "artifact")),
        credentials=job.credentials,
        on_busy=OnBusy(on_busy) if on_busy else None,
        description=fields.text(given, "description"),
        metadata=fields.texts(given, "metadata"),
        own=Overrides(config=known_config(config, "config") if config else None),
        stop_with_pipeline=bool(fields.flag(given, "stopWithPipeline")),
    )


def _parameters(text: str) -> dict[str, Any]:
    form = '{"application": "shop", "group": "web"}'
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"UserParameters {text[:SHOWN]!r}: not JSON ({error}); give {form}") from None
    if not isinstance(given, dict):
        raise InvalidInput(f"UserParameters {text[:SHOWN]!r}: must be an object; give {form}")
    for name in given:
        if name not in FIELDS:
            close = get_close_matches(name, FIELDS, 1)
            remedy = f"did you mean {close[0]!r}?" if close else f"the fields are {', '.join(FIELDS)}"
            raise InvalidInput(f"UserParameters: unknown field {name[:SHOWN]!r}: {remedy}")
    return given


def _artifact(job: Job, name: str | None) -> Artifact:
    """The input artifact to deploy: the one that there is, or the one that is named."""
    names = ", ".join(each.name for each in job.artifacts)
    if not job.artifacts:
        raise InvalidInput("the action has no input artifact: name the one to deploy in its inputArtifacts")
    if name is None and len(job.artifacts) > 1:
        raise InvalidInput(f"artifact: missing; the action has several ({names}): name the one to deploy")
    for each in job.artifacts:
        if name in (None, each.name):
            return each
    raise InvalidInput(f"artifact {name!r}: not an input artifact of the action; it has {names}")

"""Custom notifications of Amazon Q Developer, held against the schema that it documents."""

import json
from dataclasses import replace
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from functions.core.messages import announcements
from functions.core.messages.announcements import Announcement
from functions.core.records import Counts, Failure, GroupSettings, Hold, HoldKind, Stage, Trigger
from functions.core.rollout.health import Approval
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, TargetStatus, TriggerEvent, TriggerFormat
from tests.unit.news import DONE, PLACE, deployment, failed_target, target

TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"
TEXT = {"type": "string"}

# Amazon Q Developer in chat applications Administrator Guide, "Custom notifications", "Event schema" and "Parameter
# details" (https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html): what is required, the fixed
# values, and texts, lists of texts and a map of texts for the rest.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "source", "content"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "1.0"},
        "source": {"const": "custom"},
        "id": TEXT,
        "content": {
            "type": "object",
            "required": ["description"],
            "additionalProperties": False,
            "properties": {
                "textType": {"const": "client-markdown"},
                "title": TEXT,
                "description": TEXT,
                "nextSteps": {"type": "array", "items": TEXT},
                "keywords": {"type": "array", "items": TEXT},
            },
        },
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "threadId": TEXT,
                "summary": TEXT,
                "eventType": TEXT,
                "relatedResources": {"type": "array", "items": TEXT},
                "additionalContext": {"type": "object", "additionalProperties": TEXT},
            },
        },
    },
}

BOTH = GroupSettings(
    triggers=(
        Trigger(name="codedeploy", topic_arn=TOPIC, events=tuple(TriggerEvent)),
        Trigger(name="chat", topic_arn=TOPIC, events=tuple(TriggerEvent), format=TriggerFormat.AMAZON_Q),
    )
)
FAILED = Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="curl <!channel> & co on web-1")
READY = {
    "stages": (Stage(name="canary", targets=1, approval=Approval(approvers=("lead",))),),
    "hold": Hold(stage=0, kinds=(HoldKind.APPROVAL,), since="2026-11-23T10:00:00.000Z"),
}


def in_q(announcement: Announcement | None) -> dict[str, Any]:
    """The message of the trigger that asks for Amazon Q's form, as its schema has it."""
    assert announcement
    codedeploy, chat = announcement.messages
    assert "errorInformation" not in json.loads(chat.message) and "version" not in json.loads(codedeploy.message)
    assert (codedeploy.format, chat.format) == (TriggerFormat.CODEDEPLOY, TriggerFormat.AMAZON_Q)
    found: dict[str, Any] = json.loads(chat.message)
    jsonschema.validate(found, SCHEMA)
    return found


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (DeploymentStatus.CREATED, {}),
        (DeploymentStatus.READY, READY),
        (DeploymentStatus.SUCCEEDED, {"counts": Counts(total=2, succeeded=2)}),
        (DeploymentStatus.FAILED, {"failure": FAILED, "counts": DONE}),
        (DeploymentStatus.STOPPED, {"metadata": {"ticket": "x" * 1024}}),
    ],
)
def test_every_announcement_of_a_deployment_has_the_documented_form(
    status: DeploymentStatus, fields: dict[str, Any]
) -> None:
    found = in_q(announcements.of_deployment(deployment(status, settings=BOTH, **fields), PLACE))
    assert found["metadata"]["threadId"] == "d-A1B2C3111"
    assert found["metadata"]["eventType"] == f"Deployment{status}"
    assert found["content"]["keywords"] == ["shop", "web", status]


def test_a_failure_says_why_and_nobody_is_called_by_what_a_host_wrote() -> None:
    found = in_q(
        announcements.of_deployment(
            deployment(DeploymentStatus.FAILED, settings=BOTH, failure=FAILED, counts=DONE), PLACE
        )
    )
    assert "*Why*: curl &lt;!channel&gt; &amp; co on web-1" in found["content"]["description"]
    assert "*Hosts*: 2 succeeded, 1 failed, 1 skipped of 4" in found["content"]["description"]
    assert found["content"]["nextSteps"] == ["`stepdeploy show d-A1B2C3111`"]


def test_an_approval_says_who_and_how() -> None:
    found = in_q(announcements.of_deployment(deployment(DeploymentStatus.READY, settings=BOTH, **READY), PLACE))
    assert "*Approval by*: lead" in found["content"]["description"]
    assert found["content"]["nextSteps"] == ["`stepdeploy approve d-A1B2C3111`"]


@pytest.mark.parametrize("one", [target(TargetStatus.IN_PROGRESS), failed_target()])
def test_an_instance_is_told_in_the_thread_of_its_deployment(one: Any) -> None:
    found = in_q(announcements.of_target(one, deployment(settings=BOTH), PLACE))
    assert found["metadata"]["threadId"] == "d-A1B2C3111"
    assert found["metadata"]["relatedResources"][0] == "arn:aws:ec2:us-east-1:123456789012:instance/i-0a1"


def test_a_trigger_of_codedeploys_form_is_told_the_same_as_before() -> None:
    alone = replace(BOTH, triggers=BOTH.triggers[:1])
    one = deployment(DeploymentStatus.FAILED, failure=FAILED)
    told = announcements.of_deployment(replace(one, settings=alone), PLACE)
    both = announcements.of_deployment(replace(one, settings=BOTH), PLACE)
    assert told and both and told.messages == both.messages[:1]

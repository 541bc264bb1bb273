"""Cards of Microsoft Teams, held against what Microsoft documents of them."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.chat import teams
from functions.core.chat.outcomes import Outcome
from functions.core.failures import shared
from functions.core.messages.announcements import State
from functions.core.records import Failure
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from tests.unit.news import DONE, PLACE, deployment, failed_target

# Microsoft Learn, "Create incoming webhooks with Workflows for Microsoft Teams" (the envelope: a message with one
# attachment, an Adaptive Card) and adaptivecards.io, "Schema Explorer": RichTextBlock with inlines of TextRuns, since
# version 1.2.
RUN: dict[str, Any] = {
    "type": "object",
    "required": ["type", "text"],
    "additionalProperties": False,
    "properties": {
        "type": {"const": "TextRun"},
        "text": {"type": "string"},
        "size": {"enum": ["default", "small", "medium", "large", "extraLarge"]},
        "weight": {"enum": ["default", "lighter", "bolder"]},
        "color": {"enum": ["default", "dark", "light", "accent", "good", "warning", "attention"]},
        "fontType": {"enum": ["default", "monospace"]},
    },
}
CARD: dict[str, Any] = {
    "type": "object",
    "required": ["type", "version", "body"],
    "properties": {
        "type": {"const": "AdaptiveCard"},
        "version": {"pattern": "^1\\.[2-5]$"},
        "body": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["type", "inlines"],
                "additionalProperties": False,
                "properties": {"type": {"const": "RichTextBlock"}, "inlines": {"type": "array", "items": RUN}},
            },
        },
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "attachments"],
    "properties": {
        "type": {"const": "message"},
        "attachments": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "required": ["contentType", "content"],
                "properties": {
                    "contentType": {"const": "application/vnd.microsoft.card.adaptive"},
                    "contentUrl": {"type": "null"},
                    "content": CARD,
                },
            },
        },
    },
}
MAX_BYTES = 28 * 1024  # Microsoft Learn, connectors' reference "Microsoft Teams": "about 28 KB"


def outcome(state: State, status: DeploymentStatus, **fields: Any) -> Outcome:
    one = deployment(status, **{"counts": DONE, "causes": shared([failed_target()]), **fields})
    return Outcome(message_id="m-1", state=state, moment="2026-11-23T10:00:00Z", place=PLACE, deployment=one)


def lines(message: dict[str, Any]) -> list[str]:
    jsonschema.validate(message, SCHEMA)
    assert len(json.dumps(message)) <= MAX_BYTES
    body = message["attachments"][0]["content"]["body"]
    return ["".join(run["text"] for run in each["inlines"]) for each in body]


def test_a_failure_says_what_where_and_why() -> None:
    failure = Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="exit 7")
    told = lines(teams.message(outcome(State.FAILURE, DeploymentStatus.FAILED, failure=failure)))
    assert told[0] == "Deployment failed: shop/web"
    assert "Revision: v2.zip" in told and "Why: exit 7" in told
    assert "web-1 ValidateService: scripts/check.sh ended with exit code 7" in told
    assert told[-1] == "stepdeploy show d-A1B2C3111"


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_the_documented_form(state: State) -> None:
    status = {State.START: "Created", State.SUCCESS: "Succeeded", State.FAILURE: "Failed", State.STOP: "Stopped"}
    assert lines(teams.message(outcome(state, DeploymentStatus(status.get(state, "Ready")))))


@given(text=st.text(max_size=40), times=st.integers(1, 400))
def test_no_text_makes_a_card_too_large_or_another_one(text: str, times: int) -> None:
    long = text * times
    failure = Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message=long)
    metadata = {f"{n}": long[:1024] for n in range(10)}
    told = lines(teams.message(outcome(State.FAILURE, DeploymentStatus.FAILED, failure=failure, metadata=metadata)))
    assert told[-1] == "stepdeploy show d-A1B2C3111"


def test_a_burst_is_one_card() -> None:
    some = [outcome(State.SUCCESS, DeploymentStatus.SUCCEEDED, deployment_id=f"d-{n:09}") for n in range(500)]
    told = lines(teams.digest(some))
    assert told[0] == "500 deployment messages: 500 deployment succeeded"
    assert told[-1].startswith("More is in the record")

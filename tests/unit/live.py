"""Deployments as a bot shows them, from their beginning to their end, with what the shards of their places say."""

from collections.abc import Iterator
from typing import Any

import pytest

from functions.core.failures import shared
from functions.core.records import Counts, Deployment, Failure, PlaceSet, Stage
from functions.core.rollout.health import Approval
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from functions.store.keys import shard_key
from tests.conftest import put_item
from tests.slack_world import SlackWorld, slack_world
from tests.store import Store
from tests.unit.news import deployment, failed_target

STAGES = (
    Stage(name="canary", targets=1, bake_seconds=600, approval=Approval(approvers=("arn:aws:iam::1:role/lead",))),
    Stage(name="rest", targets=3),
)
MENTIONS = {"mentions": {"default": "here", "#shop": "S0614TZR7"}}


@pytest.fixture
def chat(store: Store, services: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackWorld]:
    with slack_world(monkeypatch, {**MENTIONS, "link": "https://runbooks/{application}?d={deployment}"}) as found:
        yield found


def running(**fields: Any) -> Deployment:
    counts = Counts(total=4, max_out_of_service=1)
    given = {"counts": counts, "start_time": "2026-11-23T10:00:00.000Z", "create_time": "2026-11-23T09:59:59.000Z"}
    status = fields.pop("status", DeploymentStatus.IN_PROGRESS)
    places = (PlaceSet(name="d-A1B2C3111", places=1),)
    return deployment(status, **{**given, "places": places, **fields})


def progress(succeeded: int = 0, holders: set[str] = frozenset(), failed: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """What the shards of the deployment say."""
    sets = {name: frozenset(some) for name, some in (("holders", holders | failed), ("failed", failed)) if some}
    put_item({**shard_key("d-A1B2C3111", 0).item, "places": 1, "succeeded": succeeded, **sets})


def ended(status: DeploymentStatus, **fields: Any) -> Deployment:
    given = {"complete_time": "2026-11-23T10:04:00.000Z", "counts": Counts(total=4, succeeded=4, started=4), **fields}
    return running(status=status, **given)


FAILED = Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="ValidateService: exit 7 on web-1")


def failed_deployment(**fields: Any) -> Deployment:
    given = {
        "failure": FAILED,
        "causes": shared([failed_target()]),
        "counts": Counts(total=4, succeeded=2, failed=1, skipped=1, started=3),
        **fields,
    }
    return ended(DeploymentStatus.FAILED, **given)

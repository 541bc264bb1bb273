"""CodePipeline with one action, and the engine that answers it."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.aws import clock
from functions.aws.clients import client
from functions.core.records import Counts, Deployment
from functions.core.statuses import (
    DeploymentStatus,
    TargetStatus,
)
from functions.handlers import find_lost, finish, pipeline_job, publish
from functions.settings import settings
from functions.store.records import deployments, targets
from tests.conftest import BUCKET, LambdaContext, all_items, pending, put_group, stand_in
from tests.fakes.codepipeline import FakeCodePipeline
from tests.fakes.s3 import FakeS3
from tests.fakes.service import refusal
from tests.rollout import begin, begin_target, end_target
from tests.store import Store
from tests.unit.handlers.test_prepare import archive
from tests.unit.inbox import Inbox
from tests.unit.news import stream

ARTIFACTS, KEY = "pipeline-artifacts", "release/Built/aB3dE5g"
PARAMETERS: dict[str, Any] = {"application": "shop", "group": "web"}
START = datetime(2026, 11, 23, 10, tzinfo=UTC)


@dataclass
class Pipeline:
    """CodePipeline with one action, and the engine that answers it."""

    service: FakeCodePipeline
    context: LambdaContext
    monkeypatch: pytest.MonkeyPatch
    now: datetime = START

    def event(self, job_id: str, parameters: Any = PARAMETERS, token: str = "", key_id: str = "lent") -> dict[str, Any]:
        """As the CodePipeline User Guide shows it."""
        written = parameters if isinstance(parameters, str) else json.dumps(parameters)
        location = {"type": "S3", "s3Location": {"bucketName": ARTIFACTS, "objectKey": KEY}}
        data: dict[str, Any] = {
            "actionConfiguration": {"configuration": {"FunctionName": "f", "UserParameters": written}},
            "inputArtifacts": [{"name": "Built", "revision": None, "location": location}],
            "outputArtifacts": [],
            "artifactCredentials": {"accessKeyId": key_id, "secretAccessKey": "very", "sessionToken": "secret"},
            "encryptionKey": {"id": "arn:aws:kms:eu-west-1:1:key/k", "type": "KMS"},
        }
        if token:
            data["continuationToken"] = token
        return {"CodePipeline.job": {"id": job_id, "accountId": "123456789012", "data": data}}

    def call(self, **how: Any) -> str:
        """The function is called with a new job; its id."""
        job_id = self.service.new_job()
        pipeline_job.handler(self.event(job_id, **how), self.context)
        return job_id

    def begin(self, hosts: int = 12, **how: Any) -> tuple[str, Deployment]:
        """A job whose deployment runs."""
        job_id = self.call(**how)
        one = the_deployment()
        one = replace(one, counts=Counts(total=hosts, max_out_of_service=hosts))
        begin(one, pending(one, *(f"i-{number:02}" for number in range(hosts))), clock.timestamp())
        return job_id, the_deployment()

    def succeed(self, one: Deployment, hosts: int, but: int = 0) -> None:
        """So many more targets end; `but`: of them, failed."""
        waiting = [each for each in targets.of(one.deployment_id) if each.status is TargetStatus.PENDING][:hosts]
        for number, target in enumerate(waiting):
            begin_target(target, clock.timestamp())
            begun = targets.get(one.deployment_id, target.target_id)
            assert begun
            end_target(begun, TargetStatus.FAILED if number < but else TargetStatus.SUCCEEDED, clock.timestamp())

    def finish(self, one: Deployment) -> Deployment:
        finish.handler({"deployment_id": one.deployment_id}, self.context)
        found = deployments.get(one.deployment_id)
        assert found
        return found

    def announce(self, one: Deployment) -> None:
        publish.handler(stream(one, before=DeploymentStatus.IN_PROGRESS), self.context)

    def pass_by(self, **time: float) -> None:
        """Time passes, and find_lost comes by."""
        self.now += timedelta(**time)
        find_lost.handler({}, self.context)


@pytest.fixture
def pipeline(
    store: Store, services: None, context: LambdaContext, executing: None, monkeypatch: pytest.MonkeyPatch
) -> Pipeline:
    service = client("codepipeline")
    s3 = stand_in("s3", FakeS3(BUCKET, ARTIFACTS))
    s3.put_object(Bucket=ARTIFACTS, Key=KEY, Body=archive())
    s3.foreign = frozenset({ARTIFACTS})  # and its KMS key: what a job lends reads there
    client("events").create_event_bus(Name="engine")
    monkeypatch.setenv("BUS_NAME", "engine")
    monkeypatch.setenv("TRIGGER_QUEUE_URL", Inbox("triggers").url)
    settings.cache_clear()
    put_group()
    found = Pipeline(service, context, monkeypatch)
    monkeypatch.setattr(clock, "now", lambda: found.now)
    return found


def the_deployment() -> Deployment:
    (found,) = [item["deployment_id"] for item in all_items() if item["sk"] == "DEPLOYMENT"]
    one = deployments.get(found)
    assert one
    return one


def refuse(operation: str, which: str, code: str) -> None:
    """Refuse one operation of those that are called."""
    if operation == which:
        raise refusal(code, operation)

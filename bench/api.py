"""The control API with ten thousand deployments on record: how many requests each question takes.

The handler is the one that API Gateway calls; the table is moto's, so requests are real and times are not DynamoDB's.
"""

import json
import os
import time
from collections.abc import Callable
from typing import Any

from rich.table import Table as Shown

from bench.limits import Limits

DEPLOYMENTS = 10_000
TARGETS = 1_000  # of one of them
MAX_REQUESTS = 3
GROUPS = 20
ONE = "d-000009999"
_STATUSES = ["Succeeded", "Failed", "Stopped", "InProgress"]
_WEB = {"applicationName": "shop", "deploymentGroupName": "group-1"}
_DAY = {"start": 1_795_392_000, "end": 1_795_478_400}


def measure() -> Shown:
    """Requests to DynamoDB, and the handler's time in this process."""
    from moto import mock_aws

    from tests.conftest import ENVIRONMENT, LambdaContext, create_table

    kept = dict(os.environ)
    os.environ.update(ENVIRONMENT, POWERTOOLS_LOG_LEVEL="CRITICAL")
    limits = Limits(f"The control API with {DEPLOYMENTS:,} deployments on record (moto's DynamoDB)")
    try:
        with mock_aws():
            _fill(create_table())
            ask = _asking(LambdaContext())
            every = ask("ListDeploymentTargets", deploymentId=ONE)["answer"]["targetIds"]
            questions: list[tuple[str, str, dict[str, Any], int]] = [
                ("GetDeployment", "GetDeployment", {"deploymentId": ONE}, MAX_REQUESTS),
                ("ListDeployments: all", "ListDeployments", {}, MAX_REQUESTS),
                ("ListDeployments: of a group", "ListDeployments", _WEB, MAX_REQUESTS),
                (
                    "ListDeployments: of a group, two statuses, a day",
                    "ListDeployments",
                    {**_WEB, "includeOnlyStatuses": ["Failed", "Stopped"], "createTimeRange": _DAY},
                    MAX_REQUESTS,
                ),
                (
                    "ListDeployments: of a status, a day",
                    "ListDeployments",
                    {"includeOnlyStatuses": ["Failed"], "createTimeRange": _DAY},
                    MAX_REQUESTS,
                ),
                ("ListDeploymentTargets: 100 of 1,000", "ListDeploymentTargets", {"deploymentId": ONE}, 2),
                (
                    "BatchGetDeploymentTargets: 25",
                    "BatchGetDeploymentTargets",
                    {"deploymentId": ONE, "targetIds": every[:25]},
                    MAX_REQUESTS,
                ),
            ]
            for what, operation, members, most in questions:
                found = ask(operation, **members)
                limits.add(what, found["requests"], most, "requests")
                limits.add("    handler", found["seconds"] * 1000, unit="ms")
            limits.add("targets of a page", len(every), unit="targets")
    finally:
        os.environ.clear()
        os.environ.update(kept)
    return limits.table


def _fill(records: Any) -> None:
    from functions.core.records import Counts, Deployment, Target
    from functions.core.statuses import Creator, DeploymentStatus, TargetStatus
    from functions.core.text.shapes import to_plain
    from functions.store.keys import deployment_indexes, deployment_key, target_key
    from tests.conftest import put_group, revision

    for number in range(GROUPS):
        put_group(f"group-{number}")
    deployments = [
        Deployment(
            deployment_id=f"d-{number:09}",
            application="shop",
            group=f"group-{number % GROUPS}",
            group_id="uuid",
            status=DeploymentStatus(_STATUSES[number // GROUPS % len(_STATUSES)]),
            creator=Creator.USER,
            revision=revision(),
            create_time=f"2026-11-{1 + number // 400:02}T{number // 20 % 24:02}:{number % 60:02}:00.000Z",
            counts=Counts(total=TARGETS, max_out_of_service=1, succeeded=TARGETS),
        )
        for number in range(DEPLOYMENTS)
    ]
    records.write_all(
        {**deployment_key(each.deployment_id).item, **to_plain(each), **deployment_indexes(each)}
        for each in deployments
    )
    targets = [
        Target(deployment_id=ONE, target_id=f"i-{number:017}", status=TargetStatus.SUCCEEDED)
        for number in range(TARGETS)
    ]
    records.write_all({**target_key(ONE, each.target_id).item, **to_plain(each)} for each in targets)


def _asking(context: Any) -> Callable[..., dict[str, Any]]:
    from functions.aws.clients import client
    from functions.handlers.api import handler

    made: list[str] = []
    client("dynamodb").meta.events.register("before-call.dynamodb", lambda model, **_: made.append(model.name))

    def ask(operation: str, **members: Any) -> dict[str, Any]:
        made.clear()
        event = {
            "requestContext": {
                "http": {"method": "POST", "path": f"/{operation}"},
                "authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:user/ann"}},
            },
            "body": json.dumps(members),
        }
        began = time.perf_counter()
        answer = handler(event, context)
        seconds = time.perf_counter() - began
        if answer["statusCode"] != 200:
            raise RuntimeError(f"{operation}: {answer['body']}")
        return {"answer": json.loads(answer["body"]), "requests": len(made), "seconds": seconds}

    return ask

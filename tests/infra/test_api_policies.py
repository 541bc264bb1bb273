"""The policies of docs/api-policies.md, held against every operation by an evaluator of IAM policies."""

import json
import re
from collections.abc import Mapping
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document, validate_policy_document

from functions.api import model
from infra.app import ROOT

VALUES = {"REGION": "eu-west-1", "ACCOUNT": "123456789012", "API": "a1b2c3d4e5", "BUCKET": "revisions"}
READING = {name for name in model.operations() if re.match("Get|List|BatchGet|Plan", name)}
OPERATING = {
    "CreateDeployment",
    "StopDeployment",
    "RetryDeployment",
    "RollBackDeploymentGroup",
    "ReleaseBudgetPlace",
    "PauseDeployment",
    "ResumeDeployment",
    "ContinueDeployment",
}
PIPELINE = {
    "GetDeploymentGroup",
    "RegisterApplicationRevision",
    "CreateDeployment",
    "GetDeployment",
    "ListDeploymentTargets",
    "BatchGetDeploymentTargets",
}


def policies() -> dict[str, dict[str, Any]]:
    """The page's policies by the Sid of their last statement, with values put in."""
    text = (ROOT / "docs" / "api-policies.md").read_text()
    for name, value in VALUES.items():
        text = re.sub(rf"\b{name}\b", value, text)
    found = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    return {policy["Statement"][-1]["Sid"]: policy for policy in found}


def allows(policy: Mapping[str, Any], action: str, resource: str) -> bool:
    me = f"arn:aws:iam::{VALUES['ACCOUNT']}:user/ann"
    context = EvalContext(me, "User", VALUES["ACCOUNT"], action, resource, VALUES["REGION"])
    return bool(evaluate(context, [parse_policy_document(dict(policy))]).decision == "Allow")


def operations(policy: Mapping[str, Any], api: str = VALUES["API"], method: str = "POST") -> set[str]:
    """Those that a policy allows of an API."""
    routes = f"arn:aws:execute-api:{VALUES['REGION']}:{VALUES['ACCOUNT']}:{api}/$default/{method}"
    return {name for name in model.operations() if allows(policy, "execute-api:Invoke", f"{routes}/{name}")}


def test_each_policy_allows_the_operations_that_it_is_for_and_no_other() -> None:
    found = policies()
    assert {sid: operations(policy) for sid, policy in found.items()} == {
        "Read": READING,
        "Operate": OPERATING,
        "Deploy": PIPELINE,
        "Administer": set(model.operations()),
    }
    assert READING.isdisjoint(OPERATING)


def test_no_policy_reaches_another_api_or_another_method() -> None:
    for policy in policies().values():
        assert not operations(policy, api="z9y8x7w6v5")
        assert not operations(policy, method="GET")
        assert validate_policy_document(policy) is None


def test_a_pipeline_writes_where_nothing_starts_by_itself() -> None:
    pipeline, bucket = policies()["Deploy"], "arn:aws:s3:::revisions"
    for action in ("s3:PutObject", "s3:GetObject"):
        assert allows(pipeline, action, f"{bucket}/.stepdeploy/revisions/shop/1.zip")
        for key in ("shop/web/1.zip", ".stepdeploy/manifests/d-1.json", ".stepdeploy/logs/d-1/i-1/log"):
            assert not allows(pipeline, action, f"{bucket}/{key}")
    assert not allows(pipeline, "s3:DeleteObject", f"{bucket}/.stepdeploy/revisions/shop/1.zip")

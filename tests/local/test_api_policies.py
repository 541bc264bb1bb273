"""The policies of docs/api-policies.md allow what they say and nothing else, by an evaluator of IAM."""

import json

import pytest

from functions.aws import model
from local.server import ACCOUNT, REGION
from tests.policies import policies

POLICIES = policies(api_id="abcdef12", bucket="revisions")
READ = {operation for operation in model.operations() if operation.startswith(("Get", "List", "BatchGet"))}
DEPLOY = {"RegisterApplicationRevision", "CreateDeployment", "RetryDeployment", "StopDeployment"}
ALLOWED = {
    "Read only": READ,
    "Deploy, and change no group": READ | DEPLOY | {"RollBackDeploymentGroup"},
    "CI that pushes and deploys": {
        "RegisterApplicationRevision",
        "CreateDeployment",
        "GetDeployment",
        "ListDeploymentTargets",
        "BatchGetDeploymentTargets",
        "StopDeployment",
    },
    "Administrator": set(model.operations()),
}


def allowed(policy: str, action: str, resource: str) -> bool:
    from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

    asked = EvalContext(
        principal_arn=f"arn:aws:iam::{ACCOUNT}:user/ann",
        principal_type="User",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        source_ip="127.0.0.1",
        secure_transport=True,
    )
    return bool(evaluate(asked, [parse_policy_document(policy)]).decision == "Allow")


def operations(policy: str, api_id: str = "abcdef12") -> set[str]:
    """The operations of an API that a policy allows."""
    routes = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api_id}/$default/POST"
    return {each for each in model.operations() if allowed(policy, "execute-api:Invoke", f"{routes}/{each}")}


def test_every_policy_of_the_page_is_known_here_and_is_json() -> None:
    assert list(POLICIES) == list(ALLOWED)
    for policy in POLICIES.values():
        assert json.loads(policy)["Version"] == "2012-10-17"


@pytest.mark.parametrize("name", ALLOWED)
def test_a_policy_allows_exactly_the_operations_that_it_is_for(name: str) -> None:
    assert operations(POLICIES[name]) == ALLOWED[name]


@pytest.mark.parametrize("name", ALLOWED)
def test_a_policy_allows_nothing_of_another_stacks_api(name: str) -> None:
    assert operations(POLICIES[name], api_id="fedcba21") == set()


@pytest.mark.parametrize(
    ("action", "key", "may"),
    [
        ("s3:PutObject", "pushed/shop/1", True),
        ("s3:PutObject", "shop/production/1.zip", False),  # which would be deployed by its upload
        ("s3:GetObject", "pushed/shop/1", False),
        ("s3:PutObject", ".stepdeploy/manifests/d-1", False),
    ],
)
def test_ci_may_put_revisions_below_pushed_and_do_nothing_else_in_the_bucket(action: str, key: str, may: bool) -> None:
    assert allowed(POLICIES["CI that pushes and deploys"], action, f"arn:aws:s3:::revisions/{key}") is may

"""Commits that are revisions: on GitHub, and in the repositories of CodeCommit that deployments.yaml names."""

from collections.abc import Sequence

from aws_cdk import Stack

from functions.core.revision import CODECOMMIT_PREFIX, GITHUB_PREFIX
from infra.function import Function
from infra.store import Store


def grant_fetch_commits(
    function: Function, store: Store, *, github_secret_arn: str, repositories: Sequence[str]
) -> None:
    """Lets a function keep the archives of commits; of CodeCommit nothing is granted where no repository is named."""
    function.allow(
        "s3:PutObject",
        on=store.bucket.arn_for_objects(f"{GITHUB_PREFIX}*"),
        why_wildcard="Archives from GitHub have repository and commit in their key.",
    )
    function.allow("secretsmanager:GetSecretValue", on=github_secret_arn)
    if not repositories:
        return
    stack = Stack.of(function)
    function.allow(
        "codecommit:GetFolder",
        "codecommit:GetBlob",
        on=[stack.format_arn(service="codecommit", resource=name) for name in repositories],
    )
    function.allow(
        "s3:PutObject",
        on=store.bucket.arn_for_objects(f"{CODECOMMIT_PREFIX}*"),
        why_wildcard="Archives from CodeCommit have repository and commit in their key.",
    )

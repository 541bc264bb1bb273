"""Buckets of others that revisions may lie in (`revisionBuckets` of deployments.yaml)."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack

from infra.function import Function


class OtherBuckets:
    """By their names; nothing is granted where there is none."""

    def __init__(self, stack: Stack, names: Sequence[str]) -> None:
        self._arns = [
            stack.format_arn(service="s3", region="", account="", resource=name, arn_format=ArnFormat.NO_RESOURCE_NAME)
            for name in names
        ]
        self._any_key = stack.format_arn(service="kms", region="*", account="*", resource="key", resource_name="*")

    def grant_list(self, function: Function) -> None:
        """Lets a function be told that an object is not there; else S3 answers that it is forbidden."""
        if self._arns:
            function.allow("s3:ListBucket", on=self._arns)

    def grant_read(self, function: Function) -> None:
        """Lets a function read revisions, also encrypted ones. A bucket without versions is read without one."""
        if not self._arns:
            return
        objects = [f"{arn}/*" for arn in self._arns]
        function.allow(
            "s3:GetObject",
            "s3:GetObjectVersion",
            on=objects,
            why_wildcard="Any object of a bucket that deployments.yaml names may be a revision.",
        )
        function.allow(
            "kms:Decrypt",
            on=self._any_key,
            when={
                "StringLike": {
                    "kms:ViaService": "s3.*.amazonaws.com*",
                    "kms:EncryptionContext:aws:s3:arn": [*self._arns, *objects],
                }
            },
            why_wildcard="A bucket does not tell its key; the condition fences it to the objects of these buckets.",
        )

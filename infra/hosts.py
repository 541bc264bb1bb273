"""What hosts trust: the engine's signing key, the SSM document that carries its public half, and the runner; and the
document that only looks."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from functions.core.revision import RUNNER_PREFIX
from infra.function import Function, FunctionDefaults
from infra.store import Store

MakeDocument = Callable[[str, str], Mapping[str, Any]]  # of the public key's modulus and exponent


class Hosts(Construct):
    """The document that runs a segment on a host, and what makes it safe to send.

    A host does what instructions say only if the key here has signed them. The document itself fixes the public key and
    the runner's digest, so the right to send it is not the right to choose what it runs.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        defaults: FunctionDefaults,
        store: Store,
        runner_sha256: str,
        document: MakeDocument,
        verify_document: Mapping[str, Any],
        managed_tag: tuple[str, str],
    ) -> None:
        """`document`: the SSM document's content, once CloudFormation knows the public key; `managed_tag`: of the hosts
        that the engine may send commands to."""
        super().__init__(scope, id)
        stack = Stack.of(self)
        self.runner_sha256 = runner_sha256
        self.document_name = f"{stack.stack_name}-segment"
        self.document_arn = stack.format_arn(service="ssm", resource="document", resource_name=self.document_name)
        self.verify_name = f"{stack.stack_name}-verify"
        self._verify_arn = stack.format_arn(service="ssm", resource="document", resource_name=self.verify_name)
        self._managed_tag = managed_tag
        self._key = kms.Key(
            self,
            "Key",
            description="stepdeploy signs what it tells hosts",
            key_spec=kms.KeySpec.RSA_2048,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            # What it signed is good for hours only: a new stack has a new key, and its document the new public half.
            removal_policy=RemovalPolicy.DESTROY,
            pending_window=Duration.days(7),
        )
        self.key_arn = self._key.key_arn
        self.set_up = self._set_up(defaults, store)
        public_key = self._resource("PublicKey", "PublicKey", KeyArn=self.key_arn)
        modulus, exponent = (public_key.get_att_string(name) for name in ("Modulus", "Exponent"))
        runner = self._resource("Runner", "Runner", Sha256=runner_sha256)
        made = self._document("Document", self.document_name, document(modulus, exponent))
        text = json.dumps(document("", ""), sort_keys=True)
        version = self._version("DocumentVersion", made, text, Modulus=modulus)
        version.node.add_dependency(runner)  # a version that is told has its runner in place
        self.document_version, self.document_hash = version.get_att_string("Version"), version.get_att_string("Hash")
        looks = self._document("VerifyDocument", self.verify_name, verify_document)
        self._verify_version = self._version("VerifyVersion", looks, json.dumps(verify_document, sort_keys=True))

    def _document(self, id: str, name: str, content: Mapping[str, Any]) -> ssm.CfnDocument:
        return ssm.CfnDocument(
            self,
            id,
            name=name,
            document_type="Command",
            document_format="JSON",
            content=content,
            update_method="NewVersion",  # commands in flight keep theirs
        )

    def _version(self, id: str, made: ssm.CfnDocument, text: str, **more: str) -> CustomResource:
        """The newest version of a document; `text`, its content, makes a change of it an update of this."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        version = self._resource(id, "DocumentVersion", Name=str(made.name), Content=digest, **more)
        version.node.add_dependency(made)
        return version

    def let_send(self, function: Function, document_arn: str) -> None:
        """Lets a function send this document only, and only to hosts that carry the tag."""
        stack, (tag, value) = Stack.of(self), self._managed_tag
        function.allow("ssm:SendCommand", on=document_arn)
        function.allow(
            "ssm:SendCommand",
            on=[
                stack.format_arn(service="ec2", resource="instance", resource_name="*"),
                stack.format_arn(service="ssm", resource="managed-instance", resource_name="*"),
            ],
            when={"StringEquals": {f"ssm:resourceTag/{tag}": value}},
            why_wildcard="Hosts come and go; the condition fences them by tag.",
        )

    def let_verify(self, function: Function) -> None:
        """Lets a function ask hosts how they stand, by the document that changes nothing."""
        self.let_send(function, self._verify_arn)
        for name, value in {
            "VERIFY_DOCUMENT_NAME": self.verify_name,
            "VERIFY_DOCUMENT_VERSION": self._verify_version.get_att_string("Version"),
            "VERIFY_DOCUMENT_HASH": self._verify_version.get_att_string("Hash"),
        }.items():
            function.add_environment(name, value)

    def let_sign(self, function: Function) -> None:
        """Lets a function sign what hosts are told, and no other principal of the account, not even an administrator.

        No condition on the signing algorithm: hosts know one only, so a signature by another one is worth nothing.
        """
        function.allow("kms:Sign", on=self.key_arn)
        role = function.role
        assert role  # noqa: S101  # Function makes it
        self._key.add_to_resource_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["kms:Sign"],
                resources=["*"],
                conditions={"ArnNotEquals": {"aws:PrincipalArn": role.role_arn}},
            )
        )

    def _set_up(self, defaults: FunctionDefaults, store: Store) -> Function:
        function = Function(
            self,
            "SetUp",
            defaults=defaults,
            description="Gives CloudFormation the public key and the document's version, hosts the runner",
            environment={"BUCKET_NAME": store.bucket.bucket_name},
        )
        function.allow("kms:GetPublicKey", on=self.key_arn)
        function.allow("ssm:DescribeDocument", on=[self.document_arn, self._verify_arn])
        function.allow(
            "s3:PutObject",
            on=store.bucket.arn_for_objects(f"{RUNNER_PREFIX}*"),
            why_wildcard="Runners have their digest in their key.",
        )
        function.keep_failed_events()
        return function

    def _resource(self, id: str, kind: str, **properties: str) -> CustomResource:
        return CustomResource(
            self,
            id,
            resource_type=f"Custom::{kind}",
            service_token=self.set_up.function_arn,
            service_timeout=Duration.minutes(5),
            properties=properties,
        )

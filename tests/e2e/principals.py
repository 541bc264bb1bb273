"""Principals with policies of their own, beside the administrator that the tests are."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import boto3

from local.cloud import LocalCloud
from local.server import ACCOUNT, REGION


class Principal:
    """A user whose one policy allows these actions on these resources."""

    def __init__(self, cloud: LocalCloud, name: str, allowed: Mapping[str, Sequence[str]]) -> None:
        iam = cloud.client("iam")
        iam.create_user(UserName=name)
        statements = [{"Effect": "Allow", "Action": action, "Resource": on} for action, on in allowed.items()]
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps({"Statement": statements}))
        secret = iam.create_access_key(UserName=name)["AccessKey"]
        self.arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": secret["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": secret["SecretAccessKey"],
        }
        self.cloud = cloud

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.cloud.endpoint,
            region_name=REGION,
            **{name.lower(): value for name, value in self.environment.items()},
        )


def operations(*names: str) -> dict[str, list[str]]:
    """What lets a principal call these operations of the control API."""
    return {"execute-api:Invoke": [f"arn:aws:execute-api:{REGION}:{ACCOUNT}:*/$default/POST/{each}" for each in names]}

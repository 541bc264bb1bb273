"""Who a request comes from, on the local cloud and beside the emulator without local/shims/authentication.py."""

import json
import re
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest

from local.server import REGION
from tests.local.emulator import Account, refusal
from tests.local.test_control_api import FORBIDDEN, endpoint, made
from tests.signed import post

# A request of each protocol: a header and a body.
JSON = ("X-Amz-Target: AmazonSSM.DescribeParameters", "{}")
QUERY = ("Content-Type: application/x-www-form-urlencoded", "Action=ListTopics&Version=2010-03-31")
FOREIGN = ["Basic dGVzdDp0ZXN0", "Bearer test", "test"]


def answered(account: Account, header: str, body: str, authorization: str | None) -> tuple[int, str]:
    """Status and error code ("" for none) of a request to the cloud's endpoint, which no client has signed."""
    name, _, value = header.partition(": ")
    headers = {name: value} if authorization is None else {name: value, "Authorization": authorization}
    request = urllib.request.Request(f"{endpoint(account)}/", body.encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            code = re.search(r'"__type": "(\w+)"|<Code>(\w+)</Code>', error.read().decode())
        assert code
        return error.code, code[1] or code[2]


def as_root(account: Account, service: str, secret: str) -> Any:
    """A client with the root user's key and some secret."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint(account),
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key=secret,
    )


@pytest.mark.parametrize("authorization", FOREIGN)
def test_a_header_that_is_no_signature_is_refused(cloud: Account, authorization: str) -> None:
    assert answered(cloud, *JSON, authorization) == (400, "IncompleteSignatureException")
    assert answered(cloud, *QUERY, authorization) == (400, "IncompleteSignature")


@pytest.mark.parametrize("authorization", [None, ""])
def test_a_request_without_credentials_is_refused(cloud: Account, authorization: str | None) -> None:
    assert answered(cloud, *JSON, authorization) == (400, "MissingAuthenticationTokenException")
    assert answered(cloud, *QUERY, authorization) == (403, "MissingAuthenticationToken")


@pytest.mark.parametrize("authorization", [*FOREIGN, ""])
def test_the_control_api_refuses_what_is_no_signature(cloud: Account, authorization: str) -> None:
    api = made(cloud)
    assert post(f"{api.address}/ListDeployments", Authorization=authorization) == FORBIDDEN
    assert api.function.calls() == []


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ssm", "describe_parameters", "InvalidSignatureException"),
        ("sns", "list_topics", "SignatureDoesNotMatch"),
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
    ],
)
def test_the_root_users_secret_counts(cloud: Account, service: str, operation: str, code: str) -> None:
    assert refusal(getattr(as_root(cloud, service, "wrong"), operation)) == code
    assert refusal(getattr(as_root(cloud, service, "test"), operation)) == ""


def test_a_wrong_secret_of_the_root_user_does_not_reach_the_control_api(cloud: Account) -> None:
    api = made(cloud)
    assert post(f"{api.address}/ListDeployments", as_root(cloud, "codedeploy", "wrong")) == FORBIDDEN
    assert post(f"{api.address}/ListDeployments", as_root(cloud, "codedeploy", "test"))[0] == 200


def kept(account: Account, signer: Any, version: str) -> int:
    """The status of reading an object by a presigned URL."""
    s3, bucket = account.client("s3"), account.name()
    s3.create_bucket(Bucket=bucket)
    account.at_end(s3.delete_bucket, Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="key", Body=b"kept")
    account.at_end(s3.delete_object, Bucket=bucket, Key="key")
    signer.meta.config.signature_version = version
    url = signer.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"})
    try:
        with urllib.request.urlopen(url) as answer:
            assert answer.read() == b"kept"
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_is_as_good_as_its_signature(cloud: Account, version: str) -> None:
    assert kept(cloud, as_root(cloud, "s3", "test"), version) == 200
    assert kept(cloud, as_root(cloud, "s3", "wrong"), version) == 403


def test_who_sends_no_credentials_lists_no_buckets(cloud: Account) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{endpoint(cloud)}/")
    assert refused.value.code == 403
    refused.value.close()


@pytest.mark.parametrize("request_", [JSON, QUERY], ids=["json", "query"])
def test_the_emulator_still_takes_a_header_that_is_no_signature_for_roots(
    bare: Account, request_: tuple[str, str]
) -> None:
    assert answered(bare, *request_, "Basic dGVzdDp0ZXN0") == (200, "")


@pytest.mark.parametrize("authorization", ["Basic dGVzdDp0ZXN0", ""])
def test_the_emulator_still_lets_anybody_call_an_http_api(bare: Account, authorization: str) -> None:
    api = made(bare)
    assert post(endpoint(bare) + api.here("ListDeployments"), Authorization=authorization)[0] == 200


def test_the_emulator_still_does_not_check_roots_signature(bare: Account) -> None:
    assert refusal(as_root(bare, "ssm", "wrong").describe_parameters) == ""
    assert kept(bare, as_root(bare, "s3", "wrong"), "s3") == 200


def test_the_emulator_still_lists_buckets_to_anybody(bare: Account) -> None:
    with urllib.request.urlopen(f"{endpoint(bare)}/") as answer:
        assert answer.status == 200


def is_known_by_the_roles_arn(account: Account) -> bool:
    """Whether a session of a role may do what its policy lets the role do by aws:PrincipalArn."""
    admin, name = account.client("iam"), account.name()
    everybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    role = admin.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [everybody]}))["Role"]
    only_for = {"ArnEquals": {"aws:PrincipalArn": role["Arn"]}}
    allowed = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*", "Condition": only_for}
    admin.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Statement": [allowed]}))
    account.at_end(admin.delete_role, RoleName=name)
    account.at_end(admin.delete_role_policy, RoleName=name, PolicyName="p")
    session = account.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
    sqs = boto3.client(
        "sqs",
        endpoint_url=endpoint(account),
        region_name=REGION,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    return refusal(sqs.list_queues) == ""


def test_a_session_of_a_role_is_known_by_the_roles_arn(cloud: Account) -> None:
    assert is_known_by_the_roles_arn(cloud)


def test_the_emulator_still_knows_a_session_by_its_own_arn(bare: Account) -> None:
    assert not is_known_by_the_roles_arn(bare)

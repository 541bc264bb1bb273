"""Requests count as secure on the local cloud, although loopback needs no TLS: the emulator is strict about it."""

import json

from tests.local.emulator import Account, refusal


def reading_where_only_tls_may(account: Account) -> str:
    """The refusal of a request for an object of a bucket whose policy denies what comes without TLS; "" for none."""
    s3, bucket = account.client("s3"), account.name()
    s3.create_bucket(Bucket=bucket)
    account.at_end(s3.delete_bucket, Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="key", Body=b"")
    account.at_end(s3.delete_object, Bucket=bucket, Key="key")
    objects = f"arn:aws:s3:::{bucket}/*"
    plain = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": objects}
    statement = {**plain, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    account.at_end(s3.delete_bucket_policy, Bucket=bucket)
    user = account.caller("s3", may="s3:GetObject", on=objects)
    return refusal(user.get_object, Bucket=bucket, Key="key")


def test_a_request_counts_as_secure(cloud: Account) -> None:
    assert reading_where_only_tls_may(cloud) == ""


def test_the_emulator_still_takes_loopback_for_insecure(bare: Account) -> None:
    assert reading_where_only_tls_may(bare) == "AccessDenied"

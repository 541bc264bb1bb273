"""S3's stand-in: objects, their versions, and what is refused."""

import hashlib
import io
from typing import Any

import pytest

from functions.aws.clients import client
from tests.conftest import BUCKET
from tests.contract.conftest import code

pytestmark = pytest.mark.usefixtures("account")
KEY = {"Bucket": BUCKET, "Key": "shop/web/v1.zip"}


def put(body: Any = b"one") -> dict[str, Any]:
    answer: dict[str, Any] = client("s3").put_object(**KEY, Body=body)
    return answer


def told(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("VersionId", "ETag", "ContentLength")}


def test_what_is_put_is_got_with_its_version_and_etag() -> None:
    made = put()
    assert made["ETag"] == f'"{hashlib.md5(b"one", usedforsecurity=False).hexdigest()}"'
    assert told(client("s3").head_object(**KEY)) == {**{n: made[n] for n in ("VersionId", "ETag")}, "ContentLength": 3}
    got = client("s3").get_object(**KEY)
    assert told(got) == told(client("s3").head_object(**KEY))
    assert b"".join(got["Body"].iter_chunks(2)) == b"one"


def test_a_file_is_put_as_its_content() -> None:
    put(io.BytesIO(b"of a file"))
    assert client("s3").get_object(**KEY)["Body"].read() == b"of a file"


def test_every_version_stays_until_it_is_deleted() -> None:
    first, second = put()["VersionId"], put(b"two")["VersionId"]
    s3 = client("s3")
    assert s3.head_object(**KEY)["VersionId"] == second
    assert s3.get_object(**KEY, VersionId=first)["Body"].read() == b"one"
    s3.delete_object(**KEY, VersionId=second)
    assert s3.head_object(**KEY)["VersionId"] == first


def test_a_deletion_leaves_a_marker_and_the_versions() -> None:
    version = put()["VersionId"]
    marker = client("s3").delete_object(**KEY)
    assert marker["DeleteMarker"] is True
    assert code(client("s3").head_object, **KEY) == "404"
    assert code(client("s3").get_object, **KEY) == "NoSuchKey"
    assert client("s3").get_object(**KEY, VersionId=version)["Body"].read() == b"one"
    assert code(client("s3").head_object, **KEY, VersionId=marker["VersionId"]) == "405"


def test_what_is_not_there_is_refused() -> None:
    assert code(client("s3").head_object, **KEY) == "404"
    assert code(client("s3").get_object, **KEY) == "NoSuchKey"
    gone = put()["VersionId"]
    put(b"two")
    client("s3").delete_object(**KEY, VersionId=gone)
    assert code(client("s3").head_object, **KEY, VersionId=gone) == "404"
    assert code(client("s3").get_object, **KEY, VersionId=gone) == "NoSuchVersion"
    assert code(client("s3").put_object, Bucket="no-bucket-of-ours", Key="k", Body=b"") == "NoSuchBucket"


def test_a_list_has_what_is_there_now() -> None:
    s3 = client("s3")
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    put()
    s3.put_object(Bucket=BUCKET, Key="other", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="gone", Body=b"")
    s3.delete_object(Bucket=BUCKET, Key="gone")
    assert [(each["Key"], each["Size"]) for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [
        ("other", 0),
        ("shop/web/v1.zip", 3),
    ]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="shop/")["Contents"]] == [KEY["Key"]]


def test_a_url_names_the_version_and_is_signed() -> None:
    url = client("s3").generate_presigned_url("get_object", Params={**KEY, "VersionId": "v"}, ExpiresIn=60)
    assert "versionId=v" in url and "X-Amz-Signature=" in url
    assert client("s3").generate_presigned_post(BUCKET, "logs/${filename}")["fields"]["key"] == "logs/${filename}"

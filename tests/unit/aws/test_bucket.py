"""What a host is given of S3: URLs that are good for one object, in the bucket's own region."""

from urllib.parse import parse_qs, urlsplit

import pytest

from functions.aws import bucket, clients
from tests.conftest import BUCKET, made, revision


@pytest.fixture(params=["us-east-1", "eu-central-1", "us-gov-west-1"])
def host(request: pytest.FixtureRequest, environment: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The endpoint of a bucket in some region."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", request.param)
    monkeypatch.setattr(clients, "made", made.__wrapped__)
    return f"{BUCKET}.s3.{request.param}.amazonaws.com"


def test_a_bundles_url_is_of_its_region_and_version(host: str) -> None:
    url = urlsplit(bucket.bundle_url(revision(version="v-1")))
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc, url.path) == ("https", host, "/shop/web/v1.zip")
    assert query["versionId"] == ["v-1"] and query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


def test_logs_are_put_into_the_region_below_the_targets_own_prefix(host: str) -> None:
    upload = bucket.log_upload("d-1", "i-1")
    assert upload.url == f"https://{host}/" and upload.key_prefix == ".stepdeploy/logs/d-1/i-1/"
    assert "key" not in upload.fields and upload.fields["policy"]

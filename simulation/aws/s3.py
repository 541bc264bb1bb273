"""S3: the revision, the manifests, and URLs that nobody fetches."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from simulation.aws.network import Network, Service, refusal

APPSPEC = b"version: 0.0\nos: linux\n"


class S3(Service):
    name = "s3"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.objects = dict[tuple[str, str], bytes]()

    def head_object(self, **request: Any) -> dict[str, Any]:
        def head() -> dict[str, Any]:
            body = self._body(request, "HeadObject")
            return {"ETag": '"etag"', "ContentLength": len(body), "VersionId": "version-1"}

        return self.request("HeadObject", head)

    def get_object(self, **request: Any) -> dict[str, Any]:
        return self.request("GetObject", lambda: {"Body": _Body(self._body(request, "GetObject"))})

    def put_object(self, **request: Any) -> dict[str, Any]:
        def put() -> dict[str, Any]:
            self.objects[request["Bucket"], request["Key"]] = request["Body"]
            return {"ETag": '"etag"'}

        return self.request("PutObject", put)

    def generate_presigned_url(self, operation: str, Params: dict[str, str], ExpiresIn: int) -> str:
        return f"https://{Params['Bucket']}.s3.amazonaws.com/{Params['Key']}?X-Amz-Expires={ExpiresIn}"

    def generate_presigned_post(self, bucket: str, key: str, **request: Any) -> dict[str, Any]:
        return {"url": f"https://{bucket}.s3.amazonaws.com/", "fields": {"key": key, "policy": "policy"}}

    def _body(self, request: dict[str, Any], operation: str) -> bytes:
        body = self.objects.get((request["Bucket"], request["Key"]))
        if body is None:
            raise refusal("404" if operation == "HeadObject" else "NoSuchKey", operation)
        return body


class _Body:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        yield self._body


def revision() -> bytes:
    """An archive with an AppSpec: what is in it happens on the hosts, which are simulated."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("appspec.yml", date_time=(2026, 1, 1, 0, 0, 0)), APPSPEC)
    return packed.getvalue()

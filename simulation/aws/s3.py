"""S3: the revision, the manifests, and URLs that nobody fetches."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

from simulation.aws.network import Network, Service, refusal

APPSPEC = "version: 0.0\nos: linux\n"
_SCRIPT = "hook.sh"


class S3(Service):
    name = "s3"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._objects = dict[tuple[str, str], list[bytes]]()  # all versions

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self._objects.setdefault((bucket, key), []).append(body)

    def read(self, bucket: str, key: str, version: str | None = None) -> bytes | None:
        """A version of an object, the newest by default; None when there is none."""
        versions = self._objects.get((bucket, key), [])
        number = int(version.rpartition("-")[2]) if version else len(versions)
        return versions[number - 1] if 0 < number <= len(versions) else None

    def version(self, bucket: str, key: str) -> str:
        """The id of the newest version."""
        return f"version-{len(self._objects[bucket, key])}"

    def head_object(self, **request: Any) -> dict[str, Any]:
        def head() -> dict[str, Any]:
            body = self._body(request, "HeadObject")
            version = request.get("VersionId") or self.version(request["Bucket"], request["Key"])
            return {"ETag": '"etag"', "ContentLength": len(body), "VersionId": version}

        return self.request("HeadObject", head)

    def get_object(self, **request: Any) -> dict[str, Any]:
        return self.request("GetObject", lambda: {"Body": _Body(self._body(request, "GetObject"))})

    def put_object(self, **request: Any) -> dict[str, Any]:
        def put() -> dict[str, Any]:
            self.put(request["Bucket"], request["Key"], request["Body"])
            return {"ETag": '"etag"'}

        return self.request("PutObject", put)

    def generate_presigned_url(self, operation: str, Params: dict[str, str], ExpiresIn: int) -> str:
        version = Params.get("VersionId", "")
        return (
            f"https://{Params['Bucket']}.s3.amazonaws.com/{Params['Key']}?versionId={version}&X-Amz-Expires={ExpiresIn}"
        )

    def generate_presigned_post(self, bucket: str, key: str, **request: Any) -> dict[str, Any]:
        return {"url": f"https://{bucket}.s3.amazonaws.com/", "fields": {"key": key, "policy": "policy"}}

    def _body(self, request: dict[str, Any], operation: str) -> bytes:
        body = self.read(request["Bucket"], request["Key"], request.get("VersionId"))
        if body is None:
            raise refusal("404" if operation == "HeadObject" else "NoSuchKey", operation)
        return body


class _Body:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        yield self._body


def revision(name: str, hooks: Sequence[str] = ()) -> bytes:
    """An archive with an AppSpec, and no two names have the same; what is in it happens on the hosts, which are
    simulated. It has scripts for these events."""
    scripts = "".join(f"  {event}:\n    - location: {_SCRIPT}\n" for event in hooks)
    files = {"appspec.yml": f"{APPSPEC}hooks:\n{scripts}", _SCRIPT: ""} if hooks else {"appspec.yml": APPSPEC}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file, date_time=(2026, 1, 1, 0, 0, 0)), text)
        archive.comment = name.encode()
    return packed.getvalue()

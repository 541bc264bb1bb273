"""S3: buckets that keep versions. What is presigned is signed by boto3's own client, which asks nobody."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from typing import Any

from botocore.response import StreamingBody

from functions.aws import clients
from tests.calls.recording import note_missing_object, outside
from tests.fakes.service import Service

made = clients.made  # before a test says that there is no AWS


@dataclass
class _Version:
    version: str
    body: bytes | None  # None: a delete marker

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body or b"", usedforsecurity=False).hexdigest()}"'

    def head(self) -> dict[str, Any]:
        return {"VersionId": self.version, "ETag": self.etag, "ContentLength": len(self.body or b"")}


@dataclass
class _Bucket:
    objects: dict[str, list[_Version]] = field(default_factory=dict)  # the newest version is the last


_STORED = datetime(2026, 11, 23, 9, tzinfo=UTC)  # every object


class FakeS3(Service):
    name = "s3"

    def __init__(self, *buckets: str) -> None:
        super().__init__()
        self._buckets = {bucket: _Bucket() for bucket in buckets}
        self._numbers = count(1)
        self.foreign = frozenset[str]()  # buckets that the function's own rights do not reach
        self.is_lent = False  # whether this call is made by lent credentials

    def lent(self, access_key_id: str, secret_access_key: str, session_token: str | None) -> "LentS3":
        """As somebody else, by the credentials that he has lent."""
        return LentS3(self, access_key_id)

    def generate_presigned_url(self, *given: Any, **named: Any) -> str:
        return str(made("s3").generate_presigned_url(*given, **named))

    def generate_presigned_post(self, *given: Any, **named: Any) -> dict[str, Any]:
        post: dict[str, Any] = made("s3").generate_presigned_post(*given, **named)
        return post

    def on_put_object(self, *, Bucket: str, Key: str, Body: Any = b"", **_: Any) -> dict[str, Any]:
        body = Body if isinstance(Body, bytes) else Body.read()
        put = self._put(Bucket, Key, body)
        return {"VersionId": put.version, "ETag": put.etag}

    def on_head_object(self, **request: Any) -> dict[str, Any]:
        return {**self._asked("HeadObject", ("404", "404"), **request).head(), "LastModified": _STORED}

    def on_get_object(self, **request: Any) -> dict[str, Any]:
        found = self._asked("GetObject", ("NoSuchKey", "NoSuchVersion"), **request)
        body = found.body or b""
        return {**found.head(), "LastModified": _STORED, "Body": StreamingBody(BytesIO(body), len(body))}

    def on_delete_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        if VersionId is None:
            return {"DeleteMarker": True, "VersionId": self._put(Bucket, Key, None).version}
        versions = self._versions(Bucket, Key)
        versions[:] = [each for each in versions if each.version != VersionId]
        return {"VersionId": VersionId}

    def on_list_objects_v2(self, *, Bucket: str, Prefix: str = "") -> dict[str, Any]:
        newest = {key: versions[-1] for key, versions in sorted(self._bucket(Bucket).objects.items()) if versions}
        found = [
            {"Key": key, "ETag": each.etag, "Size": len(each.body)}
            for key, each in newest.items()
            if key.startswith(Prefix) and each.body is not None
        ]
        return {"KeyCount": len(found), **({"Contents": found} if found else {})}

    def _put(self, bucket: str, key: str, body: bytes | None) -> _Version:
        put = _Version(f"version-{next(self._numbers)}", body)
        self._versions(bucket, key).append(put)
        return put

    def _asked(self, operation: str, codes: tuple[str, str], **request: Any) -> _Version:
        """The newest version or the one that is asked for. `codes`: of a missing key, and of a missing version."""
        if request["Bucket"] in self.foreign and not self.is_lent:
            raise self.refuse("AccessDenied", operation)
        versions, asked = self._versions(request["Bucket"], request["Key"]), request.get("VersionId")
        found = [each for each in versions if asked in (None, each.version)]
        if found and found[-1].body is not None:
            return found[-1]
        note_missing_object(request)
        if found and asked:
            raise self.refuse("405" if operation == "HeadObject" else "MethodNotAllowed", operation)
        raise self.refuse(codes[asked is not None], operation)

    def _versions(self, bucket: str, key: str) -> list[_Version]:
        return self._bucket(bucket).objects.setdefault(key, [])

    def _bucket(self, name: str) -> _Bucket:
        if name not in self._buckets:
            raise self.refuse("NoSuchBucket", "PutObject")
        return self._buckets[name]


class LentS3:
    """The same buckets for somebody whose rights are not the function's. An expired key reads nothing."""

    def __init__(self, s3: FakeS3, access_key_id: str) -> None:
        self._s3, self._key = s3, access_key_id

    def get_object(self, **request: str) -> dict[str, Any]:
        if self._key in ("ExpiredToken", "AccessDenied", "KMS.DisabledException"):
            raise self._s3.refuse(self._key, "GetObject")
        self._s3.is_lent = True
        try:
            return outside(lambda: self._s3.get_object(**request))  # type: ignore[no-any-return]
        finally:
            self._s3.is_lent = False

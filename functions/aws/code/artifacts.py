"""Artifacts of CodePipeline: copied into the revision bucket before they are overwritten or expire.

They are read by the credentials that CodePipeline lends with a job, which also reach artifacts under the pipeline's own
KMS key: the engine needs no right on artifact buckets. Source: CodePipeline User Guide, "Lambda invoke action
reference".
"""

import tempfile
from dataclasses import dataclass, field
from typing import Any

from functions.aws.clients import client, client_of
from functions.aws.clock import timestamp
from functions.core.errors import NotDeployable
from functions.core.records import Revision
from functions.core.revision import check_size, packed_as
from functions.core.statuses import DeploymentErrorCode
from functions.settings import settings

_CHUNK = 1024**2
_GONE = frozenset({"NoSuchKey", "NoSuchBucket", "404"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidToken"})
_DENIED = frozenset({"AccessDenied", "403"})
_OF_KEY = "KMS."  # S3 passes on why KMS does not decrypt, for example KMS.DisabledException


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a job lends; shown nowhere."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An object of a pipeline's artifact bucket."""

    name: str
    bucket: str
    key: str
    revision: str = ""  # of the source, where CodePipeline says it: a commit, or a version

    @property
    def place(self) -> str:
        return f"artifact {self.name} (s3://{self.bucket}/{self.key})"


def copy(artifact: Artifact, credentials: Credentials, folder: str) -> tuple[Revision, str]:
    """The artifact as an object of the revision bucket below `folder`, and when the pipeline stored it (ISO 8601).

    Raises NotDeployable: it is gone or too large, or the credentials do not read it (any more).
    """
    found = _read(artifact, credentials)
    check_size(artifact.place, found["ContentLength"])
    bucket = settings().bucket_name
    with tempfile.TemporaryFile() as file:
        for chunk in found["Body"].iter_chunks(_CHUNK):
            file.write(chunk)
        file.seek(0)
        kind = packed_as(file.read(512))
        file.seek(0)
        key = f"{folder}/{artifact.name}.{kind.value}"
        put = client("s3").put_object(Bucket=bucket, Key=key, Body=file)
    revision = Revision(bucket=bucket, key=key, version=put.get("VersionId"), bundle_type=kind)
    return revision, str(timestamp(found["LastModified"]))


def _read(artifact: Artifact, credentials: Credentials) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    s3 = client_of("s3", credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    try:
        found: dict[str, Any] = s3.get_object(Bucket=artifact.bucket, Key=artifact.key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _GONE:
            what = "does not exist (any more): start the pipeline again, so that its source is fetched again"
            raise NotDeployable(DeploymentErrorCode.REVISION_MISSING, f"{artifact.place} {what}") from error
        if code in _EXPIRED:
            what = "the credentials of the job have expired: retry the stage of the pipeline"
            raise NotDeployable(DeploymentErrorCode.IAM_ROLE_PERMISSIONS, f"{artifact.place}: {what}") from error
        if code in _DENIED:
            what = "the pipeline's role may not read it: give the role s3:GetObject there, and kms:Decrypt on its key"
            raise NotDeployable(DeploymentErrorCode.IAM_ROLE_PERMISSIONS, f"{artifact.place}: {what}") from error
        if code.startswith(_OF_KEY):
            what = f"its KMS key does not decrypt it ({code}): enable the key, or give the pipeline another one"
            raise NotDeployable(DeploymentErrorCode.IAM_ROLE_PERMISSIONS, f"{artifact.place}: {what}") from error
        raise
    return found

"""A bundle fetched from where it lies: S3, by the user's own AWS credentials, or an https URL."""

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from host.instructions import Bundle
from host.posix.download import SOCKET_SECONDS
from host.report import Failed

_CHUNK = 1024 * 1024
_CHECK = "check the bucket, the key and the versionId"
_RENEW = "renew the AWS credentials, or set AWS_PROFILE"
_GRANT = (
    "these AWS credentials need s3:GetObject, for a versionId s3:GetObjectVersion; without s3:ListBucket S3 says so of"
)
_REMEDIES = {
    **dict.fromkeys(
        ("NoSuchKey", "NoSuchBucket", "NoSuchVersion", "InvalidArgument", "404", "MethodNotAllowed"), _CHECK
    ),
    **dict.fromkeys(("ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch"), _RENEW),
    **dict.fromkeys(("AccessDenied", "403"), f"{_GRANT} what is not there, too"),
}


def fetch(bundle: Bundle, path: Path, deadline: float) -> None:
    """Write the archive to a file, until `deadline` of time.monotonic(). Raises Failed, and OSError of the disk."""
    chunks = _from_s3(bundle) if bundle.bucket else _from_web(bundle.url)
    with path.open("wb") as file:
        for chunk in chunks:
            if time.monotonic() > deadline:
                raise Failed("TIMEOUT", f"{bundle.url}: took too long to fetch: try again on a faster line")
            file.write(chunk)


def _from_s3(bundle: Bundle) -> Iterator[bytes]:
    import boto3  # only here: it takes longer to import than all else together
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    version: dict[str, Any] = {"VersionId": bundle.version} if bundle.version else {}
    try:
        config = Config(retries={"mode": "standard"}, read_timeout=SOCKET_SECONDS)
        answer = boto3.client("s3", config=config).get_object(Bucket=bundle.bucket, Key=bundle.key, **version)
        expected, actual = (bundle.etag or "").strip('"'), answer["ETag"].strip('"')
        if expected not in ("", actual):
            message = f"Expected deployment artifact bundle etag {expected} but was actually {actual}"
            raise Failed("DIGEST", f"{bundle.url}: {message}")
        yield from answer["Body"].iter_chunks(_CHUNK)
    except (NoCredentialsError, PartialCredentialsError) as error:
        remedy = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise Failed("DOWNLOAD", f"{bundle.url}: there are no AWS credentials: {remedy}") from error
    except ClientError as error:
        told = error.response.get("Error", {})
        code, said = told.get("Code", ""), told.get("Message", "").rstrip(".")
        remedy = _REMEDIES.get(code, "try again, or copy the bundle here and give its path")
        raise Failed("DOWNLOAD", f"{bundle.url}: S3 answers {code} ({said}): {remedy}") from error
    except BotoCoreError as error:
        remedy = "check the network, AWS_REGION and AWS_PROFILE"
        raise Failed("DOWNLOAD", f"{bundle.url}: cannot be fetched: {error}: {remedy}") from error


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """GitHub answers by a redirect to where the archive lies."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme != "https":
            why = "what is fetched there could be changed on the way: give the https:// URL of the archive itself"
            raise Failed("DOWNLOAD", f"{req.full_url}: leads to {newurl}, which is not https: {why}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _from_web(url: str) -> Iterator[bytes]:
    opener = urllib.request.build_opener(_OnlyHttps)
    opener.addheaders = [("User-Agent", "stepdeploy")]  # GitHub's API answers nobody who has no name
    try:
        with opener.open(url, timeout=SOCKET_SECONDS) as answer:
            while chunk := answer.read(_CHUNK):
                yield chunk
            if answer.length:
                raise Failed("DOWNLOAD", f"{url}: the last {answer.length} bytes are missing: try again")
    except urllib.error.HTTPError as error:
        with error:
            remedy = "check the address, and that it needs no login" if error.code < 500 else "try again later"
            raise Failed("DOWNLOAD", f"{url}: the server answers {error.code} {error.reason}: {remedy}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        remedy = "check the address and the network"
        if isinstance(reason, ssl.SSLCertVerificationError):
            remedy = "set SSL_CERT_FILE to a file with the certificates to trust"
        raise Failed("DOWNLOAD", f"{url}: cannot be fetched: {reason}: {remedy}") from error

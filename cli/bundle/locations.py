"""Where a bundle may lie besides this machine: in S3, and behind an https URL."""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from host.instructions import Bundle

S3_FORM = "s3://BUCKET/KEY, with ?versionId=VERSION&etag=ETAG at most"
FORMS = "s3://BUCKET/KEY[?versionId=VERSION&etag=ETAG] or https://github.com/ACCOUNT/REPOSITORY/tarball/REF"
_OPTION = "--bundle-location"


class Mistake(Exception):
    """What was asked cannot be done; the text names the option, the value and the remedy."""


def elsewhere(location: str, type: str) -> Bundle | None:
    """The bundle that lies elsewhere; None for a path of this machine. Nothing is fetched. Raises Mistake."""
    scheme, mark, _ = location.partition("://")
    if not mark:
        return None
    if scheme == "http":
        raise Mistake(f"{_OPTION} {location}: it could be changed on the way: give an https:// URL")
    if scheme not in ("s3", "https"):
        raise Mistake(f"{_OPTION} {location}: give a folder or an archive of this machine, {FORMS}")
    if type == "directory":
        raise Mistake(f"{_OPTION} {location}: is an archive, give --type tgz, tar or zip")
    if scheme == "https":
        if not _host(location):
            raise Mistake(
                f"{_OPTION} {location}: names no host, give a URL, for example https://example.com/bundle.zip"
            )
        return Bundle(location, "", 0, type, "", location, None, None)
    if (found := in_s3(location)) is None:
        raise Mistake(f"{_OPTION} {location}: give {S3_FORM}")
    return Bundle(location, "", 0, type, found.bucket, found.key, found.version, found.etag)


class S3Object(NamedTuple):
    bucket: str
    key: str
    version: str | None
    etag: str | None

    def __str__(self) -> str:
        asked = {"versionId": self.version, "etag": self.etag}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"s3://{self.bucket}/{self.key}{'?' if query else ''}{query}"


def in_s3(location: str) -> S3Object | None:
    """The object that is named; None for what is not of this form.

    >>> str(in_s3("s3://builds/shop/1.zip?versionId=v&etag=e"))
    's3://builds/shop/1.zip?versionId=v&etag=e'
    """
    scheme, _, rest = location.partition("://")
    place, _, query = rest.partition("?")
    bucket, _, key = place.partition("/")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    is_known = all(asked.values()) and asked.keys() <= {"versionId", "etag"}
    if scheme != "s3" or not bucket or not key or not is_known:
        return None
    return S3Object(bucket, key, asked.get("versionId"), asked.get("etag"))


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # of brackets that hold no IPv6 address
        return None

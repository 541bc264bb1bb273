"""Where a bundle may lie besides this machine: in S3, and behind an https URL."""

from urllib.parse import parse_qsl, urlsplit

from host.told import Bundle

FORMS = "s3://BUCKET/KEY[?versionId=VERSION&etag=ETAG] or https://github.com/ACCOUNT/REPOSITORY/tarball/REF"
_OPTION = "--bundle-location"


class Mistake(Exception):
    """What was asked cannot be done; the text names the option, the value and the remedy."""


def elsewhere(location: str, type: str) -> Bundle | None:
    """The bundle that lies elsewhere; None for a path of this machine. Nothing is fetched. Raises Mistake."""
    scheme, mark, rest = location.partition("://")
    if not mark:
        return None
    if scheme == "http":
        raise Mistake(f"{_OPTION} {location}: anybody on the way could change it: give an https:// URL")
    if scheme not in ("s3", "https"):
        raise Mistake(f"{_OPTION} {location}: give a folder or an archive of this machine, {FORMS}")
    if type == "directory":
        raise Mistake(f"{_OPTION} {location}: is an archive, give --type tgz, tar or zip")
    if scheme == "https":
        if not _host(location):
            raise Mistake(f"{_OPTION} {location}: names no host, give a URL such as https://example.com/bundle.zip")
        return Bundle(location, "", 0, type, "", location, None, None)
    place, _, query = rest.partition("?")
    bucket, _, key = place.partition("/")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    if not bucket or not key or not all(asked.values()) or not asked.keys() <= {"versionId", "etag"}:
        raise Mistake(f"{_OPTION} {location}: give s3://BUCKET/KEY, with ?versionId=VERSION&etag=ETAG at most")
    return Bundle(location, "", 0, type, bucket, key, asked.get("versionId"), asked.get("etag"))


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # of brackets that hold no IPv6 address
        return None

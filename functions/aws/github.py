"""GitHub's archive of a commit, as the CodeDeploy agent takes it: `GET /repos/OWNER/NAME/tarball/COMMIT`, redirected.

The token of a private repository lies in a secret. It goes to the API's own address and to no other: where a redirect
leads, it carries what it needs in its URL. Therefore neither URLs nor the texts of exceptions are told or logged.

Sources: GitHub REST API, "Download a repository archive (tar)", "Rate limits for the REST API", "Troubleshooting the
REST API" (404 for what a caller may not see).
"""

import json
import re
import time
from contextlib import closing
from http import HTTPStatus
from typing import IO, Any, NoReturn
from urllib.parse import urljoin, urlsplit

from functions.aws import clock, secrets
from functions.core.errors import NotDeployable
from functions.core.limits import SHOWN
from functions.core.records import GitHubCommit
from functions.core.statuses import DeploymentErrorCode
from functions.settings import settings

_PAUSES = (1, 4)  # seconds before another try of what may pass
_SECONDS = 120  # for the whole archive: Prepare has five minutes, and checks it besides
_READ_SECONDS = 15  # without a byte
_REDIRECTS = 3  # a repository that was renamed, then the archive
_CHUNK = 64 * 1024
_GZIP = b"\x1f\x8b"
_TOKEN = re.compile(r"[A-Za-z0-9._-]{20,}")
_MAX_SAID = 64 * 1024  # bytes of a refusal that are read
_ACCEPT = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "stepdeploy"}


class _Passing(Exception):
    """GitHub, or the way to it, failed as may be over in a moment."""


def fetch(commit: GitHubCommit, file: IO[bytes], most: int) -> None:
    """Write the commit's archive into an empty file, a gzipped tar of at most so many bytes. Raises NotDeployable."""
    from urllib3 import PoolManager, Timeout

    token, deadline = _token(), time.monotonic() + _SECONDS
    with PoolManager(timeout=Timeout(connect=3, read=_READ_SECONDS)) as pool:
        for pause in (*_PAUSES, None):
            try:
                _try(commit, token, pool, file, most, deadline)
                return
            except _Passing as failure:
                if pause is None:
                    _fail(commit, f"GitHub did not give the archive ({failure}): deploy again later")
                clock.sleep(pause)


def _try(commit: GitHubCommit, token: str | None, pool: Any, file: IO[bytes], most: int, deadline: float) -> None:
    from urllib3.exceptions import HTTPError

    file.seek(0)
    file.truncate()
    try:
        with closing(_answer(commit, token, pool)) as answer:
            if answer.status != HTTPStatus.OK:
                _refused(commit, token, answer)
            _copy(commit, answer, file, most, deadline)
    except HTTPError as error:
        raise _Passing(type(error).__name__) from None


def _answer(commit: GitHubCommit, token: str | None, pool: Any) -> Any:
    """The answer at the end of all redirects, its body unread."""
    url = base = f"{settings().github_url}/repos/{commit.repository}/tarball/{commit.commit}"
    for _ in range(_REDIRECTS + 1):
        answer = pool.request(
            "GET",
            url,
            headers=_headers(token if _origin(url) == _origin(base) else None),
            redirect=False,
            retries=False,
            preload_content=False,
        )
        if not (answer.status in range(300, 400) and (there := answer.headers.get("Location"))):
            return answer
        answer.close()
        url = urljoin(url, there)
        if urlsplit(url).scheme != urlsplit(base).scheme:
            _fail(commit, f"GitHub redirects to {urlsplit(url).scheme}://, which is not followed")
    return _fail(commit, f"GitHub redirects more than {_REDIRECTS} times: deploy again later")


def _headers(token: str | None) -> dict[str, str]:
    return _ACCEPT | ({"Authorization": f"Bearer {token}"} if token else {})


def _origin(url: str) -> tuple[str, str]:
    """Whom a request goes to."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _copy(commit: GitHubCommit, answer: Any, file: IO[bytes], most: int, deadline: float) -> None:
    size, head = 0, b""
    # As it is: an archive that is itself gzipped must not be unpacked on the way.
    for chunk in answer.stream(_CHUNK, decode_content=False):
        size, head = size + len(chunk), head or chunk
        if size > most:
            what = f"the archive is larger than {most} bytes: make the commit smaller"
            _fail(commit, what, DeploymentErrorCode.INVALID_REVISION)
        if time.monotonic() > deadline:
            _fail(commit, f"the archive took longer than {_SECONDS} s: upload it to the revision bucket instead")
        file.write(chunk)
    if not head.startswith(_GZIP):
        _fail(commit, "GitHub did not return a .tar.gz", DeploymentErrorCode.INVALID_REVISION)


def _refused(commit: GitHubCommit, token: str | None, answer: Any) -> NoReturn:
    """Every answer but the archive: what it says, and what helps."""
    status, held_in = answer.status, settings().github_secret_arn
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _Passing(f"HTTP {status}")
    said = f"HTTP {status}{_said(answer)}"
    limited = status == HTTPStatus.FORBIDDEN and (
        answer.headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in answer.headers
    )
    if limited or status == HTTPStatus.TOO_MANY_REQUESTS:
        more = "" if token else f", or put a token into the secret {held_in}, with which GitHub answers more often"
        what = f"GitHub refuses further requests for now ({said}): deploy again later{more}"
        _fail(commit, what, DeploymentErrorCode.THROTTLED)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        what = f"GitHub does not let the engine read it ({said}): put a token that may into the secret {held_in}"
        _fail(commit, what, DeploymentErrorCode.MISSING_GITHUB_TOKEN)
    whose = "let the token there read it" if token else "put a token that may read it there"
    _fail(commit, f"GitHub has no such commit ({said}): push it; if the repository is private, {whose} ({held_in})")


def _said(answer: Any) -> str:
    """GitHub's own words."""
    try:
        words = json.loads(answer.read(_MAX_SAID))["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f", {str(words)[:SHOWN]}"


def _fail(
    commit: GitHubCommit, what: str, code: DeploymentErrorCode = DeploymentErrorCode.REVISION_MISSING
) -> NoReturn:
    raise NotDeployable(code, f"{commit.place}: {what}")


def _token() -> str | None:
    """What the secret holds if that is a token; it is made without one."""
    held = secrets.text(settings().github_secret_arn)
    return held if _TOKEN.fullmatch(held) else None

"""The archive of a commit from a GitHub on a real socket: redirects, refusals, trouble on the way, and the token."""

import io
import logging
import tempfile

import pytest

from functions.aws import github
from functions.aws.clients import client
from functions.aws.github import fetch
from functions.core.errors import NotDeployable
from functions.core.records import GitHubCommit
from functions.core.statuses import DeploymentErrorCode
from functions.settings import settings
from tests.fake_github import COMMIT, PATH, REPOSITORY, FakeGitHub, Reply, refusal, tarball

WANTED = GitHubCommit(repository=REPOSITORY, commit=COMMIT)
TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
MAX = 1024**2


def put_token(value: str = TOKEN) -> None:
    client("secretsmanager").put_secret_value(SecretId="token", SecretString=value)


def fetched(most: int = MAX) -> bytes:
    with tempfile.TemporaryFile() as file:
        fetch(WANTED, file, most)
        file.seek(0)
        return file.read()


def refused(code: DeploymentErrorCode, *words: str, most: int = MAX) -> str:
    with pytest.raises(NotDeployable) as error:
        fetched(most)
    message = str(error.value)
    assert error.value.code is code, message
    assert message.startswith(f"github.com/{REPOSITORY} at {COMMIT}: ")
    assert all(word in message for word in words), message
    assert TOKEN not in message and "of-the-redirect" not in message
    return message


def test_the_archive_comes_from_where_the_api_sends_its_callers(hub: FakeGitHub) -> None:
    assert fetched() == tarball()
    assert hub.asked == [("api", PATH, None), ("archives", f"{PATH}?token=of-the-redirect", None)]


def test_the_token_goes_to_the_api_and_to_nobody_else(hub: FakeGitHub) -> None:
    put_token()
    assert fetched() == tarball()
    assert [(where, token) for where, _, token in hub.asked] == [("api", f"Bearer {TOKEN}"), ("archives", None)]


def test_the_token_goes_along_where_the_api_sends_to_itself(hub: FakeGitHub) -> None:
    """A repository that was renamed."""
    put_token()
    hub.next = [hub.redirect("/repositories/9/tarball", 301)]
    hub.archives["/repositories/9/tarball"] = tarball()
    assert fetched() == tarball()
    assert [(where, token) for where, _, token in hub.asked] == [
        ("api", f"Bearer {TOKEN}"),
        ("api", f"Bearer {TOKEN}"),
        ("archives", None),
    ]


@pytest.mark.parametrize("held", ["{}", "", "not a token", "short", f"{TOKEN}\r\nX-Other: 1", "ü" * 40])
def test_a_secret_without_a_token_sends_none(hub: FakeGitHub, held: str) -> None:
    put_token(held or " ")
    fetched()
    assert hub.asked[0][2] is None


def test_nothing_secret_is_logged(hub: FakeGitHub, logged: io.StringIO, caplog: pytest.LogCaptureFixture) -> None:
    put_token()
    with caplog.at_level(logging.INFO):  # urllib3 tells of requests below that
        fetched()
        hub.next = [refusal(401, "Bad credentials")]
        refused(DeploymentErrorCode.MISSING_GITHUB_TOKEN)
    assert TOKEN not in caplog.text + logged.getvalue()
    assert "of-the-redirect" not in caplog.text + logged.getvalue()


def test_a_commit_that_is_not_there_may_be_private(hub: FakeGitHub) -> None:
    hub.archives = {}
    arn = settings().github_secret_arn
    refused(DeploymentErrorCode.REVISION_MISSING, "HTTP 404, Not Found", "push it", "put a token", arn)
    put_token()
    refused(DeploymentErrorCode.REVISION_MISSING, "HTTP 404, Not Found", "let the token there read it", arn)
    assert len(hub.asked) == 2, "what is missing stays so: nothing is tried again"


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (
            refusal(403, "API rate limit exceeded for 192.0.2.1.", X_RateLimit_Remaining="0"),
            DeploymentErrorCode.THROTTLED,
            ["HTTP 403, API rate limit exceeded for 192.0.2.1.", "deploy again later, or put a token"],
        ),
        (
            refusal(403, "You have exceeded a secondary rate limit", Retry_After="60"),
            DeploymentErrorCode.THROTTLED,
            ["secondary rate limit"],
        ),
        (refusal(429, "Too many"), DeploymentErrorCode.THROTTLED, ["HTTP 429, Too many"]),
        (
            refusal(403, "Resource not accessible by personal access token"),
            DeploymentErrorCode.MISSING_GITHUB_TOKEN,
            ["HTTP 403, Resource not accessible", "put a token that may into the secret arn:"],
        ),
        (refusal(401, "Bad credentials"), DeploymentErrorCode.MISSING_GITHUB_TOKEN, ["HTTP 401, Bad credentials"]),
        (refusal(451, "Blocked"), DeploymentErrorCode.REVISION_MISSING, ["HTTP 451, Blocked"]),
        (Reply(status=404, body=b"<html>"), DeploymentErrorCode.REVISION_MISSING, ["(HTTP 404)"]),
        (refusal(404, "x" * 9000), DeploymentErrorCode.REVISION_MISSING, [f", {'x' * 200})"]),
        (Reply(status=404, body=b'{"message": "' + b"x" * 2**20), DeploymentErrorCode.REVISION_MISSING, ["(HTTP 404)"]),
        (Reply(body=b"<html>"), DeploymentErrorCode.INVALID_REVISION, ["GitHub did not return a .tar.gz"]),
        (Reply(body=b""), DeploymentErrorCode.INVALID_REVISION, ["GitHub did not return a .tar.gz"]),
        (
            Reply(status=302, headers={"Location": "file:///etc/passwd"}),
            DeploymentErrorCode.REVISION_MISSING,
            ["file://"],
        ),
    ],
)
def test_what_github_refuses_says_why_and_what_helps(
    hub: FakeGitHub, reply: Reply, code: DeploymentErrorCode, words: list[str]
) -> None:
    hub.next = [reply]
    refused(code, *words)
    assert len(hub.asked) == 1


def test_redirects_that_go_round_are_not_followed_for_ever(hub: FakeGitHub) -> None:
    hub.next = [hub.redirect(PATH)] * 9
    refused(DeploymentErrorCode.REVISION_MISSING, "redirects more than 3 times")
    assert len(hub.asked) == 4


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(status=502),
        Reply(status=503, body=b"later"),
        Reply(body=tarball(), cut=True),
        Reply(body=b"", cut=True),
    ],
)
def test_what_may_pass_is_tried_again_from_the_start(hub: FakeGitHub, trouble: Reply) -> None:
    hub.next = [trouble, trouble]
    assert fetched() == tarball()
    hub.next = [trouble] * 3
    refused(DeploymentErrorCode.REVISION_MISSING, "GitHub did not give the archive", "deploy again later")


def test_a_github_that_nobody_answers_for_is_told_so(hub: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_URL", "http://127.0.0.1:1")
    settings.cache_clear()
    refused(DeploymentErrorCode.REVISION_MISSING, "NewConnectionError", "deploy again later")


def test_a_github_that_hangs_is_given_up(hub: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github, "_READ_SECONDS", 0.1)
    hub.next = [Reply(body=tarball()[:20], hangs=True)] * 3
    refused(DeploymentErrorCode.REVISION_MISSING, "ReadTimeoutError", "deploy again later")


def test_an_archive_that_comes_too_slowly_is_given_up(hub: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github, "_SECONDS", -1)
    refused(DeploymentErrorCode.REVISION_MISSING, "took longer than -1 s", "upload it to the revision bucket")


def test_an_archive_that_is_too_large_is_not_read_to_its_end(hub: FakeGitHub) -> None:
    hub.next = [Reply(body=b"\x1f\x8b" + b"\0" * MAX, hangs=True)]
    refused(DeploymentErrorCode.INVALID_REVISION, f"larger than {MAX // 2} bytes", most=MAX // 2)


def test_an_archive_is_kept_as_it_is_whatever_the_server_calls_its_encoding(hub: FakeGitHub) -> None:
    hub.next = [Reply(headers={"Content-Encoding": "gzip"}, body=tarball())]
    assert fetched() == tarball()

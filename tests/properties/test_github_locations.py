"""Whatever a request names on GitHub: it is refused, or is one address of the API and one place in the bucket."""

import re
from contextlib import suppress
from urllib.parse import quote, urljoin

from hypothesis import given
from hypothesis import strategies as st

from functions.api.requests.revision_location import revision
from functions.core.errors import Refused
from functions.core.records import Revision
from functions.core.revision import digest, location

PARTS = st.text(st.sampled_from("aZ09._-/ %?#\\\n:@\0ü"), max_size=12) | st.sampled_from([".", "..", "octo", "a" * 101])
REPOSITORIES = st.builds("{}/{}".format, PARTS, PARTS) | st.text(max_size=20)
COMMITS = st.text("0123456789abcdefABCDEF", min_size=40, max_size=40) | st.text("0f/.\n", min_size=39, max_size=41)


def read(repository: str, commit: str) -> Revision | None:
    named = {"repository": repository, "commitId": commit}
    with suppress(Refused):
        return revision({"revisionType": "GitHub", "gitHubLocation": named})
    return None


@given(REPOSITORIES, COMMITS)
def test_what_is_taken_is_one_path_of_plain_parts(repository: str, commit: str) -> None:
    found = read(repository, commit)
    if found is None:
        return
    path = f"/repos/{repository}/tarball/{commit}"
    assert quote(path) == path == urljoin("https://api.github.com/", path).removeprefix("https://api.github.com")
    assert found.github and path.split("/")[2:4] == found.github.repository.split("/")
    assert re.fullmatch(r"\.stepdeploy/github/[^/]+/[^/]+/[0-9a-f]{40}\.tar\.gz", found.key)
    assert not {".", ".."} & set(found.key.split("/"))


@given(st.from_regex(r"[a-zA-Z]{1,3}/[a-zA-Z]{1,3}", fullmatch=True), st.from_regex(r"[a-f]{39}[ab]", fullmatch=True))
def test_a_commit_is_known_by_its_name_alone(repository: str, commit: str) -> None:
    found = read(repository, commit)
    assert found and location(found) == found
    other = read(repository, commit[::-1])
    assert other and (digest(other) == digest(found)) == (commit == commit[::-1])
    assert (other.key == found.key) == (commit == commit[::-1])


@given(PARTS | st.text(max_size=20), COMMITS)
def test_what_codecommit_may_have_is_one_place_in_the_bucket(repository: str, commit: str) -> None:
    named = {"repository": repository, "commitId": commit}
    with suppress(Refused):
        found = revision({"revisionType": "CodeCommit", "codeCommitLocation": named})
        assert re.fullmatch(r"\.stepdeploy/codecommit/[^/]+/[0-9a-f]{40}\.tar\.gz", found.key)
        assert found.key.split("/")[2] == repository not in (".", "..") and location(found) == found

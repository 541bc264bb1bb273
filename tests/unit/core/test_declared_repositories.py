"""Repositories of CodeCommit in deployments.yaml."""

import pytest

from functions.core.declaration import Repository, load
from functions.core.errors import InvalidInput

GROUP = "applications: {shop: {groups: {web: {ec2TagFilters: [{Key: app}]}}}}\n"


def test_a_repository_is_named_with_the_groups_that_get_its_branches() -> None:
    found = load(f"{GROUP}codeCommitRepositories: {{library: {{}}, site: {{main: [shop/web]}}}}").repositories
    assert found == (Repository(name="library"), Repository(name="site", branches={"main": ("shop/web",)}))
    assert load(GROUP).repositories == ()


@pytest.mark.parametrize(("written", "says"), [
    ("{'a/b': {}}", '"a/b" is not the name of a repository'),
    ("{site: {'a b': [shop/web]}}", '"a b" is not the name of a branch: give letters, digits and ._/-'),
    ("{site: {main: [shop/db]}}", '"shop/db" is not a group of this file: give application/group'),
    ("{site: [main]}", "mapping"),
    (str({f"r{n}": {} for n in range(21)}), "21 repositories: at most 20 are allowed"),
    (str({"site": {f"{'b' * 90}{n:03}": ["shop/web"] for n in range(14)}}), "at most 1200 fit into a rule"),
])  # fmt: skip
def test_a_mistake_says_where_and_what(written: str, says: str) -> None:
    with pytest.raises(InvalidInput) as error:
        load(f"{GROUP}codeCommitRepositories: {written}")
    assert str(error.value).startswith("deployments.yaml:2:") and says in str(error.value)

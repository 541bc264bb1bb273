"""Repositories of CodeCommit of the file: commits of them are revisions, and pushes to their branches deploy.

An entry is a repository with its branches: `site: {main: [shop/web]}`; `{}` for one whose pushes start nothing.
"""

import re
from collections.abc import Collection

from functions.core.declaration.model import Repository
from functions.core.declaration.value import Value
from functions.core.text.names import is_codecommit_repository

_BRANCH = re.compile(r"[A-Za-z0-9._/-]{1,100}")
_MOST = 20  # each is a line of a role's policy
# One rule of EventBridge names them all, in a pattern of at most 2,048 characters (EventBridge User Guide, "Quotas").
_MAX_NAMED = 1200


def repositories(value: Value, groups: Collection[str]) -> tuple[Repository, ...]:
    """By their names. `groups`: the keys of the file's groups."""
    members = value.members()
    if len(members) > _MOST:
        value.refuse(f"{len(members)} repositories: at most {_MOST} are allowed")
    found = tuple(_repository(name, body, groups) for name, body in members.items())
    named = sum(len(each.name) + sum(map(len, each.branches)) for each in found if each.branches)
    if named > _MAX_NAMED:
        value.refuse(f"the names have {named} characters together; at most {_MAX_NAMED} fit into a rule of EventBridge")
    return found


def _repository(name: str, value: Value, groups: Collection[str]) -> Repository:
    if not is_codecommit_repository(name):
        value.refuse_key(f'"{name}" is not the name of a repository')
    branches = {}
    for branch, listed in value.members().items():
        if not _BRANCH.fullmatch(branch):
            listed.refuse_key(f'"{branch}" is not the name of a branch: give letters, digits and ._/-')
        branches[branch] = tuple(_group(each, groups) for each in listed.items(most=_MOST))
    return Repository(name=name, branches=branches)


def _group(value: Value, groups: Collection[str]) -> str:
    key = value.text(longest=201)
    if key and key not in groups:
        value.refuse(f"{value.shown} is not a group of this file: give application/group")
    return key

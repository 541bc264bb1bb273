"""Pushes: CodeCommit's events of a branch become deployments of the commit, to the groups that deployments.yaml names.

Source of the event's shape: CodeCommit User Guide, "Monitoring CodeCommit events in Amazon EventBridge".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from functions.core.errors import NotDeployable
from functions.core.limits import METADATA_VALUE
from functions.core.order import Upload
from functions.core.records import CodeCommitCommit, Revision
from functions.core.revision import codecommit_key
from functions.core.statuses import BundleType
from functions.engine.starting.create import Request, create, refuse

SOURCE = "aws.codecommit"


def deploy(event: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """The ids of the deployments that a push starts. What comes later from before counts as an older upload does.

    `groups`: the keys of those that get what is pushed, by "repository@branch". A repeated event finds the marks of the
    first. Raises KeyError, TypeError or ValueError for what is no such event.
    """
    detail = event["detail"]
    repository, branch = str(detail["repositoryName"]), str(detail["referenceName"])
    commit = CodeCommitCommit(repository=repository, commit=str(detail["commitId"]))
    revision = Revision(bucket="", key=codecommit_key(commit), bundle_type=BundleType.TGZ, codecommit=commit)
    told = {"commit": commit.commit, "branch": branch, "pushedBy": str(detail.get("callerUserArn", ""))}
    found = []
    for key in groups.get(f"{repository}@{branch}", ()):
        application, _, group = key.partition("/")
        request = Request(
            application=application,
            group=group,
            revision=revision,
            requested_by=f"push to {branch} of CodeCommit's {repository}",
            requested_at=event["time"],
            upload=Upload(bucket=f"codecommit:{repository}", key=f"{branch} {key}", version=str(event["id"])),
            metadata={name: value[:METADATA_VALUE] for name, value in told.items() if value},
        )
        try:
            found.append(create(request))
        except NotDeployable as error:
            found.append(refuse(request, revision, error.code, str(error)))
    return found

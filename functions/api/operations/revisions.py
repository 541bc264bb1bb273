"""The revisions of an application: registering them, which deploys nothing, and what is known of them."""

from typing import Any

from functions.api import revision_responses
from functions.api.operations import Caller
from functions.api.operations.groups import missing_application
from functions.api.requests.revision_location import MAX_DESCRIPTION, is_bucket, is_key, revision
from functions.core.errors import Refused
from functions.core.limits import SHOWN
from functions.core.records import RegisteredRevision, Revision
from functions.core.revision import digest
from functions.store.records import revisions
from functions.store.records.revisions import TargetRevisions

MAX_AT_ONCE = 25
_MAX_READ = 100  # records in one request
_SHOWN = 3  # revisions that a message names


def register_application_revision(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """A revision that is registered already keeps its times. Nothing looks for it before it is deployed."""
    found, description = revision(given["revision"]), given.get("description")
    if description and len(description) > MAX_DESCRIPTION:
        what = f"description: has {len(description)} characters, at most {MAX_DESCRIPTION}"
        raise Refused("DescriptionTooLongException", what)
    application = given["applicationName"]
    owner = revisions.application_id(application)
    if owner is None:
        raise missing_application(application)
    revisions.register(owner, found, description or None, caller.now)
    return {}


def get_application_revision(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    wanted = revision(given["revision"])
    aims = _aims(given["applicationName"])
    mark = digest(wanted)
    record = revisions.known(aims.application_id, [mark]).get(mark)
    if record is None:
        what = f"{_shown(wanted)}: is not registered with the application {given['applicationName']}"
        members = "repository and commitId" if wanted.named_commit else "version and eTag"
        raise Refused("RevisionDoesNotExistException", f"{what}: repeat its {members} as they were registered")
    info = revision_responses.revision_info(record, aims.groups.get(mark, ()))
    location = revision_responses.revision(record.revision)
    return {"applicationName": given["applicationName"], "revision": location, "revisionInfo": info}


def batch_get_application_revisions(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The known ones of those named, in their order; the message names the others."""
    locations = given["revisions"]
    if len(locations) > MAX_AT_ONCE:
        what = f"revisions: has {len(locations)} revisions, at most {MAX_AT_ONCE}"
        raise Refused("BatchLimitExceededException", what)
    wanted = [revision(each, f"revisions[{number}]") for number, each in enumerate(locations)]
    aims = _aims(given["applicationName"])
    marks = [digest(each) for each in wanted]
    found = revisions.known(aims.application_id, marks)
    missing = [each for each, mark in zip(wanted, marks, strict=True) if mark not in found]
    return {
        "applicationName": given["applicationName"],
        "revisions": [_told(found[mark], aims.groups.get(mark, [])) for mark in marks if mark in found],
        "errorMessage": _not_registered(missing) if missing else None,
    }


def list_application_revisions(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Locations, in the order of a time; without one, of the registration."""
    application, token, deployed = given["applicationName"], given.get("nextToken"), given.get("deployed", "ignore")
    order, descending = given.get("sortBy", "registerTime"), given.get("sortOrder") == "descending"
    bucket, prefix = _filters(given)
    owner, aimed = _scope(application, deployed)
    if deployed == "include" and len(aimed) <= _MAX_READ and not token:
        records = revisions.known(owner, sorted(aimed)).values()
        fitting = [each for each in records if _fits(each.revision, bucket, prefix)]
        fitting.sort(key=lambda each: revisions.place(each, order), reverse=descending)
        return {"revisions": [revision_responses.revision(each.revision) for each in fitting]}
    found, after = revisions.page(
        owner, order, token, descending=descending, bucket=bucket, prefix=prefix, beyond=deployed
    )
    if deployed != "ignore":
        found = [(mark, each) for mark, each in found if (mark in aimed) == (deployed == "include")]
    return {"revisions": [revision_responses.revision(each) for _, each in found], "nextToken": after}


def _scope(application: str, deployed: str) -> tuple[str, set[str]]:
    """The application's id, and the digests of what its groups are aimed at if the question is about that."""
    if deployed != "ignore":
        aims = _aims(application)
        return aims.application_id, set(aims.groups)
    owner = revisions.application_id(application)
    if owner is None:
        raise missing_application(application)
    return owner, set()


def _aims(application: str) -> TargetRevisions:
    aims = revisions.aims(application)
    if aims is None:
        raise missing_application(application)
    return aims


def _filters(given: dict[str, Any]) -> tuple[str | None, str]:
    """The bucket of the revisions that are wanted, None for any, and how their keys begin."""
    bucket, prefix = given.get("s3Bucket"), given.get("s3KeyPrefix", "")
    if bucket is not None and not is_bucket(bucket):
        what = f"s3Bucket: {bucket[:SHOWN]!r} is not the name of a bucket"
        raise Refused("InvalidBucketNameFilterException", what)
    if prefix and bucket is None:
        raise Refused("BucketNameFilterRequiredException", "s3KeyPrefix: needs the s3Bucket that the keys are in")
    if not is_key(prefix):
        what = "s3KeyPrefix: is longer than any key: give at most 1024 bytes"
        raise Refused("InvalidKeyPrefixFilterException", what)
    return bucket, prefix


def _fits(record: Revision, bucket: str | None, prefix: str) -> bool:
    return bucket is None or (record.bucket == bucket and record.key.startswith(prefix))


def _told(record: RegisteredRevision, groups: list[str]) -> dict[str, Any]:
    """A RevisionInfo."""
    location = revision_responses.revision(record.revision)
    return {"revisionLocation": location, "genericRevisionInfo": revision_responses.revision_info(record, groups)}


def _shown(record: Revision) -> str:
    return record.place[:SHOWN]


def _not_registered(missing: list[Revision]) -> str:
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return f"not registered: {', '.join(map(_shown, missing[:_SHOWN]))}{more}"

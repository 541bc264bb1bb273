"""`revisionBuckets` of deployments.yaml: buckets besides the engine's, and whose uploads start deployments."""

import pytest

from functions.core.declaration import Declaration, UploadTrigger, buckets_written, load
from functions.core.text.shapes import from_plain, to_plain
from tests.unit.core.test_declaration import problems


def test_other_buckets_that_revisions_may_lie_in_are_named_beside_the_applications() -> None:
    declaration = load("applications: {}\nrevisionBuckets: [ci-builds, other.builds]")
    assert declaration.revision_buckets == ("ci-builds", "other.builds")
    assert from_plain(Declaration, to_plain(declaration)) == declaration
    assert load("applications: {}").revision_buckets == ()
    assert problems("applications: {}\nrevisionBuckets: ['a/b', ci-builds, ci-builds]") == [
        'deployments.yaml:2:19: revisionBuckets[0]: "a/b" is not the name of a bucket',
        'deployments.yaml:2:37: revisionBuckets[2]: the bucket "ci-builds" is there twice',
    ]


def test_uploads_to_another_bucket_start_deployments_where_its_entry_says_so() -> None:
    declaration = load(
        "applications: {}\nrevisionBuckets:\n  - ci-builds\n  - {name: other, trigger: uploads}\n"
        "  - {name: third, trigger: uploads, prefix: ci/releases/}\n  - {name: fourth}"
    )
    assert declaration.revision_buckets == ("ci-builds", "other", "third", "fourth")
    assert declaration.upload_triggers == (
        UploadTrigger(bucket="other"),
        UploadTrigger(bucket="third", prefix="ci/releases/"),
    )
    assert from_plain(Declaration, to_plain(declaration)) == declaration
    assert buckets_written(declaration) == {
        "ci-builds": {},
        "other": {"trigger": "uploads"},
        "third": {"trigger": "uploads", "prefix": "ci/releases/"},
        "fourth": {},
    }


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{trigger: uploads}", "revisionBuckets[0]: name is missing"),
        ("{name: abc, trigger: upload}", 'trigger: "upload" is not one of uploads: did you mean "uploads"?'),
        ("{name: abc, prefix: a/}", "prefix: is of uploads that start deployments: add trigger: uploads, or remove it"),
        ("{name: abc, trigger: uploads, prefix: a}", '"a" is not a prefix: give folders of letters'),
        ("{name: abc, trigger: uploads, prefix: /a/}", '"/a/" is not a prefix'),
        ("{name: abc, trigger: uploads, prefix: 'a\"/'}", "is not a prefix"),
        (f"{{name: abc, trigger: uploads, prefix: {'a' * 50}/}}", "51 characters: give 1 to 50"),
        ("abc, {name: abc, trigger: uploads}", 'revisionBuckets[1].name: the bucket "abc" is there twice'),
        (
            ", ".join(f"{{name: b-{number}, trigger: uploads}}" for number in range(11)),
            "11 buckets with trigger: uploads; at most 10 are allowed",
        ),
    ],
)
def test_an_entry_of_another_bucket_that_cannot_be_is_refused(entry: str, problem: str) -> None:
    (found,) = problems(f"applications: {{}}\nrevisionBuckets: [{entry}]")
    assert problem in found

"""ARN patterns against callers, as IAM's ArnLike matches them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.text.principals import fits, problem

ANN = "arn:aws:iam::123456789012:user/ann"
ROLE = "arn:aws:iam::123456789012:role/deploy"
SESSION = "arn:aws:sts::123456789012:assumed-role/deploy/ann"


@pytest.mark.parametrize(
    ("pattern", "principal", "does"),
    [
        (ANN, ANN, True),
        (ANN, f"{ANN}a", False),
        (ROLE, SESSION, True),  # every session of the role
        (SESSION, SESSION, True),
        (f"{SESSION}2", SESSION, False),
        ("arn:aws:iam::123456789012:role/dep*", SESSION, True),
        ("arn:aws:iam::123456789012:role/*", ANN, False),
        ("arn:aws:iam::*:user/a?n", ANN, True),
        ("arn:aws:iam::123456789012:user/ann.", f"{ANN}x", False),  # a dot is a dot
        ("arn:aws:iam::210987654321:role/deploy", SESSION, False),
        ("arn:aws:iam::*:user/*", "arn:aws:iam::123456789012:user/team/ann", True),  # a slash is as any letter
        ("arn:aws:iam::*:role/deploy", "arn:aws:iam::123456789012:user/a:role/deploy", False),
        ("arn:aws:iam::1*:deploy", "arn:aws:iam::123456789012:user/a:deploy", False),
        ("arn:aws:iam::123456789012?user/ann", ANN, False),
        ("arn:*:ann", ANN, False),
        ("*", ANN, False),
        ("arn:aws:iam::*:*", "arn:aws:iam::123456789012:user/a:b/ann", True),  # the sixth part has the rest
        ("ARN:aws:iam::*:*", ANN, False),  # it minds the case
    ],
)
def test_a_pattern_fits_whom_it_means(pattern: str, principal: str, does: bool) -> None:
    assert fits([pattern], principal) is does
    assert fits(["arn:aws:iam::1:user/else", pattern], principal) is does


@given(st.text(min_size=1), st.text())
def test_a_text_without_wildcards_fits_itself_alone(text: str, other: str) -> None:
    plain = f"arn:aws:iam::123456789012:user/{text.replace('*', '').replace('?', '')}"
    assert fits([plain], plain)
    assert fits([plain], f"arn:aws:iam::123456789012:user/{other}") is (plain.endswith(f"user/{other}"))


# -- a small model: IAM's own words, letter by letter, without regular expressions


def like(pattern: str, text: str) -> bool:
    """Whether `*` (any letters) and `?` (one letter) of the pattern can stand for what is in the text."""
    if pattern.startswith("*"):
        return any(like(pattern[1:], text[begin:]) for begin in range(len(text) + 1))
    if not pattern or not text:
        return pattern == text
    return pattern[0] in ("?", text[0]) and like(pattern[1:], text[1:])


def arn_like(pattern: str, arn: str) -> bool:
    return all(like(one, part) for one, part in zip(six(pattern), six(arn), strict=True))


def six(arn: str) -> list[str]:
    colons = [-1, *(place for place, letter in enumerate(arn) if letter == ":")][:6]
    return [arn[begin + 1 : end] for begin, end in pairwise([*colons, len(arn)])]


def arns(letters: str) -> st.SearchStrategy[str]:
    """Six parts of few letters, so that they are often alike; a colon may be in the last."""
    part = st.text(letters, max_size=4)
    return st.tuples(part, part, part, part, part, st.text(f"{letters}:", max_size=4)).map(":".join)


@given(arns("ab*?"), arns("ab"))
def test_patterns_match_as_the_model_does(pattern: str, arn: str) -> None:
    assert fits([pattern], arn) is arn_like(pattern, arn)


NAMES = st.text("abz19+=,.@_-", min_size=1, max_size=5)
ACCOUNTS = st.text("0123456789", min_size=12, max_size=12)
PATHS = st.text("ab/:1", max_size=4).map(lambda path: f"{path}/" if path else "")


@st.composite
def callers(draw: st.DrawFn) -> str:
    kinds = {
        "iam": [st.just("root"), st.tuples(PATHS, NAMES).map(lambda each: f"user/{each[0]}{each[1]}")],
        "sts": [
            st.tuples(NAMES, NAMES).map(lambda each: f"assumed-role/{each[0]}/{each[1]}"),
            NAMES.map(lambda name: f"federated-user/{name}"),
        ],
    }
    service = draw(st.sampled_from(sorted(kinds)))
    partition = draw(st.sampled_from(["aws", "aws-cn", "aws-us-gov"]))
    return f"arn:{partition}:{service}::{draw(ACCOUNTS)}:{draw(st.one_of(kinds[service]))}"


@given(callers(), st.data())
def test_a_pattern_that_fits_some_caller_is_never_refused(caller: str, data: st.DataObject) -> None:
    """The caller with some of its letters replaced by wildcards, which match it by construction."""
    parts = []
    for part in caller.split(":", 5):
        begin = data.draw(st.integers(0, len(part)))
        end = data.draw(st.integers(begin, len(part)))
        wild = data.draw(st.sampled_from(["*", "?" * (end - begin), part[begin:end]]))
        parts.append(part[:begin] + wild + part[end:])
    pattern = ":".join(parts)
    assert fits([pattern], caller)
    assert problem(pattern) is None


@pytest.mark.parametrize(
    "pattern", [ANN, ROLE, SESSION, "arn:aws:iam::*:role/*", "arn:*:*::*:*", "arn:aws*:i??::*:root"]
)
def test_a_pattern_can_be_any_arn_of_a_caller(pattern: str) -> None:
    assert problem(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("*", "is not an IAM ARN; for example arn:aws:iam::ACCOUNT:role/NAME"),
        ("ann", "is not an IAM ARN"),
        ("arn:aws:iam::*", "wildcards within one part"),
        ("arn:*", "is not an IAM ARN"),
        ("arn:gcp:iam::123456789012:user/ann", "has the partition 'gcp'"),
        ("arn:aws:s3::123456789012:user/ann", "has the service 's3'; callers have iam or sts"),
        ("arn:aws:iam:us-east-1:123456789012:user/ann", "has the region 'us-east-1'"),
        ("arn:aws:iam::1234:user/ann", "has the account '1234'; write its 12 digits"),
        ("arn:aws:iam::12345678901x:user/ann", "has the account"),
        ("arn:aws:iam::123456789012:role/team/deploy", "write role/deploy"),
        ("arn:aws:iam::123456789012:role/team/*", "write role/NAME"),  # never advice to let in more
        ("arn:aws:iam::123456789012:group/ops", "ends in 'group/ops', as the ARN of no caller does"),
        ("arn:aws:iam::123456789012:assumed-role/deploy/ann", "sts: assumed-role/ROLE/SESSION"),
        ("arn:aws:sts::123456789012:role/deploy", "iam: user/NAME, role/NAME or root"),
        ("arn:aws:sts::123456789012:assumed-role/deploy", "assumed-role/ROLE/SESSION"),
        ("arn:aws:iam::123456789012:role/a b", "ends in 'role/a b'"),
    ],
)
def test_a_pattern_that_could_never_match_is_refused_with_the_remedy(pattern: str, says: str) -> None:
    assert says in (problem(pattern) or "")

"""Who may deploy to a group: ARN patterns against callers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.principals import is_pattern, may_deploy

ANN = "arn:aws:iam::123456789012:user/ann"
ROLE = "arn:aws:iam::123456789012:role/deploy"
SESSION = "arn:aws:sts::123456789012:assumed-role/deploy/ann"


@pytest.mark.parametrize(
    ("pattern", "principal", "may"),
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
    ],
)
def test_a_pattern_fits_whom_it_means(pattern: str, principal: str, may: bool) -> None:
    assert may_deploy([pattern], principal) is may
    assert may_deploy(["arn:aws:iam::1:user/else", pattern], principal) is may


def test_without_patterns_everybody_may_and_with_some_nobody_who_is_unknown() -> None:
    assert may_deploy([], ANN) and may_deploy([], None)
    assert not may_deploy(["arn:aws:iam::*:*"], None)


@given(st.text(min_size=1), st.text())
def test_a_text_without_wildcards_fits_itself_alone(text: str, other: str) -> None:
    plain = f"arn:aws:iam::123456789012:user/{text.replace('*', '').replace('?', '')}"
    assert may_deploy([plain], plain)
    assert may_deploy([plain], f"arn:aws:iam::123456789012:user/{other}") is (plain.endswith(f"user/{other}"))


@pytest.mark.parametrize(
    ("text", "is_one"), [(ANN, True), ("arn:aws:iam::*:role/*", True), ("*", False), ("ann", False)]
)
def test_a_pattern_is_an_arn_of_iam(text: str, is_one: bool) -> None:
    assert is_pattern(text) is is_one

"""What users read is plain English: phrases that readers stumbled over do not come back."""

import re

import pytest

from tests.texts import PACKAGES, texts

# The phrase, and what to write instead.
STUMBLED_OVER = {
    r"\bsuch as\b": "for example",
    r"\b(nobody|whoever|to whom)\b": "name who, or use the passive",
    r"\bmend": "fix",
    r"\balso repeated\b": "can be repeated",
    r"\btells? of\b": "reports",
    r"\bthere be\b|\bwhich there (is|are) not\b": "is not supported",
    r"(?<![Tt]here )\bis no (?!longer)": "is not a",
    r"^Of ": "begin with the subject",
    r"\bup to date by\b|\b(log in|deploy(ed)?|run|choose others|give some) by [`A-Z]": "with",
}


@pytest.mark.parametrize("package", PACKAGES)
def test_texts_are_plain_english(package: str) -> None:
    found = [
        f"{each.file}:{each.line}: {each.text!r}: not {phrase!r}: {better}"
        for each in texts(package)
        for phrase, better in STUMBLED_OVER.items()
        if re.search(phrase, each.text)
    ]
    assert not found, "\n".join(found)


def test_texts_are_found_with_what_is_put_in() -> None:
    found = {each.text for each in texts("functions")}
    assert "{operation} is not supported by stepdeploy" in found

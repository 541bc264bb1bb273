"""Every mutation can still be applied: its text stands once in its file. `make mutations` plays them."""

from pathlib import Path

import pytest

from tests.mutations.mutation import Mutation
from tests.mutations.mutations import MUTATIONS

ROOT = Path(__file__).resolve().parent.parent.parent


def test_there_are_enough_mutations_and_each_says_what_it_breaks() -> None:
    assert len(MUTATIONS) >= 30 and len({mutation.why for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.why)
def test_a_mutation_can_be_applied(mutation: Mutation) -> None:
    for edit in mutation.edits:
        text = (ROOT / edit.file).read_text(encoding="utf-8")
        assert text.count(edit.old) == 1 and edit.new != edit.old
        compile(text.replace(edit.old, edit.new), edit.file, "exec")

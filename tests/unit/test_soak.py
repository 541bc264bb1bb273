"""What is tried each day of all that could be."""

from datetime import date

import pytest

from tests import soak


class Tomorrow(date):
    @classmethod
    def today(cls) -> "Tomorrow":
        return cls(9999, 12, 31)


@pytest.mark.skipif(soak.IS_SOAK, reason="everything is tried")
def test_a_run_that_goes_on_over_midnight_tries_what_it_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers of a run that found other tests than each other would refuse to run any."""
    found = range(1000)
    before = soak.some(10, found)
    monkeypatch.setattr(soak, "date", Tomorrow)
    assert soak.some(10, found) == before

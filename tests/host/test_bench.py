"""The benchmark of the host runner still measures it: each of its rows, with little of everything."""

import pytest

from bench import host


def test_it_measures_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, small in {"RUNS": 1, "MANY": 3, "MORE": 5, "BIG_MB": 1}.items():
        monkeypatch.setattr(host, name, small)
    table = host.measure()
    assert table.row_count == 7
    assert all(float(each) > 0 for each in table.columns[2].cells)

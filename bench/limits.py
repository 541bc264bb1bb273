"""A table of what was measured, each row held against its limit."""

from rich.table import Table

KEPT, BROKEN = "kept", "BROKEN"


class Limits:
    """Rows of a name, a value and, where something is promised, the most that it may be."""

    def __init__(self, title: str) -> None:
        self.table = Table(title=title)
        self.table.add_column("what")
        for heading in ("measured", "limit", ""):
            self.table.add_column(heading, justify="right")

    def add(
        self, what: str, value: float, limit: float | None = None, unit: str = "", *, at_least: float | None = None
    ) -> None:
        is_kept = (limit is None or value <= limit) and (at_least is None or value >= at_least)
        found = "" if limit is at_least is None else KEPT if is_kept else BROKEN
        words = "" if limit is None else _words(limit, unit)
        self.table.add_row(
            what, _words(value, unit), words if at_least is None else f"≥ {_words(at_least, unit)}", found
        )


def is_broken(table: Table) -> bool:
    """Whether some row of a table breaks its limit."""
    return any(cell == BROKEN for column in table.columns for cell in column.cells)


def _words(value: float, unit: str) -> str:
    number = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
    return f"{number} {unit}".strip()

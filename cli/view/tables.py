"""Tables on standard output: columns apart by blanks, so that `grep` and `awk` read them, too."""

from collections.abc import Mapping, Sequence

import click

from cli.view.output import plain

COLORS = {
    "Succeeded": "green",
    "Failed": "red",
    "Stopped": "magenta",
    "InProgress": "yellow",
    "Queued": "yellow",
    "Created": "yellow",
}


_HALF = "yellow"  # a success that left hosts failed


def color_of(status: str) -> str | None:
    """Of a status, also with what it hides.

    >>> color_of("Succeeded"), color_of("Succeeded, 6 of 12 hosts failed")
    ('green', 'yellow')
    """
    return COLORS.get(status) or (_HALF if status.partition(",")[0] in COLORS else None)


def tell_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, statuses: int, colors: Mapping[str, str] | None = None
) -> None:
    """Rows below their head; the cells of the column `statuses` have the color of the status that they say, or that
    `colors` has for them."""
    safe = [list(head), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*safe, strict=True)]
    for row in safe:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if color := color_of(row[statuses]) if colors is None else colors.get(row[statuses]):
            cells[statuses] = click.style(cells[statuses], fg=color)
        click.echo("  ".join(cells).rstrip())

"""Tables on standard output: columns apart by blanks, so that `grep` and `awk` read them, too.

In a pipe every cell is whole. On a terminal a table fits: long names lose their middle, and columns for which there is
no room go on below, indented.
"""

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import click

from cli.view.output import plain
from cli.view.words import age, moment, shortened

COLORS = {
    "Succeeded": "green",
    "Failed": "red",
    "Stopped": "magenta",
    "InProgress": "yellow",
    "Queued": "yellow",
    "Created": "yellow",
}
_HALF = "yellow"  # a success that left hosts failed
_GAP, _INDENT = 2, 4  # blanks


class Column(NamedTuple):
    name: str
    least: int | None = None  # characters that are left of a long cell where there is no room; None: all
    is_number: bool = False
    is_time: bool = False  # told as an age on a terminal, exactly in a pipe


class Cell(NamedTuple):
    text: str
    color: str | None = None


Row = Sequence[str | Cell | datetime | None]


def color_of(status: str) -> str | None:
    """Of a status, also with what it hides.

    >>> color_of("Succeeded"), color_of("Succeeded, 6 of 12 hosts failed")
    ('green', 'yellow')
    """
    return COLORS.get(status) or (_HALF if status.partition(",")[0] in COLORS else None)


def status_cell(status: str) -> Cell:
    return Cell(status, color_of(status))


def _terminal_width() -> int | None:
    """None where standard output is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def tell_table(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Rows below their head."""
    for line in laid_out(columns, rows, _terminal_width(), datetime.now(UTC)):
        click.echo(line)


def laid_out(columns: Sequence[Column], rows: Sequence[Row], width: int | None, now: datetime) -> list[str]:
    """The lines of a table, on a terminal so wide; None: in a pipe.

    >>> now = datetime.now(UTC)
    >>> columns = [Column("GROUP", 8), Column("STATE"), Column("HOSTS")]
    >>> laid_out(columns, [["shop/a-long-name", "ok", "4 of 4"]], 40, now)
    ['GROUP             STATE  HOSTS', 'shop/a-long-name  ok     4 of 4']
    >>> laid_out(columns, [["shop/a-long-name", "ok", "4 of 4"]], 26, now)
    ['GROUP        STATE  HOSTS', 'shop...name  ok     4 of 4']
    >>> laid_out(columns, [["shop/a-long-name", "ok", "4 of 4"]], 20, now)
    ['GROUP     STATE', '    HOSTS', 'sh...ame  ok', '    4 of 4']
    """
    is_pipe = width is None
    cells = [[Cell(f"{each.name} (UTC)" if each.is_time and is_pipe else each.name) for each in columns]]
    cells += [[_cell(each, now, is_pipe=is_pipe) for each in row] for row in rows]
    widths = [max(len(row[at].text) for row in cells) for at in range(len(columns))]
    if width is not None:
        widths = _fitted(widths, columns, width)
    lines = _lines(widths, width)
    return [
        " " * (_INDENT * (number > 0)) + _joined(row, columns, widths, line)
        for row in cells
        for number, line in enumerate(lines)
    ]


def _cell(given: str | Cell | datetime | None, now: datetime, *, is_pipe: bool) -> Cell:
    if given is None or isinstance(given, datetime):
        return Cell(moment(given) if is_pipe else age(given, now))
    text, color = given if isinstance(given, Cell) else Cell(given)
    return Cell(plain(text), color)


def _fitted(widths: Sequence[int], columns: Sequence[Column], width: int) -> list[int]:
    """The widest of the columns that may be shortened lose what is too much."""
    found = list(widths)
    while (sum(found) + _GAP * (len(found) - 1)) > width:
        able = [at for at, column in enumerate(columns) if column.least is not None and found[at] > column.least]
        if not able:
            break
        found[max(able, key=lambda at: found[at])] -= 1
    return found


def _lines(widths: Sequence[int], width: int | None) -> list[list[int]]:
    """Which columns stand on which line of a row."""
    lines: list[list[int]] = [[]]
    used = 0
    for at, own in enumerate(widths):
        if width is not None and lines[-1] and used + _GAP + own > width:
            lines.append([])
            used = _INDENT
        used += own + (_GAP if lines[-1] else 0)
        lines[-1].append(at)
    return lines


def _joined(row: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int], line: Sequence[int]) -> str:
    cells = []
    for at in line:
        text = shortened(row[at].text, widths[at])
        blanks = " " * (widths[at] - len(text))
        text = click.style(text, fg=row[at].color) if row[at].color else text
        cells.append(blanks + text if columns[at].is_number else text + blanks)
    return (" " * _GAP).join(cells).rstrip()

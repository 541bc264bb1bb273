"""The chart of healthy hosts over time, as SVG: inside a page, or a file of its own. It needs no script and no `style`
attribute, has its colors by classes for dark and light, and says in words what it shows."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

import htpy
from markupsafe import Markup

from cli.view.healthy import Healthy, Mark, MarkKind, Point
from cli.view.words import counted, moment
from functions.core.declaration.durations import seconds_text

_WIDTH, _HEIGHT = 760, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 740, 58, 254
_LINE = 14  # from one line of text to the next
_LETTER = 6.4  # the width of a letter, about
_LEVELS = 3  # of the names of marks, one above the other
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)  # seconds
_TICKS = 7
_SERIOUS = (MarkKind.ALARM, MarkKind.STOP, MarkKind.ROLLBACK)

STYLE = """.healthy{--in:#1f7a43;--promise:#b3261e;--mark:#5a3ea6;color:CanvasText;color-scheme:light dark}
@media (prefers-color-scheme:dark){.healthy{--in:#6fd397;--promise:#ff8f86;--mark:#bca8ff}}
.healthy text{fill:currentColor;font:12px system-ui,sans-serif;stroke:none}
.healthy .area{fill:var(--in);fill-opacity:.16}
.healthy .line{fill:none;stroke:var(--in);stroke-width:2}
.healthy .axis{stroke:currentColor;stroke-opacity:.5}
.healthy .grid{stroke:currentColor;stroke-opacity:.14}
.healthy line.promise{stroke:var(--promise);stroke-width:1.5;stroke-dasharray:6 4}
.healthy text.promise{fill:var(--promise)}
.healthy .mark line{stroke:var(--mark);stroke-dasharray:2 3}
.healthy .mark text{fill:var(--mark)}
.healthy .serious line{stroke:var(--promise);stroke-dasharray:none}
.healthy .serious text{fill:var(--promise)}"""


class _Scale(NamedTuple):
    """Where a time and a number of hosts are."""

    seconds: float
    bottom: int  # hosts
    top: int

    def x(self, seconds: float) -> float:
        return round(_LEFT + seconds / max(self.seconds, 1.0) * (_RIGHT - _LEFT), 1)

    def y(self, hosts: int) -> float:
        return round(_BOTTOM - (hosts - self.bottom) / max(self.top - self.bottom, 1) * (_BOTTOM - _TOP), 1)


def chart(found: Healthy, title: str, name: str = "healthy") -> htpy.Element:
    """For a page that has `STYLE`. `name`: of its title and description, once in the page."""
    return _svg(found, title, name)


def picture(found: Healthy, title: str) -> str:
    """A file of its own."""
    return f"{_svg(found, title, 'healthy', style=STYLE)}\n"


def description(found: Healthy) -> str:
    """What the chart shows, in words."""
    most, lowest = counted(found.total, "host"), found.lowest
    when = f" after {_time(lowest.seconds)}" if lowest.healthy < found.total else ""
    parts = [f"At least {found.promised:,} of {most} must be in service; the fewest were {lowest.healthy:,}{when}."]
    if found.begin:
        parts.append(f"From {moment(found.begin)} UTC, for {_time(found.seconds)}.")
    parts += [f"After {_time(each.seconds)}: {each.text}." for each in found.marks]
    return " ".join(parts)


def _svg(found: Healthy, title: str, name: str, style: str = "") -> htpy.Element:
    scale = _Scale(found.seconds, _floor(found), found.total)
    names = {"aria-labelledby": f"{name}-title", "aria-describedby": f"{name}-desc"}
    box = {"viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "xmlns": "http://www.w3.org/2000/svg", "role": "img"}
    return htpy.svg(".healthy", {**box, **names})[
        htpy.title(id=f"{name}-title")[title],
        htpy.desc(id=f"{name}-desc")[description(found)],
        htpy.style[Markup(f"{style}\n.healthy{{background:Canvas}}")] if style else None,  # noqa: S704
        list(_hosts(found, scale)),
        list(_times(found, scale)),
        list(_curve(found.points, scale)),
        list(_promise(found, scale)),
        list(_marks(found.marks, scale)),
    ]


def _floor(found: Healthy) -> int:
    """What the chart begins with: little is seen of ten hosts that are out of ten thousand."""
    out = found.total - min(found.promised, found.lowest.healthy)
    return max(found.total - max(2 * out, 4), 0)


def _curve(points: Sequence[Point], scale: _Scale) -> Iterator[htpy.Node]:
    corners = [(scale.x(points[0].seconds), scale.y(points[0].healthy))]
    for before, after in pairwise(points):
        corners += [(scale.x(after.seconds), scale.y(before.healthy)), (scale.x(after.seconds), scale.y(after.healthy))]
    path = " ".join(f"{left:g},{top:g}" for left, top in dict.fromkeys(corners))
    yield htpy.polygon(".area", points=f"{_LEFT},{_BOTTOM} {path} {corners[-1][0]:g},{_BOTTOM}")
    yield htpy.polyline(".line", points=path)


def _promise(found: Healthy, scale: _Scale) -> Iterator[htpy.Node]:
    if scale.bottom <= found.promised:
        y = scale.y(found.promised)
        yield _line(".promise", _LEFT, y, _RIGHT, y)
        below = y + _LINE if y + _LINE < _BOTTOM else y - 5
        yield htpy.text(".promise", x=_RIGHT - 4, y=f"{below:g}", text_anchor="end")[
            f"at least {found.promised:,} promised"
        ]


def _hosts(found: Healthy, scale: _Scale) -> Iterator[htpy.Node]:
    """Numbers of hosts on the left, those that matter most first, as far as there is room."""
    drawn: list[float] = []
    for hosts in (found.total, scale.bottom, found.promised, found.lowest.healthy):
        y = scale.y(hosts)
        if scale.bottom <= hosts and all(abs(y - other) >= _LINE for other in drawn):
            drawn.append(y)
            yield _line(".grid", _LEFT, y, _RIGHT, y)
            yield htpy.text(x=_LEFT - 8, y=f"{y + 4:g}", text_anchor="end")[f"{hosts:,}"]
    yield _line(".axis", _LEFT, _TOP, _LEFT, _BOTTOM)
    yield _line(".axis", _LEFT, _BOTTOM, _RIGHT, _BOTTOM)


def _times(found: Healthy, scale: _Scale) -> Iterator[htpy.Node]:
    """Times since the beginning, and below them when that was, and the end."""
    step = next((each for each in _STEPS if found.seconds / each <= _TICKS), found.seconds)
    for number in range(int(found.seconds / step) + 1):
        x = scale.x(number * step)
        yield _line(".axis", x, _BOTTOM, x, _BOTTOM + 4)
        yield htpy.text(x=f"{x:g}", y=_BOTTOM + 18, text_anchor="middle")[_time(number * step) if number else "0"]
    if found.begin:
        end = found.begin + timedelta(seconds=found.seconds)
        yield htpy.text(x=_LEFT, y=_BOTTOM + 38)[f"{moment(found.begin)} UTC"]
        yield htpy.text(x=_RIGHT, y=_BOTTOM + 38, text_anchor="end")[f"{moment(end)} UTC"]


def _marks(marks: Sequence[Mark], scale: _Scale) -> Iterator[htpy.Node]:
    """A line each. Its name stands above where it has room, that of a serious one first; the description has all."""
    levels: list[list[tuple[float, float]]] = [[] for _ in range(_LEVELS)]  # where names begin and end
    for mark in sorted(marks, key=lambda each: each.kind not in _SERIOUS):
        x, length = scale.x(mark.seconds), len(mark.text) * _LETTER + 8
        start = min(x, _RIGHT - length)
        level = next((each for each in range(_LEVELS) if start >= 0 and _is_free(levels[each], start, length)), None)
        top = _TOP if level is None else _TOP - 6 - level * _LINE
        text = None
        if level is not None:
            levels[level].append((start, start + length))
            text = htpy.text(x=f"{start:g}", y=f"{top - 3:g}")[mark.text]
        yield htpy.g(".mark" + ".serious" * (mark.kind in _SERIOUS))[
            htpy.title[f"{mark.text}, after {_time(mark.seconds)}"], _line("", x, top, x, _BOTTOM), text
        ]


def _is_free(taken: Sequence[tuple[float, float]], start: float, length: float) -> bool:
    return all(start >= end or start + length <= begin for begin, end in taken)


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> htpy.Element:
    at = {"x1": f"{x1:g}", "y1": f"{y1:g}", "x2": f"{x2:g}", "y2": f"{y2:g}"}
    return htpy.line(name, at) if name else htpy.line(at)


def _time(seconds: float) -> str:
    return seconds_text(round(seconds))

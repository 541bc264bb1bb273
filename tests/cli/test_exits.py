"""The exit statuses, and the page that promises them."""

import re
from pathlib import Path

from cli.exits import Exit

ROOT = Path(__file__).parents[2]


def test_the_page_tells_every_exit_status_as_the_code_does() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (\w+) \|(.*)\|$", page, re.MULTILINE)
    code = (ROOT / "cli" / "exits.py").read_text()
    meanings = dict(re.findall(r"^    (\w+) = \d+(?:  # (.*))?$", code, re.MULTILINE))
    assert [(int(status), name, told.strip()) for status, name, told in rows] == [
        (each.value, each.name, meanings[each.name]) for each in Exit
    ]

"""Links in the documents lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_or_a_heading_leads_there(page: Path) -> None:
    lost = [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if not leads(page, link)]
    assert not lost


def leads(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    if "://" in link or link.startswith("mailto:"):
        return True
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not heading or target.suffix != ".md" or heading in headings(target)


def headings(page: Path) -> set[str]:
    """As GitHub makes anchors of them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in found}

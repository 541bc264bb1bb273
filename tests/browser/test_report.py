"""The page of `stepdeploy report` in a browser, as somebody opens it who was sent the file."""

from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from cli.__main__ import main
from tests.browser.conftest import Axe
from tests.cli.deploying import ID
from tests.cli.verbs.looking.test_report import group, stopped

__all__ = ["group", "stopped"]  # fixtures
NARROW = {"width": 360, "height": 740}


def test_a_report_is_for_everybody_and_loads_nothing(
    stopped: list[str], context: BrowserContext, tmp_path: Path
) -> None:
    """Its policy lets its own style pass, so Chromium complains of nothing; axe-core finds nothing."""
    file = tmp_path / "report.html"
    assert main(["report", ID, "--html", str(file)]) == 0
    page, said, loaded = context.new_page(), list[str](), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: loaded.append(request.url))
    page.goto(file.as_uri())
    expect(page.get_by_role("img", name="Healthy hosts over time")).to_be_visible()
    assert page.locator(".notice").evaluate("each => getComputedStyle(each).borderLeftStyle") == "solid"
    Axe(page).finds_nothing()
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert (said, loaded) == ([], [file.as_uri()])

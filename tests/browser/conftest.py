"""The console in Debian's Chromium, over the API that is really served, with the store in memory.

What a page says on its console as an error fails the test, and so does anything that it loads from elsewhere.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from cli.account.connection import Engine
from cli.console.pages import groups
from cli.console.readers import Readers
from cli.console.server import Console
from cli.view import looks
from functions.core.text.times import timestamp
from tests.chromium import OPTIONS, PATH
from tests.cli import deploying
from tests.cli.conftest import engine, served
from tests.served import Served

__all__ = ["engine", "served"]  # fixtures of the command line's tests

ROOT = Path(__file__).resolve().parents[2]
AXE = (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()
PICTURES = os.environ.get("STEPDEPLOY_PICTURES")  # the folder that pictures of the pages go into, if they are wanted
_SECONDS = 30.0  # for which a page may take to show something: machines are busy

expect.set_options(timeout=_SECONDS * 1000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def just_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deployments were created a minute and a half ago."""
    begin = datetime.now(UTC) - timedelta(seconds=90)
    monkeypatch.setattr(deploying, "at", lambda seconds: timestamp(begin + timedelta(seconds=seconds)))


@pytest.fixture
def console(engine: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """One that looks more often than usual."""
    for module, name in ((looks, "_SOON"), (groups, "_SECONDS"), (groups, "_GROUPS_SECONDS")):
        monkeypatch.setattr(module, name, 0.2)
    with Console(Readers(Engine())) as found:
        yield found


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    found = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    found.set_default_timeout(_SECONDS * 1000)
    yield found
    found.close()


class Tab:
    """One that has opened the console."""

    def __init__(self, page: Page, console: Console) -> None:
        self.page = page
        self._axe = Axe(page)
        self.address = f"http://127.0.0.1:{console.port}"
        self.said: list[str] = []
        page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self._look(request.url))
        page.goto(console.url)
        page.wait_for_url(f"{self.address}/")

    def _look(self, url: str) -> None:
        if not url.startswith(self.address):
            self.said.append(f"it loads {url}")

    def open(self, path: str) -> Page:
        """A page, when it is live."""
        self.page.goto(f"{self.address}{path}")
        expect(self.page.locator("#live")).to_have_text("live")
        return self.page

    def is_accessible(self) -> None:
        """axe-core finds nothing wrong, in light and in dark."""
        self._axe.finds_nothing()

    def picture(self, name: str) -> None:
        """In light and dark, where pictures are wanted."""
        for scheme in ("light", "dark") if PICTURES else ():
            self.page.emulate_media(color_scheme=scheme)
            self.page.screenshot(path=Path(PICTURES or "") / f"{name}-{scheme}.png")


class Axe:
    """axe-core in a page. It runs beside the page's own policy, which refuses foreign scripts."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)

    def finds_nothing(self) -> None:
        """In light and in dark."""
        world = self._world()
        for scheme in ("light", "dark"):
            self._page.emulate_media(color_scheme=scheme)
            run = "axe.run(document, {resultTypes: ['violations']}).then(found => JSON.stringify(found.violations))"
            violations = json.loads(self._evaluate(world, run))
            nodes = [(each["id"], node) for each in violations for node in each["nodes"]]
            assert [(rule, node["html"], node["failureSummary"]) for rule, node in nodes] == [], scheme

    def _world(self) -> int:
        """A world in the page that knows axe-core: the same one for as long as the page is not left."""
        frame = self._session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        made = self._session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})
        world: int = made["executionContextId"]
        if self._evaluate(world, "typeof axe") == "undefined":
            self._evaluate(world, f"{AXE}; 0")
        return world

    def _evaluate(self, world: int, text: str) -> Any:
        given = {"expression": text, "contextId": world, "awaitPromise": True, "returnByValue": True}
        answer = self._session.send("Runtime.evaluate", given)
        assert "exceptionDetails" not in answer, answer
        return answer["result"]["value"]


@pytest.fixture
def tab(context: BrowserContext, console: Console) -> Iterator[Tab]:
    found = Tab(context.new_page(), console)
    yield found
    assert found.said == []

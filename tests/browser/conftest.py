"""The console in Debian's Chromium, over the API that is really served, with the store in memory.

What a page says on its console as an error fails the test.
"""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from cli.account.connection import Engine
from cli.console.readers import Readers
from cli.console.server import Console
from tests.cli.conftest import engine, served
from tests.served import Served

__all__ = ["engine", "served"]  # fixtures of the command line's tests

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.getuid() == 0 else []  # which Chromium refuses to have as root
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture
def console(engine: Served) -> Iterator[Console]:
    with Console(Readers(Engine())) as found:
        yield found


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    found = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield found
    found.close()


@pytest.fixture
def page(context: BrowserContext, console: Console) -> Iterator[Page]:
    """A tab that has opened the console."""
    said: list[str] = []
    found = context.new_page()
    found.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    found.on("pageerror", lambda error: said.append(str(error)))
    found.goto(console.url)
    found.wait_for_url(f"http://127.0.0.1:{console.port}/")
    yield found
    assert said == []

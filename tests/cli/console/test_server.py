"""The console's pages and streams, as they are served."""

from tests.cli.console.conftest import Browser
from tests.unit.api.test_deployments import put


def test_the_link_opens_the_console_and_leaves_the_address(browser: Browser) -> None:
    entrance = browser.get(f"/{browser.console.session.link}/", Cookie="", Sec_Fetch_Site="cross-site")
    assert entrance.status == 200
    assert 'content="0; url=/"' in entrance.text
    assert entrance.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert browser.console.session.link not in browser.get("/").text


def test_a_page_is_whole_and_its_stream_brings_what_changes(browser: Browser) -> None:
    put(1)
    assert "shop/web" in browser.get("/").text
    stream = browser.stream("/")
    assert "shop/web" in stream.next()["parts"]["groups"]
    stream.close()


def test_the_script_and_the_style_are_our_own(browser: Browser) -> None:
    for name, kind in (("console.js", "text/javascript"), ("console.css", "text/css"), ("icon.svg", "image/svg+xml")):
        found = browser.get(f"/assets/{name}")
        assert (found.status, found.headers["content-type"].partition(";")[0]) == (200, kind)
        assert f"/assets/{name}" in browser.get("/").text


def test_nothing_is_where_there_is_no_page(browser: Browser) -> None:
    for path in ("/nothing", "/assets/../server.py", "/assets/nothing.js", "/stream/nothing"):
        assert browser.get(path).status == 404, path

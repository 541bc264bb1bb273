"""A page that lives: what changes on it, and what does not."""

from playwright.sync_api import BrowserContext, Page, expect

from cli.console.server import Console
from functions.core.statuses import DeploymentStatus
from tests.browser import fleet
from tests.browser.conftest import Tab
from tests.browser.fleet import ID, F, P, S, W
from tests.served import Served


def bar(page: Page) -> str:
    return page.locator("#hosts .sub").inner_text()


def test_a_deployment_is_followed_to_its_end(tab: Tab) -> None:
    hosts = fleet.groups()
    fleet.deploying(W, W, P, P, P, P, hosts=hosts)
    page = tab.open(f"/deployments/{ID}")
    expect(page).to_have_title("InProgress · shop/web · stepdeploy")
    expect(page.locator("#why")).to_contain_text("4 hosts wait for their turn")
    fleet.deploying(S, F, W, P, P, P, hosts=hosts)
    expect(page.locator("#hosts")).to_contain_text("1 succeeded, 1 failed, 1 in progress, 3 pending")
    expect(page.locator("#causes")).to_contain_text("1 host: ApplicationStart: start.sh ended with exit code 3")
    expect(page.locator("#causes")).to_contain_text("connection refused")
    fleet.deploying(S, F, S, S, S, S, hosts=hosts, status=DeploymentStatus.SUCCEEDED)
    expect(page).to_have_title("Succeeded, 1 of 6 hosts failed · shop/web · stepdeploy")
    expect(page.locator("#causes")).to_contain_text(f"stepdeploy retry {ID}")
    expect(page.locator("#line li").first).to_contain_text("Succeeded")


def test_what_the_reader_does_is_not_disturbed(tab: Tab) -> None:
    """Focus, selection and scrolling are what they were when the page around them changes."""
    hosts = fleet.groups()
    fleet.deploying(W, P, P, P, P, P, hosts=hosts)
    page = tab.open(f"/deployments/{ID}")
    page.set_viewport_size({"width": 900, "height": 300})
    link = page.locator("#table").get_by_role("link", name="web-1")
    link.focus()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#table h2'))")
    page.evaluate("scrollTo(0, 200)")
    fleet.deploying(F, W, P, P, P, P, hosts=hosts)
    expect(page.locator("#table")).to_contain_text("Failed 1")
    expect(link).to_be_focused()
    assert page.evaluate("getSelection().toString()") == "Host by host"
    assert page.evaluate("scrollY") > 0


def test_the_squares_follow(tab: Tab) -> None:
    fleet.deploying(W, P, P)
    page = tab.open(f"/deployments/{ID}")
    page.locator("#grid").focus()
    expect(page.locator("#cell")).to_contain_text("In progress")
    before = page.locator("#grid canvas").screenshot()
    fleet.deploying(S, W, P)
    expect(page.locator("#hosts")).to_contain_text("1 succeeded")
    page.keyboard.press("Home")
    expect(page.locator("#cell")).to_contain_text("Succeeded")
    assert page.locator("#grid canvas").screenshot() != before


def test_a_tab_that_nobody_sees_lets_its_stream_go_and_comes_back(tab: Tab) -> None:
    fleet.deploying(W, P)
    page = tab.open(f"/deployments/{ID}")
    hide = "value => { Object.defineProperty(document, 'hidden', { value, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, True)
    expect(page.locator("#live")).to_have_text("not live")
    fleet.deploying(S, W)
    page.evaluate(hide, False)
    expect(page.locator("#live")).to_have_text("live")
    expect(page.locator("#hosts")).to_contain_text("1 succeeded")


def test_more_tabs_than_a_browser_has_connections(tab: Tab, context: BrowserContext, console: Console) -> None:
    """Of six and more tabs all show their page: those that nobody sees hold no connection."""
    fleet.deploying(W, P)
    pages = [context.new_page() for _ in range(7)]
    for each in pages:
        each.goto(f"{tab.address}/deployments/{ID}")
        expect(each.locator("h1")).to_be_visible()
        each.close()
    expect(tab.open(f"/deployments/{ID}").locator("h1")).to_be_visible()


def test_an_engine_that_does_not_answer(tab: Tab, engine: Served) -> None:
    fleet.deploying(W, P)
    page = tab.open(f"/deployments/{ID}")
    engine.fails = 503
    expect(page.get_by_role("alert")).to_contain_text("No answer, asking again")
    expect(page.locator("#hosts")).to_contain_text("1 in progress")
    engine.fails = 0
    expect(page.get_by_role("alert")).to_have_count(0)

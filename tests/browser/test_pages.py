"""Each page as people with different eyes, screens and hands find it."""

import gzip
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import fleet
from tests.browser.conftest import Tab
from tests.browser.fleet import ID, F, K, P, S, W
from tests.clients import client
from tests.conftest import BUCKET

STATES = (S, S, F, W, S, P)
NARROW = {"width": 360, "height": 740}
Shows = Callable[[Tab], Page]


def groups(tab: Tab) -> Page:
    fleet.deploying(*STATES, hosts=fleet.groups())
    page = tab.open("/")
    expect(page.locator("#groups")).to_contain_text("2222222")  # what hosts run comes a moment later
    return page


def deployment(tab: Tab) -> Page:
    fleet.deploying(*STATES, hosts=fleet.groups())
    return tab.open(f"/deployments/{ID}")


def many(tab: Tab) -> Page:
    fleet.groups()
    fleet.deploying(*[S] * 700, *[W] * 30, *[F] * 4, *[K] * 6, *[P] * 260)
    return tab.open(f"/deployments/{ID}")


def target(tab: Tab) -> Page:
    hosts = fleet.groups()
    fleet.deploying(*STATES, hosts=hosts)
    return tab.open(f"/deployments/{ID}/targets/{hosts[2]}")


def log(tab: Tab) -> Page:
    hosts = fleet.groups()
    fleet.deploying(*STATES, hosts=hosts)
    body = gzip.compress("\n".join(f"line {number}" for number in range(200)).encode())
    client("s3").put_object(Bucket=BUCKET, Key=f".stepdeploy/logs/{ID}/{hosts[2]}/Install.log.gz", Body=body)
    return tab.open(f"/deployments/{ID}/targets/{hosts[2]}/log")


def nothing(tab: Tab) -> Page:
    return tab.open("/deployments/d-NOTTHERE1")


@pytest.mark.parametrize("shows", [groups, deployment, many, target, log, nothing])
def test_a_page_is_for_everybody(tab: Tab, shows: Shows) -> None:
    """axe-core finds nothing; a narrow screen need not be scrolled sideways; pictures, if they are wanted."""
    page = shows(tab)
    tab.is_accessible()
    if shows is not nothing:
        tab.picture(shows.__name__)
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    tab.is_accessible()


def test_everything_can_be_reached_by_keys(tab: Tab) -> None:
    page = groups(tab)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="2222222").first
    for _ in range(8):  # over the table, which can be scrolled, and the groups before
        page.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/deployments/d-000000002")


def test_the_squares_tell_by_keys_which_host_each_is(tab: Tab) -> None:
    page = deployment(tab)
    page.locator("#grid").focus()
    said = page.locator("#cell")
    expect(said).to_have_text("web-1: Succeeded")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(said).to_have_text("web-3: Failed")
    page.keyboard.press("End")
    expect(said).to_have_text("web-6: Pending")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url("**/targets/*")
    expect(page.locator("h1")).to_have_text("web-5")


def test_a_square_is_a_link_for_a_mouse(tab: Tab) -> None:
    page = deployment(tab)
    page.locator("#grid canvas").click(position={"x": 25, "y": 5})
    page.wait_for_url("**/targets/*")
    expect(page.locator("h1")).to_have_text("web-2")


def test_hosts_of_one_state_page_by_page(tab: Tab) -> None:
    page = many(tab)
    expect(page.locator("tbody tr").first).to_contain_text("Failed")
    page.get_by_role("link", name="Succeeded 700").click()
    expect(page.locator(".pages")).to_contain_text("1 to 50 of 700")
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".pages")).to_contain_text("51 to 100 of 700")
    expect(page.locator("tbody tr").first).to_contain_text("Succeeded")

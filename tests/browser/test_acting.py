"""Forms in a browser: each page for everybody, and whole ways from a link to what it begins."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from functions.core.records import Budget, BudgetShard, Freeze, HostPlace, MaximumOutOfService
from functions.core.records.budgets import set_name
from functions.core.rollout.health import MinimumHealthyHostsType
from functions.core.text.shapes import to_plain
from functions.store.keys import shard_key
from functions.store.records import budgets as records
from functions.store.records import calendar, deployments
from tests.browser import fleet
from tests.browser.conftest import Tab
from tests.browser.fleet import ID, F, P, S, W
from tests.cli.verbs.deploying.test_plan import APPSPEC, managed
from tests.clients import client
from tests.conftest import BUCKET, WEB, put_group, put_item
from tests.unit.handlers.test_prepare import archive

__all__ = ["managed"]  # a fixture
NARROW = {"width": 360, "height": 740}
STATES = (S, S, F, W, S, P)
REVISION = f"s3://{BUCKET}/shop/42.zip"
Shows = Callable[[Tab], Page]


def group(tab: Tab) -> Page:
    fleet.deploying(*STATES, hosts=fleet.groups())
    return tab.open("/groups/shop/web")


def stop(tab: Tab) -> Page:
    fleet.deploying(*STATES, hosts=fleet.groups())
    return tab.open(f"/deployments/{ID}/stop")


def roll_back(tab: Tab) -> Page:
    fleet.groups()
    return tab.open("/groups/shop/web/rollback")


def deploy(tab: Tab) -> Page:
    fleet.groups()
    return tab.open("/groups/shop/web/deploy")


def windows(tab: Tab) -> Page:
    start = "2026-11-23T10:00:00.000Z"
    freeze = Freeze(freeze_id="f-0123ABCDE", scope="*", start=start, end=None, reason="a move", who="ann")
    assert calendar.add_freeze(freeze)
    return tab.open("/windows")


def freeze(tab: Tab) -> Page:
    fleet.deploying(*STATES, hosts=fleet.groups())
    return tab.open("/windows/freeze?scope=shop&reason=The+spring+sale&until=2h")


def lift(tab: Tab) -> Page:
    windows(tab)
    return tab.open("/windows/f-0123ABCDE/lift")


def budgets(tab: Tab) -> Page:
    most = MaximumOutOfService(MinimumHealthyHostsType.HOST_COUNT, 2)
    fleet.groups()
    records.put(Budget(name="web-hosts", maximum=most, tag_groups=(WEB,), declared=True))
    records.use_shards("web-hosts", 2, 0)
    held = {"i-0123456789abcdef0": HostPlace(since="2026-11-23T10:00:00.000Z", failed_in=ID)}
    put_item({**shard_key(set_name("web-hosts"), 0).item, **to_plain(BudgetShard(held=held))})
    return tab.open("/budgets")


@pytest.mark.parametrize("shows", [group, stop, roll_back, deploy, windows, freeze, lift, budgets])
def test_a_page_is_for_everybody(tab: Tab, shows: Shows) -> None:
    page = shows(tab)
    tab.is_accessible()
    tab.picture(shows.__name__)
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    tab.is_accessible()


def test_a_revision_is_planned_seen_and_deployed(tab: Tab, managed: Callable[..., list[str]]) -> None:
    put_group()
    managed("web-1", "web-2")
    client("s3").put_object(Bucket=BUCKET, Key="shop/42.zip", Body=archive(APPSPEC))
    page = tab.open("/")
    page.get_by_role("link", name="shop/web").click()
    page.get_by_role("link", name="Deploy", exact=True).click()
    page.get_by_label("Or another one").fill(REVISION)
    page.get_by_role("button", name="Show the plan").click()
    expect(page.get_by_text("could begin")).to_be_visible()
    tab.is_accessible()
    tab.picture("plan")
    page.get_by_label("Description").fill("the spring sale")
    page.get_by_role("button", name="Deploy to 2 hosts of shop/web").click()
    page.wait_for_url("**/deployments/d-*")
    made = deployments.get(page.url.rpartition("/")[2])
    assert made and made.description == "the spring sale"


def test_a_deployment_is_stopped_by_keys(tab: Tab, executing: None) -> None:
    fleet.deploying(*STATES, hosts=fleet.groups())
    page = tab.open(f"/deployments/{ID}")
    page.get_by_role("link", name="Stop", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_label("Reason").fill("wrong build")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/deployments/{ID}")
    expect(page.locator("#facts")).to_contain_text("wrong build")
    found = deployments.get(ID)
    assert found and found.stop and found.stop.message.endswith("wrong build")

from playwright.sync_api import Page, expect

from tests.unit.api.test_deployments import put


def test_groups(page: Page) -> None:
    put(1)
    expect(page.locator("#live")).to_have_text("live")

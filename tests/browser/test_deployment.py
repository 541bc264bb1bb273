from pathlib import Path

from playwright.sync_api import Page, expect

from functions.core.records import Counts
from functions.core.statuses import DeploymentStatus, TargetStatus
from tests.cli.deploying import ID, put_deployment, put_target, script_failed


def test_deployment(page: Page, tmp_path: Path) -> None:
    put_deployment(
        DeploymentStatus.IN_PROGRESS, Counts(total=12, max_out_of_service=3, in_progress=2, succeeded=4, failed=1)
    )
    for number in range(4):
        put_target(f"i-{number:017}", TargetStatus.SUCCEEDED, done=7)
    for number in range(4, 6):
        put_target(f"i-{number:017}", TargetStatus.IN_PROGRESS, done=number - 1)
    put_target("i-00000000000000006", TargetStatus.FAILED, done=5, left=script_failed(log="asking\nno"))
    for number in range(7, 12):
        put_target(f"i-{number:017}", TargetStatus.PENDING)
    page.goto(page.url + f"deployments/{ID}")
    expect(page.locator("#live")).to_have_text("live")
    page.locator("#grid").focus()
    page.screenshot(path="/tmp/wt/deployment.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_timeout(300)
    page.screenshot(path="/tmp/wt/dark.png", full_page=True)

"""A target is told event by event while its command runs, by the control API on the deployed stack and in the console,
which is the real process; a form of it acts."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from functions.core.statuses import DeploymentStatus
from local.driver import PATIENCE, wait_for
from tests.e2e.conftest import Fleet, MakeFleet, failing
from tests.e2e.test_command_line import ROOT, CommandLine

WAITS = failing("until [ -e /var/lib/go-on ]; do sleep 0.1; done")


class Tab:
    """A browser that has followed the console's link."""

    def __init__(self, link: str) -> None:
        self._address = link.rpartition("/")[0].rpartition("/")[0]
        self._browser = build_opener(HTTPCookieProcessor(CookieJar()))
        assert "url=/" in self.get(link.removeprefix(self._address))

    def get(self, path: str) -> str:
        with self._browser.open(f"{self._address}{path}", timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def press(self, path: str, **fields: str) -> str:
        """The button of a page's form; the page that follows."""
        (own,) = re.findall(r'name="session" value="([^"]+)"', self.get(path))
        form = urlencode({"session": own, **fields}).encode()
        with self._browser.open(f"{self._address}{path}", form, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def until(self, path: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first news of a page's stream that is wanted."""
        with self._browser.open(f"{self._address}/stream{path}", timeout=PATIENCE) as stream:
            for line in stream:
                if line.startswith(b"data: ") and wanted(news := json.loads(line.removeprefix(b"data: "))):
                    return dict(news)
        raise EOFError(path)


@contextmanager
def console(group: Fleet) -> Iterator[Tab]:
    command = [sys.executable, "-m", "cli", "console", "--no-open", "--json"]
    environment = CommandLine(group).environment
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            yield Tab(json.loads(running.stdout.readline())["url"])
        finally:
            running.terminate()


def test_a_running_targets_events_are_told_while_they_run(fleet: MakeFleet) -> None:
    group = fleet("watched", hosts=1)
    (host,) = group.hosts
    one = group.begin("v1", {"scripts/start.sh": WAITS})
    group.engine.wait_until(one, lambda found: found.counts.started == 1)

    def events() -> list[dict[str, Any]]:
        answer = group.cloud.client("codedeploy").get_deployment_target(deploymentId=one, targetId=host.id)
        found: list[dict[str, Any]] = answer["deploymentTarget"]["instanceTarget"]["lifecycleEvents"]
        return found

    def in_start() -> list[dict[str, Any]] | None:
        return found if (found := events())[5]["status"] == "InProgress" else None

    seen = wait_for(in_start, "ApplicationStart to run")
    assert [each["status"] for each in seen] == [*["Succeeded"] * 5, "InProgress", "Pending"]
    assert seen[5]["startTime"] >= seen[4]["endTime"] and "endTime" not in seen[5]
    assert {each.status for each in group.targets(one)[0].events} == {"Pending"}  # the record knows nothing yet
    batch = group.cloud.client("codedeploy").batch_get_deployment_targets(deploymentId=one, targetIds=[host.id])
    assert batch["deploymentTargets"][0]["instanceTarget"]["lifecycleEvents"] == seen
    with console(group) as tab:
        page = f"/deployments/{one}"
        assert group.key in tab.until("/", lambda news: "groups" in news.get("parts", {}))["parts"]["groups"]
        assert "InProgress" in tab.get(page)
        tab.press(f"{page}/pause", reason="one moment")
        info = json.loads(CommandLine(group)("show", one, "--json"))["deployment"]
        assert info["pause"]["reason"] == "one moment" and info["estimatedCost"]["usd"] > 0
        tab.press(f"{page}/resume")
        host.path("var/lib/go-on").touch()
        ended = tab.until(page, lambda news: "Succeeded" in news.get("parts", {}).get("head", ""))
        assert ended["title"].startswith("Succeeded")
    assert group.engine.wait(one).status is DeploymentStatus.SUCCEEDED
    assert {each["status"] for each in events()} == {"Succeeded"}

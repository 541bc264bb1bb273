"""The console's pages and streams, as they are served."""

import gzip
from collections import Counter

import pytest

from cli.view import looks
from functions.core.records import Counts
from functions.core.statuses import DeploymentStatus, TargetStatus
from local.driver import PATIENCE
from tests.cli.console.conftest import Browser
from tests.cli.deploying import ID, put_deployment, put_target
from tests.clients import client
from tests.conftest import BUCKET
from tests.served import Served
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


def test_many_tabs_ask_the_engine_no_more_than_one(
    browser: Browser, engine: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "_SOON", PATIENCE)  # one look is all for the time of this test
    running(succeeded=1)
    first = browser.stream(f"/deployments/{ID}")
    assert first.until(lambda news: "cells" in news)["cells"]["states"] == "SIP"
    asked = list(engine.asked)
    assert Counter(asked)["GetDeployment"] == 1
    tabs = [browser.stream(f"/deployments/{ID}") for _ in range(10)]
    for tab in tabs:
        assert tab.next()["cells"]["states"] == "SIP"
        assert browser.get(f"/deployments/{ID}").status == 200
    assert engine.asked == asked
    for tab in [first, *tabs]:
        tab.close()


def running(*, succeeded: int) -> None:
    """A deployment of three hosts, of which so many have succeeded and the next one is at work."""
    put_deployment(
        DeploymentStatus.IN_PROGRESS, Counts(total=3, max_out_of_service=1, in_progress=1, succeeded=succeeded)
    )
    for number in range(3):
        status = TargetStatus.SUCCEEDED if number < succeeded else TargetStatus.PENDING
        put_target(f"i-{number}", TargetStatus.IN_PROGRESS if number == succeeded else status, done=2)


def test_only_what_changed_is_sent_again(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "_SOON", 0.05)
    running(succeeded=0)
    stream = browser.stream(f"/deployments/{ID}")
    whole = stream.next()
    assert whole["cells"]["states"] == "IPP" and "squares" in whole["parts"]
    running(succeeded=1)
    news = stream.until(lambda news: "changed" in news)
    assert news["changed"] == {"0": "S", "1": "I"}
    assert "cells" not in news and "squares" not in news["parts"]
    stream.close()


def test_a_deployment_that_is_not_there_says_so(browser: Browser) -> None:
    answer = browser.get("/deployments/d-NOTTHERE1")
    assert "DeploymentDoesNotExistException" in answer.text and "see the deployments" in answer.text
    assert browser.get("/deployments/nonsense").status == 404


def test_an_engine_that_does_not_answer_is_told_beside_what_was_seen(
    browser: Browser, engine: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "_SOON", 0.05)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    running(succeeded=0)
    stream = browser.stream(f"/deployments/{ID}")
    stream.next()
    engine.fails = 503
    late = stream.until(lambda news: "late" in news.get("parts", {}))
    assert "No answer, asking again" in late["parts"]["late"]
    engine.fails = 0
    assert stream.until(lambda news: "late" in news.get("parts", {}))["parts"]["late"] == ""
    stream.close()


def test_a_target_and_its_whole_log(browser: Browser) -> None:
    running(succeeded=1)
    assert "AfterInstall" in browser.get(f"/deployments/{ID}/targets/i-0").text
    key = f".stepdeploy/logs/{ID}/i-0/BeforeInstall.log.gz"
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(b"<b>asking</b>\n"))
    assert "&lt;b&gt;asking&lt;/b&gt;" in browser.get(f"/deployments/{ID}/targets/i-0/log").text
    assert "DeploymentTargetDoesNotExistException" in browser.get(f"/deployments/{ID}/targets/i-9").text

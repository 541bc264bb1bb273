"""What the pages before an action show, whoever wrote it: values in, HTML out."""

import re
from typing import Any

import pytest

from cli.account.connection import Refusal
from cli.account.fleet_now import FleetNow, State
from cli.account.fleet_now import Host as FleetHost
from cli.account.good_deployments import Good, Goods
from cli.console import forms, layout
from cli.console.forms import Field, Form, Kind, Link
from cli.console.page import Page
from cli.console.pages import budgets, deploying, freezing, group, holding, retrying, rolling_back, windows
from cli.console.readers import Seen
from tests.cli.console.test_pages import BAD, ID, Reader, everything
from tests.cli.view.test_screen import BEGIN
from tests.hostile import ORDERS


def standing(text: str) -> group.Standing:
    revision = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": text}}
    info = {
        "applicationName": text,
        "deploymentGroupName": text,
        "deploymentConfigName": text,
        "budgets": [text],
        "registeredBy": text,
        "alarmConfiguration": {"alarms": [{"name": text}]},
        "autoRollbackConfiguration": {"enabled": True, "events": [text]},
    }
    past = {**everything(text).seen.info, "revision": revision, "requestedBy": text}
    good = Good(info={"deploymentId": ID, "revision": revision}, number=1, ruled_out=text, is_default=True)
    fleet = FleetNow(
        hosts=[FleetHost(host=text, name=text, state=State.FAILED)], wanted={**past}, brought={}, is_seen=True
    )
    return group.Standing(
        info=info, fleet=fleet, history=[past], goods=Goods(found=[good], reason=text), closed={"reason": text}
    )


def planned(text: str) -> dict[str, Any]:
    stage = {"name": text, "targetCount": 1, "concurrency": 1, "approval": {"approvers": [text]}}
    host = {"hostId": text, "name": text, "stage": 0, "pingStatus": text, "agentVersion": text, "rollback": text}
    return {
        "canBegin": True,
        "errors": [{"code": text, "message": text}],
        "warnings": [text],
        "revision": {"s3Location": {"bucket": text, "key": text}},
        "deploymentConfigName": text,
        "promises": [text],
        "contents": {"scripts": [{"event": text, "location": text, "runAs": text}], "copies": []},
        "installed": [],
        "budgets": [text],
        "windows": [],
        "freezes": [],
        "stages": [stage],
        "hosts": [host],
        "rollback": {"message": text, "targetCount": 0},
        "cost": {"usd": 0.1, "region": "us-east-1", "year": 2025},
    }


def calendar(text: str) -> dict[str, Any]:
    window = {"scope": text, "cron": text, "durationSeconds": 60, "timeZone": text, "reason": text, "by": text}
    freeze = {"freezeId": text, "scope": text, "from": BEGIN, "to": BEGIN, "reason": text, "by": text}
    return {"windows": [window], "freezes": [freeze]}


def budget(text: str) -> list[dict[str, Any]]:
    holders = [
        {"hostId": text, "since": BEGIN, "failedIn": text},
        {"hostId": text, "since": BEGIN, "deploymentId": text},
    ]
    most = {"type": "HOST_COUNT", "value": 1}
    waiting = [{"deploymentId": text, "since": BEGIN}]
    return [
        {
            "budgetName": text,
            "maximumOutOfService": most,
            "hosts": 2,
            "places": 1,
            "holders": holders,
            "waiting": waiting,
        }
    ]


def shown(page: Page, *values: object, error: str = "", **given: str) -> str:
    names = {"deployment": ID, "application": BAD, "group": BAD, "freeze": BAD, "budget": BAD, "host": BAD}
    names |= {"revision": "s3://b/k.zip", "scope": "shop", "reason": BAD, **given}
    topics = page.topics(names)
    seen = {topic: Seen(value, Refusal(error) if error else None) for topic, value in zip(topics, values, strict=True)}
    return layout.document(page.show(names, seen, BEGIN), stream="/stream", query={}, session="s3cret")


PAGES = [
    (group.PAGE, (standing(BAD),)),
    (rolling_back.PAGE, (standing(BAD),)),
    (deploying.FORM, (standing(BAD), [{"s3Location": {"bucket": "b", "key": BAD}}])),
    (deploying.PLAN, (planned(BAD),)),
    (windows.PAGE, (calendar(BAD),)),
    (windows.LIFT, (calendar(BAD),)),
    (freezing.PAGE, (freezing.Reach(groups=[BAD], running=[everything(BAD).seen.info]),)),
    (budgets.PAGE, (budget(BAD),)),
    (budgets.RELEASE, (budget(BAD),)),
    (retrying.PAGE, (everything(BAD),)),
    *((page, (everything(BAD),)) for page in holding.PAGES),
]


@pytest.mark.parametrize(("page", "values"), PAGES, ids=[page.path for page, _ in PAGES])
def test_what_others_wrote_is_text_and_nothing_else(page: Page, values: tuple[object, ...]) -> None:
    written = shown(page, *values, error=BAD)
    read = Reader(written)
    for tag, attributes in read.tags:
        assert tag not in ("style", "iframe", "object", "base", "img")
        assert attributes.get("src") in (None, "/assets/console.js")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("href", "action"):
            assert (attributes.get(name) or "/").startswith(("/", "#")), attributes
    assert not re.search(ORDERS, written.replace("\n", "").replace("\t", ""))
    assert "alert(1)" in read.text


@pytest.mark.parametrize(("page", "values"), PAGES, ids=[page.path for page, _ in PAGES])
def test_a_page_of_which_nothing_is_known_yet_has_no_button_to_press(page: Page, values: tuple[object, ...]) -> None:
    """But those that need to know nothing."""
    written = shown(page, *(None for _ in values), error="no")
    buttons = re.findall(r"<button[^>]*>", written)
    assert all("disabled" in each for each in buttons) or page is windows.PAGE


def test_only_what_changes_something_repeats_the_session() -> None:
    asks = Form(address="/x", submit="Show", fields=[Field("a", "A", Kind.CHOICE, choices=[("1", "one")])])
    does = Form(address="/x", submit="Do", operation="StopDeployment")
    assert "s3cret" not in str(forms.form(asks, "s3cret", {})) and 'method="get"' in str(forms.form(asks, "s3cret", {}))
    assert 'value="s3cret"' in str(forms.form(does, "s3cret", {})) and 'method="post"' in str(
        forms.form(does, "s3cret", {})
    )


def test_every_field_has_a_label_and_its_hint() -> None:
    fields = [
        Field("a", "Text", hint="how"),
        Field("b", "Box", Kind.CHECK),
        Field("c", "One of", Kind.CHOICE, choices=[("", "none"), ("1", "one")], value="1"),
    ]
    read = Reader(str(forms.form(Form(address="/x", submit="Do", fields=fields), "", {})))
    labels = {attributes["for"] for tag, attributes in read.tags if tag == "label"}
    inputs = {attributes["id"] for tag, attributes in read.tags if tag in ("input", "select")}
    assert labels == inputs == {"field-a", "field-b", "field-c"}
    described = [attributes.get("aria-describedby") for tag, attributes in read.tags if tag == "input"]
    assert described[0] == "field-a-hint"
    chosen = [attributes["value"] for tag, attributes in read.tags if tag == "option" and "selected" in attributes]
    assert chosen == ["1"]


def test_a_link_to_what_was_refused_is_none_and_says_why() -> None:
    bar = str(
        forms.links(
            [Link("/a", "Stop", "StopDeployment"), Link("/b", "Pause", "PauseDeployment")], {"StopDeployment": "no"}
        )
    )
    read = Reader(bar)
    assert [attributes["href"] for tag, attributes in read.tags if tag == "a"] == ["/b"]
    assert "Stop no Pause" in read.words


def test_revisions_to_choose_are_those_that_their_text_names() -> None:
    given = {"bucket": "b", "key": "k.zip", "version": "v", "bundleType": "zip"}
    odd = {"bucket": "b", "key": "a?versionId=1&x=2.zip", "version": "v"}
    commit = {"gitHubLocation": {"repository": "ann/shop", "commitId": "a" * 40}}
    found = deploying._choices(None, [{"s3Location": given}, {"s3Location": given}, {"s3Location": odd}, commit])
    assert [value for value, _ in found] == ["s3://b/k.zip?versionId=v", f"github:ann/shop@{'a' * 40}"]

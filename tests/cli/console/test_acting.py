"""What forms of the console begin, asked as a browser asks, over the API that is really served."""

import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError

from cli.console.acting import Denials
from functions.core.new_deployment import summary
from functions.core.records import Budget, BudgetShard, Counts, Deployment, HostPlace, MaximumOutOfService
from functions.core.records.budgets import set_name
from functions.core.rollout.health import MinimumHealthyHostsType
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import shard_key
from functions.store.records import budget_places, budgets, calendar, deployments
from tests.cli.conftest import launched
from tests.cli.console.conftest import Answer, Browser
from tests.cli.console.test_pages import Reader
from tests.cli.deploying import put_deployment, put_target, script_failed
from tests.cli.verbs.deploying.test_plan import APPSPEC, managed
from tests.cli.verbs.fixing.test_holding import ready
from tests.cli.verbs.fixing.test_rollback_and_retry import GOOD
from tests.clients import client
from tests.conftest import BUCKET, WEB, put_group, put_item, stand_in
from tests.fakes.sqs import FakeSqs
from tests.served import ARN, Served
from tests.unit.api.test_deployments import put, record
from tests.unit.handlers.test_prepare import archive

__all__ = ["managed", "ready"]  # fixtures
ID, NOW = "d-000000001", "2026-11-23T10:00:00.000Z"
RUNS = DeploymentStatus.IN_PROGRESS


def send(browser: Browser, path: str, **fields: str) -> Answer:
    """By the form of our own page."""
    form = {"session": browser.console.session.form_value, **fields}
    return browser.post(path, urlencode(form), Content_Type="application/x-www-form-urlencoded")


def words(answer: Answer) -> str:
    assert answer.status == 200, answer.text
    return Reader(answer.text).words


def button(answer: Answer) -> tuple[str, bool]:
    """What the button of the one form says, and whether it can be pressed."""
    (found,) = re.findall(r"<button([^>]*)>([^<]*)</button>", answer.text)
    return found[1], "disabled" not in found[0]


def deployment(name: str = ID) -> Deployment:
    found = deployments.get(name)
    assert found
    return found


def test_a_deployment_is_stopped_after_a_page_that_says_what_that_does(
    engine: Served, executing: None, browser: Browser
) -> None:
    put_deployment(RUNS, Counts(total=3, max_out_of_service=1, in_progress=1, succeeded=1), deployment_id=ID)
    put_target("i-1", TargetStatus.IN_PROGRESS, done=2, deployment_id=ID)
    answer = browser.get(f"/deployments/{ID}/stop")
    said = words(answer)
    assert "No further host begins (1 host to come)." in said
    assert (
        "1 host at work (i-1 in BeforeInstall for" in said and "goes on to its end, unless scripts are cut off" in said
    )
    assert "What is done stays: 1 host with the new revision" in said
    assert button(answer) == (f"Stop {ID}", True)
    answer = send(browser, f"/deployments/{ID}/stop", reason=" wrong build ", rollback="no", cancel="yes")
    assert (answer.status, answer.headers["location"]) == (303, f"/deployments/{ID}")
    mark = deployment().stop
    assert mark and (mark.by, mark.message) == (ARN, f"Stopped by {ARN}: wrong build")
    assert (mark.auto_rollback, mark.cancel) == (False, True)


def test_what_the_form_leaves_open_the_group_decides(engine: Served, executing: None, browser: Browser) -> None:
    put(1, status=RUNS)
    assert send(browser, f"/deployments/{ID}/stop", rollback="", reason="").status == 303
    mark = deployment().stop
    assert mark and (mark.auto_rollback, mark.cancel) == (None, False)


def test_nothing_is_done_by_a_form_of_another_page(engine: Served, executing: None, browser: Browser) -> None:
    put(1, status=RUNS)
    path, form = f"/deployments/{ID}/stop", {"Content_Type": "application/x-www-form-urlencoded"}
    assert browser.post(path, "reason=x", **form).status == 403
    assert browser.post(path, "session=guessed", **form).status == 403
    right = urlencode({"session": browser.console.session.form_value})
    assert browser.post(path, right, Origin="http://other.example", **form).status == 403
    assert browser.post(path, right, Cookie="", **form).status == 403
    assert browser.get(f"{path}?{right}").status == 200
    assert deployment().stop is None


def test_what_has_ended_cannot_be_held_and_the_page_says_so(engine: Served, browser: Browser) -> None:
    put(1, status=DeploymentStatus.SUCCEEDED)
    for step in ("stop", "pause", "resume", "approve"):
        answer = browser.get(f"/deployments/{ID}/{step}")
        assert "It has ended: Succeeded" in words(answer)
        assert button(answer) == (f"{step.capitalize()} {ID}", False)
    answer = send(browser, f"/deployments/{ID}/stop")
    assert answer.status == 409 and "DeploymentAlreadyCompletedException" in Reader(answer.text).words


def test_a_deployment_is_paused_and_resumed(engine: Served, executing: None, browser: Browser) -> None:
    stand_in("sqs", FakeSqs()).create_queue(QueueName="turns")
    put(1, status=RUNS)
    assert "It is not paused." in words(browser.get(f"/deployments/{ID}/resume"))
    assert send(browser, f"/deployments/{ID}/pause", reason="errors").status == 303
    pause = deployment().pause
    assert pause and (pause.by, pause.why) == (ARN, "errors")
    assert send(browser, f"/deployments/{ID}/resume").status == 303
    assert deployment().pause is None


def test_a_stage_is_approved_on_record(ready: None, browser: Browser) -> None:
    answer = browser.get(f"/deployments/{ID}/approve")
    assert "Stage 2 of 2 (rest) may begin: 9 hosts." in words(answer)
    assert button(answer) == (f"Approve {ID}", True)
    assert send(browser, f"/deployments/{ID}/approve", reason="fine").status == 303
    (given,) = deployment().approvals
    assert (given.by, given.why) == (ARN, "fine")
    again = send(browser, f"/deployments/{ID}/approve")
    assert again.status == 409 and "DeploymentIsNotInReadyStateException" in Reader(again.text).words


def test_what_can_be_done_stands_on_the_page_of_the_deployment_and_changes_with_it(
    ready: None, browser: Browser
) -> None:
    tab = browser.stream(f"/deployments/{ID}")
    try:
        links = tab.until(lambda news: "links" in news.get("parts", {}))["parts"]["links"]
        assert re.findall(r">(\w[\w ]*)</a>", links) == ["Approve", "Pause", "Stop", "Roll back"]
        assert send(browser, f"/deployments/{ID}/pause").status == 303
        links = tab.until(lambda news: "Resume" in news.get("parts", {}).get("links", ""))["parts"]["links"]
        assert "Pause" not in links
    finally:
        tab.close()


def test_what_iam_forbids_is_said_after_the_first_try(engine: Served, executing: None, browser: Browser) -> None:
    put(1, status=RUNS)
    path = f"/deployments/{ID}/stop"
    assert button(browser.get(path))[1]
    engine.fails = 403
    refused = send(browser, path)
    engine.fails = 0
    assert refused.status == 403
    assert "StopDeployment needs execute-api:Invoke on .../POST/StopDeployment" in Reader(refused.text).words
    answer = browser.get(path)
    assert not button(answer)[1] and "needs execute-api:Invoke on .../POST/StopDeployment" in Reader(answer.text).words
    assert button(browser.get(f"/deployments/{ID}/pause"))[1], "another operation may be allowed"
    links = browser.get(f"/deployments/{ID}").text
    assert "/pause" in links and f'href="{path}"' not in links


def test_what_is_refused_of_one_thing_is_not_refused_of_all() -> None:
    time = [0.0]
    denials = Denials(lambda: time[0])

    def denied(code: str) -> ClientError:
        return ClientError({"Error": {"Code": code, "Message": "no"}}, "StopDeployment")

    denials.note(denied("AccessDeniedException"), "/deployments/d-1/stop")
    denials.note(denied("ThrottlingException"), "/deployments/d-2/stop")
    assert denials.now.keys() == {"/deployments/d-1/stop"}
    denials.note(denied("403"), "/deployments/d-1/stop")
    assert denials.now.keys() == {"/deployments/d-1/stop", "StopDeployment"}
    time[0] = 301.0
    assert denials.now == {}, "somebody may have been given the right since"


def test_a_freeze_is_made_and_lifted(engine: Served, browser: Browser) -> None:
    assert "Nothing is frozen." in words(browser.get("/windows"))
    assert 'value="shop/web"' in browser.get("/windows?scope=shop%2Fweb").text
    put_group()
    put_group("api")
    put_group("api", "billing")
    put_deployment(DeploymentStatus.IN_PROGRESS, Counts(total=2))
    asked = urlencode({"scope": "shop", "reason": "a move", "until": "2h", "zone": "UTC"})
    before = words(browser.get(f"/windows/freeze?{asked}"))
    assert "in 2 groups: shop/api, shop/web" in before and "Freeze 2 groups" in before and "billing" not in before
    assert "d-ABCDEF123 to shop/web is InProgress" in before and "a move" in before
    assert calendar.read().freezes == (), "nothing is frozen before that is confirmed"
    made = send(browser, "/windows", scope="shop", reason="a move", until="2h", zone="UTC")
    assert (made.status, made.headers["location"]) == (303, "/windows")
    (freeze,) = calendar.read().freezes
    assert (freeze.scope, freeze.reason, freeze.who) == ("shop", "a move", ARN) and freeze.end
    lift = f"/windows/{freeze.freeze_id}/lift"
    assert f"Lift {freeze.freeze_id}" in words(browser.get(lift))
    assert send(browser, lift).status == 303
    assert calendar.read().freezes == ()
    gone = send(browser, lift)
    assert gone.status == 409 and "there is no freeze" in Reader(gone.text).words


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"scope": "", "reason": "x"}, "What is empty"),
        ({"scope": "shop", "reason": " "}, "Reason is empty"),
        ({"scope": "shop", "reason": "x", "zone": "Nowhere"}, "Time zone 'Nowhere'"),
        ({"scope": "shop", "reason": "x", "until": "soon"}, "'soon' is not a time"),
    ],
)
def test_a_form_that_is_not_as_it_must_be_says_why(
    engine: Served, browser: Browser, fields: dict[str, str], why: str
) -> None:
    answer = send(browser, "/windows", **fields)
    assert answer.status == 409 and why in Reader(answer.text).words
    assert 'href="/windows"' in answer.text and engine.asked == []
    shown = browser.get(f"/windows/freeze?{urlencode(fields)}")
    assert shown.status >= 400 and why in Reader(shown.text).words and engine.asked == []


def test_a_freeze_of_no_group_is_none(engine: Served, browser: Browser) -> None:
    """A typing error would freeze nothing, and look as if it did."""
    put_group()
    page = browser.get("/windows/freeze?scope=shop%2Fwep&reason=x")
    assert "There is no group of shop/wep now." in words(page) and button(page) == ("Freeze 0 groups", False)


def test_a_place_of_a_budget_is_given_back(engine: Served, browser: Browser) -> None:
    most = MaximumOutOfService(MinimumHealthyHostsType.HOST_COUNT, 1)
    budgets.put(Budget(name="web-hosts", maximum=most, tag_groups=(WEB,), declared=True))
    budgets.use_shards("web-hosts", 1, 0)
    held = {"i-1": HostPlace(since=NOW, failed_in=ID)}
    put_item({**shard_key(set_name("web-hosts"), 0).item, **to_plain(BudgetShard(held=held))})
    said = words(browser.get("/budgets"))
    assert "web-hosts 1 of 1 place held" in said and "i-1 failed" in said
    path = "/budgets/web-hosts/i-1/release"
    answer = browser.get(path)
    assert f"i-1 has a place of web-hosts since {ID} failed there." in words(answer)
    assert button(answer) == ("Release the place of i-1", True)
    assert send(browser, path).status == 303
    (shard,) = budget_places.read("web-hosts", 1)
    assert shard.held == {} and "ReleaseBudgetPlace" in engine.asked


def test_a_revision_is_planned_before_it_is_deployed(
    engine: Served, managed: Callable[..., list[str]], browser: Browser
) -> None:
    managed("web-1", "web-2")
    client("s3").put_object(Bucket=BUCKET, Key="shop/42.zip", Body=archive(APPSPEC))
    assert "Nothing begins before you have seen the plan." in words(browser.get("/groups/shop/web/deploy"))
    asked = {"other": f"s3://{BUCKET}/shop/42.zip", "hosts": "web-1", "revision": "", "config": "", "onBusy": "QUEUE"}
    answer = browser.get(f"/groups/shop/web/plan?{urlencode(asked)}")
    said = words(answer)
    assert "could begin" in said and "web-1" in said and "rollback" in said
    assert button(answer) == ("Deploy to 1 host of shop/web", True)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text))
    assert hidden.pop("session") == browser.console.session.form_value
    assert hidden == {"revision": f"s3://{BUCKET}/shop/42.zip", "hosts": "web-1", "onBusy": "QUEUE"}
    assert "CreateDeployment" not in engine.asked
    made = send(browser, "/groups/shop/web/deploy", description="the sale", **hidden)
    assert made.status == 303
    one = deployment(made.headers["location"].removeprefix("/deployments/"))
    assert (one.revision.key, one.description) == ("shop/42.zip", "the sale")
    assert len(one.instance_ids) == 1


def test_a_plan_with_errors_begins_nothing(engine: Served, browser: Browser) -> None:
    answer = browser.get(f"/groups/shop/web/plan?{urlencode({'revision': f's3://{BUCKET}/none.zip'})}")
    assert "REVISION_MISSING" in words(answer) and not button(answer)[1]
    nowhere = browser.get("/groups/shop/web/plan?revision=dist")
    assert nowhere.status == 404 and "stepdeploy push or deploy takes a folder" in Reader(nowhere.text).words


def test_a_group_goes_back_to_a_good_revision_and_its_page_has_its_past(engine: Served, browser: Browser) -> None:
    launched("web-1")
    put_group(last_successful=GOOD)
    record(replace(put(2, status=DeploymentStatus.FAILED), counts=Counts(total=3, max_out_of_service=1, failed=3)))
    said = words(browser.get("/groups/shop/web"))
    assert "d-000000002 Failed" in said and "Good revisions" in said and "a rollback goes here" in said
    answer = browser.get("/groups/shop/web/rollback")
    assert "A new deployment brings the chosen revision to the hosts of the group: 1 now. These are web-1." in words(
        answer
    )
    assert button(answer) == ("Roll back shop/web", True)
    made = send(browser, "/groups/shop/web/rollback", to=GOOD.deployment_id)
    assert made.status == 303
    assert deployment(made.headers["location"].removeprefix("/deployments/")).revision.key == "shop/web/v1.zip"


def test_a_revision_that_the_rule_rules_out_is_never_chosen_before_a_person_has(
    engine: Served, browser: Browser
) -> None:
    one = put(1, status=DeploymentStatus.SUCCEEDED)
    put_group(last_successful=summary(one), last_attempted=summary(one))
    found = re.findall(r'<option value="([^"]*)"( selected)?>', browser.get("/groups/shop/web/rollback").text)
    assert found == [("", " selected"), (ID, "")]
    answer = send(browser, "/groups/shop/web/rollback", to="")
    assert answer.status == 409 and "no earlier successful revision" in Reader(answer.text).words


def test_hosts_that_failed_are_deployed_to_again(engine: Served, browser: Browser) -> None:
    one = put(1, status=DeploymentStatus.FAILED)
    record(replace(one, counts=Counts(total=2, max_out_of_service=1, failed=1, succeeded=1)))
    put_target("i-1", TargetStatus.FAILED, done=4, left=script_failed(), deployment_id=ID)
    put_target("i-2", TargetStatus.SUCCEEDED, done=7, deployment_id=ID)
    answer = browser.get(f"/deployments/{ID}/retry")
    assert "To 1 host: i-1. The others are not touched." in words(answer)
    assert button(answer) == ("Retry", True)
    made = send(browser, f"/deployments/{ID}/retry")
    assert made.status == 303
    assert deployment(made.headers["location"].removeprefix("/deployments/")).retry_of == ID

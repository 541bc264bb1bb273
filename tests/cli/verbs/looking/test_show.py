"""`stepdeploy show`, by the served API, and the causes that it groups hosts by."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cli.__main__ import main
from cli.view.advice import next_steps
from cli.view.facts import facts
from functions.core.records import Counts, DeploymentSummary, Diagnostics, Failure, GivenVersion, RollbackInfo
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus, LifecycleErrorCode, TargetStatus
from functions.store.keys import target_key
from functions.store.table.items import items
from tests.cli.deploying import ID, Captured, put_deployment, put_target, script_failed
from tests.conftest import put_group, put_item, revision
from tests.served import Served
from tests.unit.api.test_deployments import record

FAILED = TargetStatus.FAILED
GOOD = DeploymentSummary(
    deployment_id="d-000000001",
    status=DeploymentStatus.SUCCEEDED,
    create_time="2026-11-22T10:00:00.000Z",
    revision=revision("v0", version="v", etag="e"),
)


def put_failed() -> None:
    put_deployment(
        DeploymentStatus.FAILED,
        Counts(total=5, max_out_of_service=4, succeeded=1, failed=4, started=5),
        failure=Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="too few succeeded"),
        description="the spring sale",
        step_count=5,
    )
    for name in ("i-2", "i-1", "i-3"):
        put_target(name, FAILED, done=6, left=script_failed(log=f"[stdout]on {name}\n[stderr]no \x1b[31mport"))
    conflict = Diagnostics(error_code=LifecycleErrorCode.UNKNOWN_ERROR, message="/srv/a is there")
    put_target("i-4", FAILED, done=3, left=conflict)
    put_target("i-5", TargetStatus.SUCCEEDED, done=7)


def test_hosts_that_failed_alike_are_one_cause(served: Served, capsys: Captured) -> None:
    put_failed()
    put_group(last_successful=GOOD)
    assert main(["show", ID]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{ID}  shop/web  Failed",
        "  revision     s3://revisions/shop/web/v1.zip?versionId=v",
        "  config       CodeDeployDefault.OneAtATime",
        "  asked by     user",
        "  description  the spring sale",
        "  created      2026-11-23 10:00:00",
        "  started      2026-11-23 10:00:01",
        "  ended        2026-11-23 10:01:00 (after 59s)",
        "  targets      5: 1 succeeded, 4 failed",
        "  cost         0.0007 USD, estimated for a run without faults (list prices of us-east-1, 2025)",
        "",
        "HEALTH_CONSTRAINTS: too few succeeded",
        "",
        "3 hosts: ValidateService: start.sh ended with exit code 3",
        "  on i-1, i-2, i-3",
        "  the end of the log on i-1:",
        "  | [stdout]on i-1",
        "  | [stderr]no \\x1b[31mport",
        "",
        "1 host: Install, CONFLICT",
        "  /srv/a is there",
        "  on i-4",
        "",
        "next:",
        f"  read the whole log: stepdeploy logs {ID} i-1 --full",
        f"  after fixing the hosts, retry on them: stepdeploy retry {ID}",
        "  after fixing the revision: stepdeploy deploy shop/web",
        "  or go back to the last good revision, shop/web/v0.zip of d-000000001:"
        " stepdeploy rollback shop/web --to d-000000001",
    ]


def test_what_hosts_stay_out_of_is_told(served: Served, capsys: Captured) -> None:
    put_failed()
    out = {"registered": [{"balancer": "old", "instance_id": "i-4"}]}
    key = target_key(ID, "i-4")
    put_item({**key.item, **(items().get(key) or {}), "traffic": out})
    assert main(["show", ID]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said.count("  out of Classic Load Balancer old until a deployment succeeds there") == 1
    assert main(["show", ID, "--json"]) == 0
    causes = json.loads(capsys.readouterr().out)["causes"]
    assert [each["outOfLoadBalancers"] for each in causes] == [[], ["old"]]


def test_no_rollback_is_recommended_where_no_revision_is_left_and_that_is_said(
    served: Served, capsys: Captured
) -> None:
    put_failed()
    put_group(last_successful=replace(GOOD, failed_since="d-000000002"))
    assert main(["show", ID]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "its revision failed since, in d-000000002" in last and last.endswith("--to DEPLOYMENT_ID")


def test_what_a_revision_was_pinned_to_is_said_where_its_name_does_not(served: Served, capsys: Captured) -> None:
    pinned = revision(version="v-7", etag="e", sha256="ab" * 32, given=GivenVersion())
    done = put_deployment(DeploymentStatus.SUCCEEDED, Counts(total=1, max_out_of_service=1, succeeded=1))
    record(replace(done, revision=pinned))
    assert main(["show", ID]) == 0
    out = capsys.readouterr().out
    assert "  revision     s3://revisions/shop/web/v1.zip\n" in out
    assert "  pinned to    version v-7, sha256 abababababab\n" in out


def test_json_is_one_object_with_all_hosts(served: Served, capsys: Captured) -> None:
    put_failed()
    assert main(["show", ID, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["deployment"]["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"
    assert [(each["hosts"], each["count"], each["event"], each["exitCode"]) for each in found["causes"]] == [
        (["i-1", "i-2", "i-3"], 3, "ValidateService", 3),
        (["i-4"], 1, "Install", None),
    ]
    assert found["causes"][0]["log"][-1] == "[stderr]no \\x1b[31mport"
    assert found["next"][0].endswith("--full")


def test_a_deployment_and_its_rollback_name_each_other(served: Served, capsys: Captured) -> None:
    back = RollbackInfo(rollback_deployment_id="d-ROLLBACK1", rollback_message="went back")
    put_deployment(DeploymentStatus.FAILED, rollback=back)
    assert main(["show", ID]) == 0
    out = capsys.readouterr().out
    assert "  rolled back  by d-ROLLBACK1\n  rollback     went back\n" in out
    assert "see how the rollback went: stepdeploy show d-ROLLBACK1" in out
    of = RollbackInfo(rollback_triggering_deployment_id=ID)
    put_deployment(DeploymentStatus.SUCCEEDED, deployment_id="d-ROLLBACK1", rollback=of)
    assert main(["show", "d-ROLLBACK1"]) == 0
    assert f"  rolls back   {ID}\n" in capsys.readouterr().out


@pytest.mark.parametrize("status", [DeploymentStatus.CREATED, DeploymentStatus.QUEUED, DeploymentStatus.IN_PROGRESS])
def test_one_that_goes_on_can_be_followed_and_stopped(
    status: DeploymentStatus, served: Served, capsys: Captured
) -> None:
    put_deployment(status)
    assert main(["show", ID]) == 0
    out = capsys.readouterr().out
    assert f"follow it: stepdeploy watch {ID}\n  stop it: stepdeploy stop {ID}" in out


def test_of_many_causes_the_first_few_are_told(served: Served, capsys: Captured) -> None:
    put_deployment(DeploymentStatus.FAILED, Counts(total=30, max_out_of_service=30, failed=30))
    for number in range(30):
        put_target(f"i-{number:02}", FAILED, left=script_failed("failed in its own way"), exit_code=number)
    assert main(["show", ID]) == 0
    assert f"and other causes on 25 hosts: each by stepdeploy logs {ID}" in capsys.readouterr().out


def test_what_others_wrote_is_not_obeyed_by_a_terminal(served: Served, capsys: Captured) -> None:
    put_deployment(
        DeploymentStatus.FAILED,
        Counts(total=1, max_out_of_service=1, failed=1),
        failure=Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="a\x1b[2J"),
        description="b\x1b[2J",
    )
    left = Diagnostics(
        error_code=LifecycleErrorCode.SCRIPT_FAILED, script_name="\x1b[2J", message="\x9b2J", log_tail="\x07\r\tx"
    )
    put_target("i-1", FAILED, left=left)
    assert main(["show", ID]) == 0
    out = capsys.readouterr().out
    assert not [letter for letter in out if not letter.isprintable() and letter not in "\n\t"]
    assert "  | \\x07" in out, out.encode()


def test_a_deployment_that_is_not_there_is_refused(served: Served, capsys: Captured) -> None:
    assert main(["show", ID]) == 3
    assert capsys.readouterr().err.startswith("Error: DeploymentDoesNotExistException: ")


def test_who_asked_who_stopped_it_and_what_it_is_for_are_told() -> None:
    at_nine = datetime(2026, 11, 23, 9, tzinfo=UTC)
    stop = {"stoppedBy": "arn:aws:iam::123456789012:user/bob", "stopTime": at_nine, "message": "wrong\nbuild"}
    info = {"requestedBy": "arn:aws:iam::123456789012:user/ann", "metadata": {"ticket": "OPS\x07"}, "stopInfo": stop}
    before = {"revisionType": "S3", "s3Location": {"bucket": "b", "key": "shop/0.zip"}}
    told = dict(
        facts(
            {"status": "Failed", **info, "previousRevision": before, "startTime": at_nine},
            at_nine + timedelta(minutes=3),
        )
    )
    assert told == {
        "revision": "-",
        "replaces": "shop/0.zip",
        "config": "-",
        "asked by": "arn:aws:iam::123456789012:user/ann",
        "metadata": "ticket=OPS\\x07",
        "created": "-",
        "started": "2026-11-23 09:00:00 (3m 0s ago)",
        "stopped by": "arn:aws:iam::123456789012:user/bob, 2026-11-23 09:00:00: wrong\\nbuild",
    }


@pytest.mark.parametrize("code", DeploymentErrorCode)
def test_for_every_error_of_a_deployment_there_is_something_to_do(code: DeploymentErrorCode) -> None:
    info = {
        "deploymentId": ID,
        "applicationName": "shop",
        "deploymentGroupName": "web",
        "status": "Failed",
        "errorInformation": {"code": code},
    }
    assert list(next_steps(info, [], {}))
    assert list(next_steps(info, [], {"deploymentGroupName": "web"}))


@pytest.mark.parametrize(
    ("error", "said", "unsaid"),
    [
        (
            {"code": "ALARM_ACTIVE", "message": "The alarms webapp-errors do not exist in CloudWatch."},
            [
                "create webapp-errors, or take it out of deployments.yaml",
                "then deploy it again: stepdeploy deploy shop/web",
            ],
            "retry",
        ),
        (
            {"code": "MANUAL_STOP", "message": "Superseded by the newer deployment d-0123ABCDE."},
            ["see what took its place: stepdeploy show d-0123ABCDE"],
            "fixing",
        ),
    ],
)
def test_what_to_do_follows_from_the_cause(error: dict[str, str], said: list[str], unsaid: str) -> None:
    told = {"deploymentId": ID, "applicationName": "shop", "deploymentGroupName": "web", "status": "Stopped"}
    steps = list(next_steps({**told, "errorInformation": error}, [], {"deploymentGroupName": "web"}))
    assert steps == said and unsaid not in " ".join(steps)


def test_no_group_is_named_that_there_is_not(served: Served, capsys: Captured) -> None:
    failure = Failure(code=DeploymentErrorCode.INVALID_REVISION, message="no suffix")
    record(replace(put_deployment(DeploymentStatus.FAILED), group="web.tgz", failure=failure))
    assert main(["show", ID]) == 0
    out = capsys.readouterr().out
    assert "stepdeploy deploy shop/web.tgz" not in out
    assert "  deploy it where it was meant for: stepdeploy deploy APPLICATION/GROUP REVISION\n" in out


def test_nothing_is_to_do_about_a_success() -> None:
    assert list(next_steps({"deploymentId": ID, "status": "Succeeded"}, [], {})) == []

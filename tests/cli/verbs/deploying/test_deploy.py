"""`stepdeploy deploy`, against the engine's API; what it made is read back by the API."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main
from cli.account.connection import Engine
from cli.exits import Exit
from cli.view.watch_view import How
from functions.core.records import DeploymentSummary
from functions.core.revision import PUSHED_PREFIX
from functions.core.statuses import DeploymentStatus
from functions.store.keys import lock_key
from tests.cli.bundle.test_provenance import git
from tests.cli.conftest import Watched
from tests.cli.deploying import Time, passes
from tests.conftest import BUCKET, put_group, put_item, revision
from tests.served import Served
from tests.unit.api.test_deployments import put

__all__ = ["passes"]  # a fixture

Captured = pytest.CaptureFixture[str]
Passes = Callable[..., Time]
S3 = f"s3://{BUCKET}/shop/web/1.zip"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests may run in a pipeline themselves."""
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)


def deployed(capsys: Captured) -> dict[str, Any]:
    """The deployment whose id was printed."""
    deployment_id = capsys.readouterr().out.strip()
    found: dict[str, Any] = Engine().api.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
    return found


def test_a_folder_is_pushed_and_deployed(engine: Served, site: Path, capsys: Captured) -> None:
    assert main(["deploy", "shop/web", str(site)]) == 0
    out, err = capsys.readouterr()
    assert err == f"follow it with: stepdeploy watch {out}"
    found = Engine().api.get_deployment(deploymentId=out.strip())["deploymentInfo"]
    assert (found["applicationName"], found["deploymentGroupName"], found["status"]) == ("shop", "web", "Created")
    assert found["revision"]["s3Location"]["key"].startswith(f"{PUSHED_PREFIX}shop/")
    assert engine.asked[:3] == ["GetDeploymentGroup", "RegisterApplicationRevision", "CreateDeployment"]


def test_the_deployment_uses_the_revision_that_was_registered(engine: Served, site: Path, capsys: Captured) -> None:
    assert main(["deploy", "shop/web", str(site)]) == 0
    (found,) = Engine().api.list_application_revisions(applicationName="shop")["revisions"]
    assert deployed(capsys)["revision"] == found


def test_what_push_prints_can_be_deployed(engine: Served, site: Path, capsys: Captured) -> None:
    assert main(["push", "shop/web", str(site)]) == 0
    assert main(["deploy", "shop/web", capsys.readouterr().out.strip()]) == 0
    (found,) = Engine().api.list_application_revisions(applicationName="shop")["revisions"]
    assert deployed(capsys)["revision"] == found


def test_a_restart_takes_no_revision(engine: Served, capsys: Captured) -> None:
    assert main(["deploy", "shop/web", "--restart"]) == Exit.REFUSED
    assert "shop/web has had no successful deployment: nothing is there to restart" in capsys.readouterr().err
    good = DeploymentSummary(
        deployment_id="d-000000001",
        status=DeploymentStatus.SUCCEEDED,
        create_time="2026-11-23T10:00:00.000Z",
        revision=revision(),
    )
    put_group(last_successful=good)
    assert main(["deploy", "shop/web", "--restart", "--meta", "ticket=OPS-42"]) == 0
    found = deployed(capsys)
    assert found["deploymentMode"] == "RESTART" and found["metadata"] == {"ticket": "OPS-42"}
    for more in (["."], ["--outdated-only"]):
        assert main(["deploy", "shop/web", "--restart", *more]) == Exit.USAGE
        assert "--restart and" in capsys.readouterr().err


def test_every_option_reaches_the_deployment(engine: Served, capsys: Captured) -> None:
    options = "--config CodeDeployDefault.AllAtOnce --file-exists retain --ignore-application-stop-failures"
    events = "--rollback-on DEPLOYMENT_FAILURE --rollback-on deployment_stop_on_alarm"
    asked = ["deploy", "shop/web", S3, *options.split(), *events.split(), "--description", "the spring sale"]
    assert main(asked) == 0
    found = deployed(capsys)
    assert found["revision"] == {
        "revisionType": "S3",
        "s3Location": {"bucket": BUCKET, "key": "shop/web/1.zip", "bundleType": "zip"},
    }
    assert found["deploymentConfigName"] == "CodeDeployDefault.AllAtOnce"
    assert found["fileExistsBehavior"] == "RETAIN"
    assert found["ignoreApplicationStopFailures"] is True
    assert found["description"] == "the spring sale"
    assert found["autoRollbackConfiguration"] == {
        "enabled": True,
        "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"],
    }


def test_a_rollback_can_be_ruled_out(engine: Served, capsys: Captured) -> None:
    assert main(["deploy", "shop/web", S3, "--no-rollback"]) == 0
    assert deployed(capsys)["autoRollbackConfiguration"]["enabled"] is False


def test_what_it_is_for_and_whom_it_reaches_is_on_record(engine: Served, site: Path, capsys: Captured) -> None:
    git(site, "init", "--quiet", "--initial-branch=main")
    git(site, "commit", "--quiet", "--allow-empty", "--message=Begin")
    put_group("api")
    options = ["--meta", "ticket=OPS-42", "--meta", "author=Bob", "--hosts", "i-1, i-2"]
    assert main(["deploy", "shop/web", str(site), *options]) == 0
    found, commit = deployed(capsys), git(site, "rev-parse", "HEAD")
    assert found["metadata"] == {"commit": commit, "author": "Bob", "branch": "main", "ticket": "OPS-42"}
    assert found["targetInstances"] == {"instanceIds": ["i-1", "i-2"]}
    assert main(["deploy", "shop/api", str(site), "--no-git", "--outdated-only"]) == 0
    found = deployed(capsys)
    assert found["updateOutdatedInstancesOnly"] is True and "metadata" not in found


def test_a_commit_on_github_is_deployed(engine: Served, capsys: Captured) -> None:
    assert main(["deploy", "shop/web", f"github:shop/web@{'A' * 40}"]) == 0
    location = {"repository": "shop/web", "commitId": "a" * 40}
    assert deployed(capsys)["revision"] == {"revisionType": "GitHub", "gitHubLocation": location}


def test_a_commit_of_codecommit_is_deployed(engine: Served, capsys: Captured) -> None:
    assert main(["deploy", "shop/web", f"codecommit:site@{'A' * 40}"]) == 0
    location = {"repository": "site", "commitId": "a" * 40}
    assert deployed(capsys)["revision"] == {"revisionType": "CodeCommit", "codeCommitLocation": location}


def test_watching_is_begun_with_the_id_and_its_outcome_is_the_exit_status(
    engine: Served, watched: Watched, capsys: Captured
) -> None:
    assert main(["deploy", "shop/web", S3, "--watch", "--timeout", "15m"]) == 1
    out, err = capsys.readouterr()
    assert watched == [(out.strip(), How(seconds=900))]
    assert err == ""


def test_json_is_one_object(engine: Served, capsys: Captured) -> None:
    assert main(["deploy", "shop/web", f"{S3}?versionId=v&etag=e", "--json", "--meta", "ticket=OPS-42"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert found["deploymentId"].startswith("d-")
    assert found["metadata"] == {"ticket": "OPS-42"}
    location = {"bucket": BUCKET, "key": "shop/web/1.zip", "version": "v", "eTag": "e"}
    assert found["revision"] == {"revisionType": "S3", "s3Location": location}


def test_a_second_deployment_while_one_runs_is_refused_with_a_way_on(engine: Served, capsys: Captured) -> None:
    assert main(["deploy", "shop/web", S3]) == 0
    first = capsys.readouterr().out.strip()
    assert main(["deploy", "shop/web", S3, "--on-busy", "reject"]) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"Error: shop/web is busy: {first} by ann, Created for 0s, no hosts yet. Wait for it with")
    assert "--queue" in said and f"stepdeploy watch {first}" in said
    assert main(["deploy", "shop/web", S3, "--on-busy", "reject", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "DeploymentLimitExceededException"


def test_it_can_wait_in_the_queue_and_says_behind_whom(engine: Served, capsys: Captured) -> None:
    assert main(["deploy", "shop/web", S3]) == 0
    first = capsys.readouterr().out.strip()
    assert main(["deploy", "shop/web", S3, "--queue"]) == 0
    queued = deployed(capsys)
    assert (queued["status"], queued["queuedBehind"]) == ("Queued", first)
    assert main(["show", queued["deploymentId"]]) == 0
    assert f"  waits        for {first} to end; a newer deployment" in capsys.readouterr().out


def test_it_can_try_again_until_the_group_is_free(
    engine: Served, passes: Callable[..., Time], capsys: Captured
) -> None:
    put(1, status=DeploymentStatus.IN_PROGRESS)
    put_item({**lock_key("shop/web").item, "holder": "d-000000001"})
    time = passes(lambda: None, lambda: put_item(dict(lock_key("shop/web").item)))
    assert main(["deploy", "shop/web", S3, "--wait", "5m"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("d-") and err.count("shop/web is busy: d-000000001 by user, InProgress") == 1
    assert time.slept == [5, 5]


def test_waiting_for_a_busy_group_has_an_end(engine: Served, passes: Passes, capsys: Captured) -> None:
    put(1, status=DeploymentStatus.IN_PROGRESS)
    put_item({**lock_key("shop/web").item, "holder": "d-000000001"})
    time = passes()
    assert main(["deploy", "shop/web", S3, "--wait", "12s"]) == 4
    assert time.slept == [5, 5, 2]
    assert "Nothing was deployed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (
            "RegisterApplicationRevision",
            "interrupted before a deployment was asked for: nothing was deployed",
        ),
        ("CreateDeployment", "it may have begun; see stepdeploy list shop/web --limit 3"),
    ],
)
def test_ctrl_c_says_what_may_have_begun(
    operation: str, said: str, engine: Served, site: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def interrupt(model: Any, **_: Any) -> None:
        if model.name == operation:
            raise KeyboardInterrupt

    client = Engine.client

    def watched(self: Engine, name: str, **how: Any) -> Any:
        made = client(self, name, **how)
        made.meta.events.register("before-call", interrupt)
        return made

    monkeypatch.setattr(Engine, "client", watched)
    assert main(["deploy", "shop/web", str(site)]) == 130
    out, err = capsys.readouterr()
    assert (out, err.startswith("Error: interrupted ")) == ("", True)
    assert said in err


def test_a_revision_with_errors_is_not_deployed(engine: Served, site: Path) -> None:
    (site / "appspec.yml").write_text("os: linux\n")
    assert main(["deploy", "shop/web", str(site)]) == 1
    assert engine.asked == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["github:shop/web@main"], "REVISION 'github:shop/web@main': give github:OWNER/NAME@COMMIT or codecommit:"),
        (["codecommit:site@main"], "or codecommit:NAME@COMMIT, the commit with all its 40 digits"),
        (["s3://bucket"], "REVISION 's3://bucket': give a folder, an archive, s3://BUCKET/KEY, with"),
        (["ftp://x/y"], "REVISION 'ftp://x/y': give a folder, an archive, s3://BUCKET/KEY, with"),
        (["gone"], "PATH gone: there is no gone"),
        ([S3, "--meta", "ticket"], "'ticket': must be KEY=VALUE, for example ticket=OPS-42"),
        ([S3, "--hosts", "i-1,"], "'i-1,': must be ids or names separated by commas, for example i-0a1b,web-2"),
        ([S3, "--hosts", ""], "'': must be ids or names"),
        ([S3, "--file-exists", "DELETE"], "'DELETE' is not one of"),
        ([S3, "--rollback-on", "MONDAY"], "'MONDAY' is not one of"),
        ([S3, "--no-rollback", "--rollback-on", "DEPLOYMENT_FAILURE"], "--no-rollback and --rollback-on: give one"),
        ([S3, "--timeout", "5m"], "--timeout needs --watch"),
        ([S3, "--watch", "--timeout", "soon"], "'soon': must be a duration, for example 90s, 15m, 1h30m or 30d"),
    ],
)
def test_a_mistake_is_exit_status_2_and_nothing_is_asked_for(
    arguments: list[str], what: str, engine: Served, capsys: Captured
) -> None:
    assert main(["deploy", "shop/web", *arguments]) == 2
    assert what in capsys.readouterr().err
    assert engine.asked == []

"""`stepdeploy logs`: the tails by the served API, whole logs out of moto's S3, as a host puts them there."""

import gzip
import json
from collections.abc import Callable

import pytest

from cli.__main__ import main
from cli.account.connection import Engine
from functions.core.records import Counts
from functions.core.statuses import DeploymentStatus, TargetStatus
from tests.cli.deploying import ID, MESSAGE, Captured, Time, passes, put_deployment, put_target, script_failed
from tests.clients import client
from tests.conftest import BUCKET
from tests.served import Served

__all__ = ["passes"]  # a fixture
HEAD = "== i-1  AfterInstall  Failed  start.sh"


@pytest.fixture
def engine(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A failed deployment of three targets, and the outputs of the stack."""
    monkeypatch.setattr(Engine, "outputs", {"BucketName": BUCKET})
    put_deployment(DeploymentStatus.FAILED, Counts(total=3, max_out_of_service=3, succeeded=1, failed=2))
    put_target("i-0", TargetStatus.SUCCEEDED, done=7)
    put_target("i-1", TargetStatus.FAILED, done=4, left=script_failed(log="[stdout]one\n[stderr]two \x1b[2J\tthree"))
    put_target("i-2", TargetStatus.FAILED, done=6, left=script_failed(log="[stderr]other"))
    return served


def put_log(target: str, event: str, content: bytes) -> None:
    key = f".stepdeploy/logs/{ID}/{target}/{event}.log.gz"
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)


def test_the_tails_of_all_hosts_are_told(engine: Served, capsys: Captured) -> None:
    assert main(["logs", ID]) == 0
    assert capsys.readouterr().out.splitlines() == [
        HEAD,
        "[stdout]one",
        "[stderr]two \\x1b[2J\tthree",
        "",
        "== i-2  ValidateService  Failed  start.sh",
        "[stderr]other",
    ]


def test_one_host_or_one_event_can_be_chosen(engine: Served, capsys: Captured) -> None:
    assert main(["logs", ID, "i-1"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == HEAD
    assert main(["logs", ID, "--event", "ValidateService"]) == 0
    assert capsys.readouterr().out.startswith("== i-2  ValidateService")


def test_who_has_said_nothing_has_no_log(engine: Served, capsys: Captured) -> None:
    assert main(["logs", ID, "i-0"]) == 0
    assert capsys.readouterr() == ("", "no script has said anything\n")


def test_json_is_one_object(engine: Served, capsys: Captured) -> None:
    assert main(["logs", ID, "i-2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "deploymentId": ID,
        "targets": [
            {
                "targetId": "i-2",
                "status": "Failed",
                "events": [{"event": "ValidateService", "status": "Failed", "log": ["[stderr]other"]}],
                "failure": {
                    "cause": "SCRIPT",
                    "event": "ValidateService",
                    "script": "start.sh",
                    "exitCode": 3,
                    "message": MESSAGE,
                },
            }
        ],
    }


def test_whole_logs_are_read_from_the_bucket_in_the_order_of_the_events(engine: Served, capsys: Captured) -> None:
    put_log("i-1", "AfterInstall", gzip.compress(b"second\xff\r\n" * 3))
    put_log("i-1", "ApplicationStop", gzip.compress(b"first\n"))
    put_log("i-10", "ApplicationStop", gzip.compress(b"of another\n"))
    assert main(["logs", ID, "i-1", "--full"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "== i-1  ApplicationStop  Succeeded",
        "first",
        "",
        HEAD,
        *["second\N{REPLACEMENT CHARACTER}"] * 3,
    ]


def test_where_a_whole_log_did_not_arrive_its_end_says_so(engine: Served, capsys: Captured) -> None:
    lost = "[stepdeploy]the whole log could not be uploaded: HTTP 400 ExpiredToken"
    put_target("i-1", TargetStatus.FAILED, done=4, left=script_failed(log=f"[stdout]end\n{lost}"))
    for arguments in (["logs", ID, "i-1"], ["logs", ID, "i-1", "--full"], ["show", ID]):
        assert main(arguments) == 0
        assert lost in capsys.readouterr().out


def test_a_log_without_line_ends_does_not_fill_the_memory(engine: Served, capsys: Captured) -> None:
    put_log("i-1", "AfterInstall", gzip.compress(b"x" * 1_000_000))
    assert main(["logs", ID, "i-1", "--full"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) == 64 * 1024


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"cut off" * 99)[:-9], gzip.compress(b"x" * 99)[:12]],
    ids=["no gzip", "cut off at its end", "cut off in its middle"],
)
def test_what_is_no_log_is_refused_by_its_name(content: bytes, engine: Served, capsys: Captured) -> None:
    put_log("i-1", "AfterInstall", content)
    assert main(["logs", ID, "i-1", "--full"]) == 3
    assert f"s3://{BUCKET}/.stepdeploy/logs/{ID}/i-1/AfterInstall.log.gz is not a whole log" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["d-000000009"], "DeploymentDoesNotExistException"),
        ([ID, "i-9"], "DeploymentTargetDoesNotExistException"),
    ],
)
def test_what_is_not_there_is_refused(arguments: list[str], code: str, engine: Served, capsys: Captured) -> None:
    assert main(["logs", *arguments]) == 3
    assert code in capsys.readouterr().err


def test_an_unknown_event_is_a_mistake(engine: Served, capsys: Captured) -> None:
    assert main(["logs", ID, "--event", "Sleep"]) == 2
    assert "'Sleep' is not one of 'BeforeBlockTraffic'" in capsys.readouterr().err


def test_only_lines_in_which_something_is_found(served: Served, capsys: Captured) -> None:
    put_deployment(DeploymentStatus.FAILED, Counts(total=2, failed=2))
    put_target("i-1", TargetStatus.FAILED, done=6, left=script_failed(log="all is well\nFATAL: no port\nbye"))
    put_target("i-2", TargetStatus.FAILED, done=6, left=script_failed(log="all is well"))
    assert main(["logs", ID, "--grep", "FATAL|ERROR"]) == 0
    assert capsys.readouterr().out == "== i-1  ValidateService  Failed  start.sh\nFATAL: no port\n"
    assert main(["logs", ID, "--grep", "nowhere"]) == 0
    assert capsys.readouterr() == ("", "no script has said such a thing\n")
    assert main(["logs", ID, "--grep", "("]) == 2
    assert "is not a regular expression" in capsys.readouterr().err


def test_logs_are_followed_as_events_end(served: Served, passes: Callable[..., Time], capsys: Captured) -> None:
    put_deployment(DeploymentStatus.IN_PROGRESS, Counts(total=2, max_out_of_service=2, in_progress=1, failed=1))
    put_target("i-1", TargetStatus.FAILED, done=1, left=script_failed(log="the first"))
    put_target("i-2", TargetStatus.IN_PROGRESS, done=2)

    def second_fails() -> None:
        put_deployment(DeploymentStatus.FAILED, Counts(total=2, max_out_of_service=2, failed=2))
        put_target("i-2", TargetStatus.FAILED, done=2, left=script_failed(log="the second"))

    passes(lambda: None, second_fails)
    assert main(["logs", ID, "--follow"]) == 0
    out = capsys.readouterr().out
    assert (out.count("the first"), out.count("the second")) == (1, 1)
    assert out.index("the first") < out.index("the second")
    assert main(["logs", ID, "--follow", "--full"]) == 2

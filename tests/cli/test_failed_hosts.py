"""A deployment that succeeds although hosts failed: every view says so."""

from dataclasses import replace

import pytest

from cli.__main__ import main
from functions.core.causes import Cause
from functions.core.new_deployment import summary
from functions.core.records import Counts, SharedFailure, TargetFailure
from functions.core.statuses import DeploymentStatus
from tests.cli.deploying import ID, Captured, put_deployment
from tests.conftest import put_group
from tests.served import Served

HALF = Counts(total=12, max_out_of_service=12, succeeded=6, failed=6)
SILENT = TargetFailure(cause=Cause.UNREACHABLE, message="SSM cannot reach the instance (ConnectionLost)")


@pytest.fixture(autouse=True)
def half(served: Served) -> None:
    """A success on six of twelve hosts."""
    cause = SharedFailure(failure=SILENT, count=6, target_ids=tuple(f"i-{number}" for number in range(6)), since="")
    one = put_deployment(DeploymentStatus.SUCCEEDED, HALF, causes=(cause,))
    put_group(last_attempted=replace(summary(one), failed_hosts=6), last_successful=summary(one))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", ID], f"{ID}  shop/web  Succeeded, 6 of 12 hosts failed"),
        (["list"], "  Succeeded, 6 of 12 hosts failed  "),
        (["groups"], "  Succeeded, 6 hosts failed  "),
        (["watch", ID], "Succeeded  59s  12: 6 succeeded, 6 failed  6 of 12 hosts failed"),
    ],
)
def test_a_success_says_how_many_hosts_failed(arguments: list[str], said: str, capsys: Captured) -> None:
    assert main(arguments) == 0
    assert said in capsys.readouterr().out


def test_watching_says_why_and_fails_only_when_it_is_asked_to(capsys: Captured) -> None:
    assert main(["watch", ID]) == 0
    assert main(["watch", ID, "--fail-on-failed-hosts"]) == 5
    assert capsys.readouterr().out.count("\n6 hosts: UNREACHABLE\n") == 2


def test_show_says_why_hosts_failed_before_any_event_and_what_to_do(capsys: Captured) -> None:
    assert main(["show", ID]) == 0
    assert capsys.readouterr().out.splitlines()[-9:] == [
        "",
        "6 hosts: UNREACHABLE",
        "  SSM cannot reach the instance (ConnectionLost)",
        "  on i-0, i-1, i-2, i-3, i-4 and 1 more",
        "",
        "next:",
        "  see what is wrong with the hosts: stepdeploy doctor shop/web",
        f"  after fixing the hosts, retry on them: stepdeploy retry {ID}",
        "  No rollback: the deployment group shop/web has no earlier successful revision to roll back to. Ruled out:"
        f" {ID} (s3://revisions/shop/web/v1.zip): it has the revision that is rolled back. Deploy a good revision:"
        " stepdeploy deploy shop/web; or go back to one of these all the same: stepdeploy rollback shop/web --to"
        " DEPLOYMENT_ID",
    ]


def test_a_deployment_that_is_not_watched_cannot_fail_by_its_hosts(capsys: Captured) -> None:
    assert main(["retry", ID, "--fail-on-failed-hosts"]) == 2
    assert "--fail-on-failed-hosts needs --watch" in capsys.readouterr().err

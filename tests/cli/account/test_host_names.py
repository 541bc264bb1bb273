"""Hosts are called by their Name tags in every view, and taken by them wherever an id is."""

from collections.abc import Sequence

import pytest

from cli.__main__ import main
from functions.core.causes import Cause
from functions.core.records import Counts, SharedFailure, TargetFailure
from functions.core.statuses import DeploymentStatus, TargetStatus
from tests.cli.conftest import Api, launched
from tests.cli.deploying import ID, Captured, put_deployment, put_target, script_failed
from tests.conftest import BUCKET

S3 = f"s3://{BUCKET}/shop/1.zip"


@pytest.fixture
def hosts(api: Api) -> Sequence[str]:
    """web-7, on which the deployment failed, and two hosts that share a name."""
    found = launched("web-7", "twin", "twin")
    failure = TargetFailure(
        cause=Cause.SCRIPT, message="no", event="BeforeInstall", script_name="start.sh", exit_code=3
    )
    causes = (SharedFailure(failure=failure, count=2, target_ids=(found[0], found[1]), since=""),)
    put_deployment(DeploymentStatus.FAILED, Counts(total=2, max_out_of_service=1, failed=2), causes=causes)
    for each in found[:2]:
        put_target(each, TargetStatus.FAILED, done=2, left=script_failed())
    return found


def test_show_watch_and_logs_call_a_host_by_its_name_where_only_one_has_it(
    hosts: Sequence[str], capsys: Captured
) -> None:
    assert main(["show", ID]) == 0
    out = capsys.readouterr().out
    assert f"  on web-7, {hosts[1]}\n" in out and f"stepdeploy logs {ID} web-7 --full" in out
    assert "the end of the log on web-7:" in out
    assert main(["watch", ID]) == 1
    out = capsys.readouterr().out
    assert "] web-7  " in out and hosts[0] not in out and hosts[1] in out
    assert main(["logs", ID, "web-7"]) == 0
    assert capsys.readouterr().out.startswith("== web-7  BeforeInstall  Failed  start.sh\n")


def test_json_has_the_ids(hosts: Sequence[str], capsys: Captured) -> None:
    assert main(["watch", ID, "--json"]) == 1
    out = capsys.readouterr().out
    assert hosts[0] in out and "web-7" not in out


def test_deploy_takes_names_and_ids(hosts: Sequence[str], api: Api) -> None:
    assert main(["deploy", "shop/web", S3, "--hosts", f"web-7,{hosts[1]}"]) == 0
    assert api.asked["CreateDeployment"]["targetInstances"] == {"instanceIds": [hosts[0], hosts[1]]}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("web-8", "'web-8': no host of shop/web has that id or name; did you mean 'web-7'?"),
        ("x", "'x': no host of shop/web has that id or name; see them: stepdeploy hosts shop/web"),
        ("twin", "'twin': 2 hosts of shop/web have that name: give an id of i-"),
    ],
)
def test_a_name_that_means_no_host_or_many_is_a_mistake(
    given: str, said: str, hosts: Sequence[str], capsys: Captured
) -> None:
    assert main(["deploy", "shop/web", S3, "--hosts", given]) == 2
    assert said in capsys.readouterr().err
    assert main(["logs", ID, given]) == 2

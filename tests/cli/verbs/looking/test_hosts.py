"""`stepdeploy hosts`: what runs where, by the API, moto's EC2 and a fake of SSM's hosts."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from cli.__main__ import main
from cli.account.connection import Engine
from cli.account.fleet import Member
from cli.account.fleet_now import Host, State, known
from functions.core.records import DeploymentSummary, Registration
from functions.core.records import Host as OnRecord
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import host_key
from tests.cli.conftest import Api, launched
from tests.conftest import put_group, put_item, revision, stand_in
from tests.fakes.run_command import FakeRunCommand
from tests.served import Served
from tests.unit.api.test_deployments import put

Captured = pytest.CaptureFixture[str]
SINCE = datetime(2026, 11, 23, 10, tzinfo=UTC)


def location(key: str = "shop/web/v1.zip", version: str = "v", **more: str) -> dict[str, Any]:
    at = {"bucket": "revisions", "key": key, "bundleType": "zip", "version": version, **more}
    return {"revisionType": "S3", "s3Location": at}


def listed(host: str, status: str = "Succeeded", **at: str) -> dict[str, Any]:
    """A Host of ListHosts."""
    told = {"hostId": host, "deploymentId": "d-000000001", "status": status, "since": SINCE}
    return {**told, "revision": location(**at)}


def states(*args: Any) -> dict[str, State]:
    return {each.host: each.state for each in known(*args)}


def instance(host: str) -> Member:
    return Member(instance_id=host, tags={"Name": f"name of {host}"}, ping="ConnectionLost")


def test_a_host_is_current_with_the_wanted_revision_and_outdated_with_another_version_of_it() -> None:
    records = [
        listed("i-1"),
        listed("i-2", version="old"),
        listed("i-3", key="shop/web/v0.zip"),
        listed("i-4", eTag="e"),
    ]
    assert states(records, {"revision": location()}, None) == {
        "i-1": State.CURRENT,
        "i-2": State.OUTDATED,
        "i-3": State.OUTDATED,
        "i-4": State.CURRENT,
    }


def test_a_host_on_which_the_last_deployment_failed_is_failed_whatever_it_was() -> None:
    assert states([listed("i-1", "Failed")], {"revision": location()}, None) == {"i-1": State.FAILED}


def test_without_a_successful_deployment_no_host_is_current() -> None:
    assert states([listed("i-1")], None, None) == {"i-1": State.OUTDATED}


def test_hosts_that_only_ec2_or_only_the_record_knows_are_empty_or_gone() -> None:
    records = [listed("i-1"), listed("i-9")]
    assert states(records, {"revision": location()}, [instance("i-1"), instance("i-2")]) == {
        "i-1": State.CURRENT,
        "i-2": State.EMPTY,
        "i-9": State.GONE,
    }


def test_nobody_is_gone_when_ec2_could_not_be_asked() -> None:
    assert states([listed("i-9")], {"revision": location()}, None) == {"i-9": State.CURRENT}


def test_a_host_has_its_name_and_ssms_word() -> None:
    (host,) = known([listed("i-1")], {"revision": location()}, [instance("i-1")])
    assert host == Host(
        host="i-1",
        state=State.CURRENT,
        name="name of i-1",
        revision=location(),
        status="Succeeded",
        since=SINCE,
        deployment="d-000000001",
        ping="ConnectionLost",
    )


@pytest.fixture
def fleet(api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Launches hosts; those that are given as `listed` are on record with the revision of d-000000001."""
    ssm = FakeRunCommand()
    summary = DeploymentSummary(
        deployment_id=put(1).deployment_id,
        status=DeploymentStatus.SUCCEEDED,
        create_time="2026-11-23T00:01:00.000Z",
        revision=revision(version="v", etag="e"),
    )
    put_group(last_successful=summary, last_attempted=replace(summary))
    stand_in("ssm", ssm)

    def launch(count: int, on_record: int, *, silent: int = 0) -> list[str]:
        ids = sorted(launched(*["\u202eweb"] * count))
        for each in ids[:on_record]:
            host = OnRecord(
                target_id=each, deployment_id="d-000000001", status=TargetStatus.SUCCEEDED, since=SINCE.isoformat()
            )
            put_item({**host_key("uuid-of-web", each).item, **to_plain(host)})
        ssm.ping.update(dict.fromkeys(ids[:silent], "ConnectionLost"))
        return ids

    return launch


def test_people_read_a_line_for_each_host_and_the_counts(fleet: Callable[..., list[str]], capsys: Captured) -> None:
    first, second, third = fleet(3, 2, silent=1)
    assert main(["hosts", "shop/web"]) == 0
    assert [line.split("  ")[:1] + line.split()[1:] for line in capsys.readouterr().out.splitlines()] == [
        ["HOST", "NAME", "STATE", "REVISION", "SINCE", "(UTC)", "DEPLOYMENT", "SSM"],
        [first, "\\u202eweb", "current", "shop/web/v1.zip", "2026-11-23", "10:00:00", "d-000000001", "ConnectionLost"],
        [second, "\\u202eweb", "current", "shop/web/v1.zip", "2026-11-23", "10:00:00", "d-000000001", "Online"],
        [third, "\\u202eweb", "empty", "-", "-", "-", "Online"],
        ["3 hosts: 2 current, 1 empty, 1 not online", "hosts:", "2", "current,", "1", "empty,", "1", "not", "online"],
    ]


def test_json_is_one_object(fleet: Callable[..., list[str]], capsys: Captured) -> None:
    (host,) = fleet(1, 1)
    assert main(["hosts", "shop/web", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["revision"] == location(eTag="e")
    assert told["hosts"] == [
        {
            "hostId": host,
            "state": "current",
            "status": "Succeeded",
            "name": "\u202eweb",
            "revision": location(eTag="e"),
            "since": "2026-11-23T10:00:00Z",
            "deploymentId": "d-000000001",
            "ping": "Online",
            "outOfLoadBalancers": [],
        }
    ]


def test_a_host_that_was_left_out_of_load_balancers_is_told(fleet: Callable[..., list[str]], capsys: Captured) -> None:
    (host,) = fleet(1, 1)
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
    out = tuple(Registration(balancer=each, instance_id=host) for each in (arn, arn, "old"))
    failed = OnRecord(target_id=host, deployment_id="d-000000001", status=TargetStatus.FAILED, since=SINCE.isoformat())
    put_item({**host_key("uuid-of-web", host).item, **to_plain(replace(failed, out_of=out))})
    assert main(["hosts", "shop/web"]) == 0
    says = f"{host} is out of target group web, Classic Load Balancer old until a deployment succeeds there"
    assert says in capsys.readouterr().out.splitlines()
    assert main(["hosts", "shop/web", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hosts"][0]["outOfLoadBalancers"] == [arn, "old"]


def test_what_may_not_be_seen_is_left_out_and_told(
    fleet: Callable[..., list[str]], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(2, 1)
    client = Engine.client

    def refusing(engine: Engine, name: str, **how: Any) -> Any:
        made = client(engine, name, **how)
        no = SimpleNamespace(status_code=403), {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
        made.meta.events.register("before-call.stepdeploy.ListGroupInstances", lambda **_: no)
        return made

    monkeypatch.setattr(Engine, "client", refusing)
    assert main(["hosts", "shop/web"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "1 host: 1 current"
    needed = "not allowed to see the group's instances: execute-api:Invoke on ListGroupInstances is needed"
    assert err.splitlines() == [needed]


def test_a_group_that_is_not_there_is_refused(engine: Served, capsys: Captured) -> None:
    assert main(["hosts", "shop/w3b"]) == 3
    assert "DeploymentGroupDoesNotExistException" in capsys.readouterr().err

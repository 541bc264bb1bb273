"""VerifyHosts and GetHostVerification: hosts are asked in bulk, and what they say is judged."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws.fleet import verify
from functions.core.records import DeploymentSummary, Host
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import host_key
from tests.conftest import put_group, put_item, revision, stand_in
from tests.fakes.run_command import FakeRunCommand
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.api.test_deployments import put

GROUP = {"applicationName": "shop", "deploymentGroupName": "web"}
NOW = "2026-11-23T10:00:00.000Z"


@pytest.fixture
def ssm(store: Store) -> FakeRunCommand:
    ssm = FakeRunCommand()
    stand_in("ssm", ssm)
    deployment_id = put(1).deployment_id
    summary = DeploymentSummary(
        deployment_id=deployment_id, status=DeploymentStatus.FAILED, create_time=NOW, revision=revision()
    )
    put_group(last_attempted=summary)
    return ssm


def on_record(count: int) -> list[str]:
    ids = sorted(f"{'mi' if number == 3 else 'i'}-{number:017x}" for number in range(count))
    for each in ids:
        host = Host(target_id=each, deployment_id="d-000000001", status=TargetStatus.FAILED, since=NOW)
        put_item({**host_key("uuid-of-web", each).item, **to_plain(host)})
    return ids


def says(ssm: FakeRunCommand, key: str, **changes: Any) -> None:
    told = {
        "event": "Verify", "group": "uuid-of-web", "deployment": "d-000000001", "installed": None, "events": {},
        "isWhole": True, "isBusy": False, **changes,
    }  # fmt: skip
    ssm.end(key, "Success", plugins=[{"Name": "Verify", "Output": json.dumps(told)}])


def test_many_hosts_are_asked_by_few_commands(api: Api, ssm: FakeRunCommand) -> None:
    ids = on_record(120)
    ssm.ping[ids[0]], ssm.ping[ids[1]] = "ConnectionLost", ""
    first = api("VerifyHosts", **GROUP)
    second = api("VerifyHosts", **GROUP, nextToken=first["nextToken"])
    assert "nextToken" not in second and first["deploymentId"] == "d-000000001"
    asked = [each for page in (first, second) for some in page["verifications"] for each in some["hostIds"]]
    assert sorted(asked) == ids[2:]
    assert len(ssm.sent) == 3 and {len(each["InstanceIds"]) for each in ssm.sent} <= {20, 48, 50}
    assert ssm.sent[0]["Parameters"] == {"GroupId": ["uuid-of-web"], "DeploymentId": ["d-000000001"]}
    assert ssm.sent[0]["DocumentName"] == "stepdeploy-verify" and ssm.sent[0]["DocumentVersion"] == "1"
    assert [(each["hostId"], each["state"]) for each in first["hosts"]] == [(each, "UNKNOWN") for each in ids[:2]]
    assert ["ConnectionLost" in first["hosts"][0]["reason"], "is gone" in first["hosts"][1]["reason"]] == [True, True]


def test_a_host_that_ssm_refuses_costs_the_others_nothing(api: Api, ssm: FakeRunCommand) -> None:
    ids = on_record(9)
    send = ssm.on_send_command

    def refuse(**request: Any) -> dict[str, Any]:
        if ids[5] in request["InstanceIds"]:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no tag"}}, "SendCommand")
        return send(**request)

    ssm.on_send_command = refuse  # type: ignore[method-assign]
    answer = api("VerifyHosts", **GROUP)
    assert [each["hostId"] for each in answer["hosts"]] == [ids[5]]
    asked = [each for some in answer["verifications"] for each in some["hostIds"]]
    assert sorted(asked) == [*ids[:5], *ids[6:]]


def test_what_hosts_have_said_so_far(api: Api, ssm: FakeRunCommand) -> None:
    ids = on_record(4)
    (asked,) = api("VerifyHosts", **GROUP)["verifications"]
    wanted = {**GROUP, "verificationId": asked["verificationId"]}
    assert api("GetHostVerification", **wanted) == {"hosts": []}
    counts = {"changed": 1, "missing": 0, "permissions": 0, "added": 0, "byScripts": 0}
    says(ssm, asked["verificationId"], installed="d-0", counts=counts, paths=[["changed", "/srv/a"]])
    says(ssm, f"{asked['verificationId']}/{ids[1]}")
    says(ssm, f"{asked['verificationId']}/{ids[2]}", group="another one")
    broken, untouched, silent = api("GetHostVerification", **wanted)["hosts"]
    assert broken == {
        "hostId": ids[0], "state": "BROKEN", "reason": "1 changed since d-0 was installed", "deploymentId": "d-0",
        "changes": counts, "paths": [{"change": "changed", "path": "/srv/a"}],
    }  # fmt: skip
    assert untouched == {"hostId": ids[1], "state": "UNTOUCHED", "reason": "nothing is installed"}
    assert silent["state"] == "UNKNOWN" and silent["reason"].startswith("it did not say (Success)")


def test_a_command_of_another_document_is_no_verification(api: Api, ssm: FakeRunCommand) -> None:
    on_record(1)
    (asked,) = api("VerifyHosts", **GROUP)["verifications"]
    ssm.invocations[asked["verificationId"]]["DocumentName"] = "AWS-RunShellScript"
    says(ssm, asked["verificationId"])
    assert api("GetHostVerification", **GROUP, verificationId=asked["verificationId"]) == {"hosts": []}
    api.refuses("InvalidInputException", "GetHostVerification", **GROUP, verificationId="c-1")


def test_a_group_without_deployments_has_nothing_to_verify(api: Api, ssm: FakeRunCommand) -> None:
    put_group()
    assert "no deployment yet" in api.refuses("InvalidInputException", "VerifyHosts", **GROUP)
    assert ssm.sent == []


def test_throttling_is_for_the_client_to_meet_again(api: Api, ssm: FakeRunCommand) -> None:
    on_record(1)
    ssm.refuses = ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "SendCommand")
    api.refuses("ThrottlingException", "VerifyHosts", **GROUP)


def test_the_limits_are_those_of_ssm() -> None:
    """SendCommand takes 50 ids, and ListCommandInvocations shows at most 50 with details."""
    from botocore.session import get_session

    model = get_session().get_service_model("ssm")
    shapes = [model.shape_for("InstanceIdList"), model.shape_for("CommandMaxResults")]
    assert min(each.metadata["max"] for each in shapes) >= verify.HOSTS_A_COMMAND

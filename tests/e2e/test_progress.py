"""A target is told event by event while its command runs, by the control API on the deployed stack."""

from typing import Any

from functions.core.statuses import DeploymentStatus
from local.driver import wait_for
from tests.e2e.conftest import MakeFleet, failing

WAITS = failing("until [ -e /var/lib/go-on ]; do sleep 0.1; done")


def test_a_running_targets_events_are_told_while_they_run(fleet: MakeFleet) -> None:
    group = fleet("watched", hosts=1)
    (host,) = group.hosts
    one = group.begin("v1", {"scripts/start.sh": WAITS})
    group.engine.wait_until(one, lambda found: found.counts.started == 1)

    def events() -> list[dict[str, Any]]:
        answer = group.cloud.client("codedeploy").get_deployment_target(deploymentId=one, targetId=host.id)
        found: list[dict[str, Any]] = answer["deploymentTarget"]["instanceTarget"]["lifecycleEvents"]
        return found

    def in_start() -> list[dict[str, Any]] | None:
        return found if (found := events())[5]["status"] == "InProgress" else None

    seen = wait_for(in_start, "ApplicationStart to run")
    assert [each["status"] for each in seen] == [*["Succeeded"] * 5, "InProgress", "Pending"]
    assert seen[5]["startTime"] >= seen[4]["endTime"] and "endTime" not in seen[5]
    assert {each.status for each in group.targets(one)[0].events} == {"Pending"}  # the record knows nothing yet
    batch = group.cloud.client("codedeploy").batch_get_deployment_targets(deploymentId=one, targetIds=[host.id])
    assert batch["deploymentTargets"][0]["instanceTarget"]["lifecycleEvents"] == seen
    host.path("var/lib/go-on").touch()
    assert group.engine.wait(one).status is DeploymentStatus.SUCCEEDED
    assert {each["status"] for each in events()} == {"Succeeded"}

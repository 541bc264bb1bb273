"""Two engines in one account and Region, with the same applications and groups: nothing crosses."""

import json
from pathlib import Path

import yaml

from functions.core.causes import Cause
from local.driver import Engine
from tests.e2e.conftest import RECONCILE_SECONDS, Fleet, MakeFleet
from tests.e2e.test_command_line import CommandLine


def test_a_second_engine_commands_its_own_hosts_alone(
    fleet: MakeFleet, declaration: Path, context: dict[str, str], tmp_path: Path
) -> None:
    first = fleet("all", hosts=1)
    cloud = first.cloud
    file = yaml.safe_load(declaration.read_text())
    # An Auto Scaling group belongs to one engine; what is uploaded or pushed there would be deployed by both.
    del file["applications"]["shop"]["groups"]["scaled"], file["revisionBuckets"], file["codeCommitRepositories"]
    (tmp_path / "staging.yaml").write_text(yaml.safe_dump(file))
    cloud.synthesize(
        tmp_path / "staging", tmp_path / "staging.yaml", RECONCILE_SECONDS, {**context, "stackName": "staging"}
    )
    staging = Engine(cloud, cloud.deploy_assembly(tmp_path / "staging"))
    assert staging.outputs["HostTag"] == "stepdeploy=staging"
    host = cloud.add_instance("staging-1", {"group": "all", "stepdeploy": "staging"})
    try:
        second = Fleet(cloud, staging, "all", [host])
        # Both groups select both hosts by the tag `group`; the tag of the engine decides.
        deployments = [each.deploy("v1") for each in (first, second)]
        for mine, one, others in ((first, deployments[0], second), (second, deployments[1], first)):
            assert mine.installed() == ["v1"]
            failed = [each.target_id for each in mine.targets(one) if each.failure]
            assert failed == [each.id for each in others.hosts]
            causes = {each.failure.cause for each in mine.targets(one) if each.failure}
            assert causes == {Cause.DENIED}
            assert first.engine.deployments("shop/all") != staging.deployments("shop/all")
        ids = {each.deployment_id for each in deployments}
        stepdeploy = CommandLine(first)
        of_first = json.loads(stepdeploy("list", "shop/all", "--json"))["deployments"]
        of_second = json.loads(stepdeploy("--stack", "staging", "list", "shop/all", "--json"))["deployments"]
        listed = [[each["deploymentId"] for each in of] for of in (of_first, of_second)]
        assert {each for of in listed for each in of} >= ids and not set(listed[0]) & set(listed[1])
    finally:
        cloud.remove_instance(host)

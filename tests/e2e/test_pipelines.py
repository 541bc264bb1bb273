"""CodePipeline and CodeCommit: a pipeline from its source to hosts, and a push that is deployed without one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from functions.core.statuses import DeploymentStatus
from local.driver import wait_for
from tests.e2e.conftest import Fleet, MakeFleet, application, failing, unpacked
from tests.e2e.test_command_line import CommandLine
from tests.fakes.codecommit import commit_all, git
from tests.infra.users.pipelines import as_request, declared, template_of

SOURCES, ARTIFACTS, KEY = "pipeline-sources", "pipeline-artifacts", "shop.zip"


def action(category: str, provider: str, name: str, configuration: Mapping[str, str], **artifacts: str) -> Any:
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "configuration": dict(configuration),
        **{kind: [{"name": artifact}] for kind, artifact in artifacts.items()},
    }


class Pipeline:
    """A source in S3 or CodeCommit -> hosts, with a role that may do just that."""

    def __init__(
        self, fleet: Fleet, name: str = "release", repository: str = "", deploy: Any = None, **parameters: Any
    ) -> None:
        """`deploy`: the action that deploys the artifact Built; without it one is declared by hand."""
        self.fleet, self.name, self.client = fleet, name, fleet.cloud.client("codepipeline")
        function = fleet.engine.outputs["PipelineFunctionName"]
        s3, iam = fleet.cloud.client("s3"), fleet.cloud.client("iam")
        for bucket in (SOURCES, ARTIFACTS):
            s3.create_bucket(Bucket=bucket)  # one that is there stays
        s3.put_bucket_versioning(Bucket=SOURCES, VersioningConfiguration={"Status": "Enabled"})
        trust = {"Effect": "Allow", "Principal": {"Service": "codepipeline.amazonaws.com"}, "Action": "sts:AssumeRole"}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
        allowed = [
            {
                "Effect": "Allow",
                "Action": "lambda:InvokeFunction",
                "Resource": f"arn:aws:lambda:*:*:function:{function}",
            },
            {"Effect": "Allow", "Action": "s3:Get*", "Resource": f"arn:aws:s3:::{SOURCES}/*"},
            {"Effect": "Allow", "Action": "codecommit:GetBranch", "Resource": f"arn:aws:codecommit:*:*:{repository}"},
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"arn:aws:s3:::{ARTIFACTS}/*"},
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        iam.put_role_policy(RoleName=name, PolicyName="pipeline", PolicyDocument=policy)
        wanted = {
            "application": "shop",
            "group": fleet.group,
            "metadata": {"version": "#{SourceVariables.CommitId}" if repository else "#{SourceVariables.VersionId}"},
            **parameters,
        }
        source = action("Source", "S3", "Upload", {"S3Bucket": SOURCES, "S3ObjectKey": KEY}, outputArtifacts="Built")
        if repository:
            branch = {"RepositoryName": repository, "BranchName": "main"}
            source = action("Source", "CodeCommit", "Commit", branch, outputArtifacts="Built")
        deploy = deploy or action(
            "Invoke",
            "Lambda",
            "Hosts",
            {"FunctionName": function, "UserParameters": json.dumps(wanted)},
            inputArtifacts="Built",
        )
        self.client.create_pipeline(
            pipeline={
                "name": self.name,
                "roleArn": role["Arn"],
                "artifactStore": {"type": "S3", "location": ARTIFACTS},
                "stages": [{"name": "Source", "actions": [source]}, {"name": "Deploy", "actions": [deploy]}],
            }
        )

    def run(self, version: str, changes: Mapping[str, str | None] | None = None) -> str:
        """Start the pipeline with a new source; the id of its execution."""
        archive = application(version, changes)
        self.fleet.cloud.client("s3").put_object(Bucket=SOURCES, Key=KEY, Body=archive)
        return self.start()

    def start(self) -> str:
        return str(self.client.start_pipeline_execution(name=self.name)["pipelineExecutionId"])

    def ended(self, execution: str) -> str:
        """The status with which it has ended."""

        def status() -> str | None:
            asked = {"pipelineName": self.name, "pipelineExecutionId": execution}
            found = self.client.get_pipeline_execution(**asked)["pipelineExecution"]["status"]
            return None if found in ("InProgress", "Stopping") else str(found)

        return wait_for(status, "the pipeline to end")

    def hosts_action(self) -> dict[str, Any]:
        """The last run of the action that deploys, as `aws codepipeline get-pipeline-state` shows it."""
        stages = self.client.get_pipeline_state(name=self.name)["stageStates"]
        found: dict[str, Any] = stages[1]["actionStates"][0].get("latestExecution", {})
        return found


class Clone:
    """A person's clone of a repository of CodeCommit, with the test application."""

    def __init__(self, fleet: Fleet, folder: Path, repository: str) -> None:
        codecommit = fleet.cloud.client("codecommit")
        codecommit.create_repository(repositoryName=repository)
        self._remote = codecommit.get_repository(repositoryName=repository)["repositoryMetadata"]["cloneUrlHttp"]
        self.folder = folder

    def push(self, version: str, changes: Mapping[str, str | None] | None = None) -> str:
        """Commit a version and push it; the commit's id."""
        commit = commit_all(unpacked(self.folder, version, changes))
        git(self.folder, "push", "--quiet", "--force", self._remote, "HEAD:refs/heads/main")
        return commit


@pytest.fixture
def pipeline(fleet: MakeFleet) -> Pipeline:
    return Pipeline(fleet("pipeline"), stopWithPipeline=True)


def test_a_pipeline_from_its_source_to_hosts_and_one_that_fails_and_rolls_back_and_one_that_is_stopped(
    pipeline: Pipeline,
) -> None:
    group = pipeline.fleet
    group.cloud.reset_records()
    first = pipeline.run("v1")
    assert pipeline.ended(first) == "Succeeded", pipeline.hosts_action()
    assert group.installed() == ["v1", "v1"]
    told = pipeline.hosts_action()
    (one,) = group.engine.deployments(group.key)
    assert (told["summary"], told["percentComplete"]) == ("2 of 2 targets", 100)
    assert told["externalExecutionId"] == one.deployment_id
    assert one.metadata["pipeline"] == "release" and one.metadata["execution"] == first
    assert one.metadata["version"] == one.metadata["commit"]
    assert one.revision.key == f".stepdeploy/pipeline/release/{first}/Built.zip"
    assert group.cloud.records().functions["stepdeploy-pipeline_job"] == 1

    second = pipeline.run("v2", {"scripts/validate.sh": failing("exit 7")})
    assert pipeline.ended(second) == "Failed"
    error = pipeline.hosts_action()["errorDetails"]
    assert error["code"] == "JobFailed" and "exit code 7" in error["message"] and "rolls back" in error["message"]
    back, bad = group.engine.deployments(group.key)[:2]
    assert bad.status is DeploymentStatus.FAILED and back.deployment_id in error["message"]
    assert group.engine.wait(back.deployment_id).status is DeploymentStatus.SUCCEEDED
    assert group.installed() == ["v1", "v1"]

    third = pipeline.run("v3", {"scripts/start.sh": failing("until [ -e /srv/go ]; do sleep 0.1; done")})
    running = wait_for(lambda: _running(group), "the third deployment to run")
    pipeline.client.stop_pipeline_execution(pipelineName="release", pipelineExecutionId=third, abandon=True)
    stopping = group.engine.wait_until(running, lambda each: each.stop is not None)
    for host in group.hosts:
        host.path("srv/go").touch()
    assert stopping.stop and stopping.stop.message.startswith("Stopped by CodePipeline: pipeline release")
    assert group.engine.wait(running).status is DeploymentStatus.STOPPED
    assert pipeline.ended(third) == "Stopped" and pipeline.hosts_action()["status"] == "Abandoned"


def _running(group: Fleet) -> str | None:
    newest = group.engine.deployments(group.key)[0]
    is_third = newest.metadata.get("pipeline") and newest.counts.total and not newest.status.is_final
    started = is_third and any(each.started_at for each in group.targets(newest.deployment_id))
    return newest.deployment_id if started else None


def test_a_push_is_deployed_and_so_is_a_commit_by_its_name_and_a_pipeline_from_it(
    fleet: MakeFleet, tmp_path: Path
) -> None:
    group = fleet("pushed", hosts=1)
    clone = Clone(group, tmp_path, "site")
    first = clone.push("v1")
    one = wait_for(lambda: next(iter(group.engine.deployments(group.key)), None), "the push to start a deployment")
    done = group.engine.wait(one.deployment_id)
    assert done.status is DeploymentStatus.SUCCEEDED, done.failure
    assert done.metadata["commit"] == first and group.installed() == ["v1"]
    assert done.revision.key == f".stepdeploy/codecommit/site/{first}.tar.gz"

    second = clone.push("v2")
    newest = wait_for(lambda: _newest(group, second), "the second push to start a deployment")
    assert group.engine.wait(newest).status is DeploymentStatus.SUCCEEDED
    CommandLine(group)("deploy", group.key, f"codecommit:site@{first}", "--no-git", "--watch")
    assert group.installed() == ["v1"]

    # The library's action, as it is synthesized.
    metadata = {"version": "#{SourceVariables.CommitId}"}
    deploy = as_request(declared(template_of(group=group.key, metadata=metadata, stop_with_pipeline=True)))
    pipeline = Pipeline(group, name="from-commits", repository="site", deploy=deploy)
    execution = pipeline.start()
    assert pipeline.ended(execution) == "Succeeded", pipeline.hosts_action()
    assert group.installed() == ["v2"]
    last = group.engine.deployments(group.key)[0]
    assert last.metadata["commit"] == last.metadata["version"] == second
    assert last.pipeline and last.pipeline.stop_with_pipeline


def _newest(group: Fleet, commit: str) -> str | None:
    newest = group.engine.deployments(group.key)[0]
    return newest.deployment_id if newest.metadata.get("commit") == commit else None

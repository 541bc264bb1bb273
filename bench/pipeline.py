"""A pipeline that deploys, on the local cloud: how soon it learns of the end, and how often it calls the function."""

import json
from datetime import datetime
from typing import Any

from rich.table import Table

from bench.limits import Limits
from local.bundles import webapp
from local.cloud import ROOT, LocalCloud
from local.driver import Engine, wait_for

RUNS = 5
_NAME, _SOURCES, _ARTIFACTS = "release", "pipeline-sources", "pipeline-artifacts"


def measure() -> Table:
    """The first run makes every function warm; the others are measured."""
    with LocalCloud() as cloud:
        engine = Engine(cloud, cloud.deploy(ROOT / "bench/deployments.yaml"))
        cloud.add_instance("web-0", {"role": "web", "stepdeploy": "enabled"})
        _create(cloud, engine.outputs["PipelineFunctionName"])
        _run(cloud, engine, "v0")
        cloud.reset_records()
        seconds = [_run(cloud, engine, f"v{number}") for number in range(1, RUNS + 1)]
        calls = cloud.records().functions[engine.outputs["PipelineFunctionName"]]
    limits = Limits(f"A pipeline that deploys to one host, {RUNS} times, on the local cloud")
    limits.add("calls of pipeline_job, each deployment", calls / RUNS, 3)
    limits.add("from the deployment's end to the action's, slowest", max(seconds), 1, "s")
    limits.add("from the deployment's end to the action's, fastest", min(seconds), unit="s")
    return limits.table


def _create(cloud: LocalCloud, function: str) -> None:
    s3, iam = cloud.client("s3"), cloud.client("iam")
    for bucket in (_SOURCES, _ARTIFACTS):
        s3.create_bucket(Bucket=bucket)
    trust = {"Effect": "Allow", "Principal": {"Service": "codepipeline.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=_NAME, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
    allowed = {"Effect": "Allow", "Action": ["s3:*", "lambda:InvokeFunction"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=_NAME, PolicyName="pipeline", PolicyDocument=policy)
    upload = {"S3Bucket": _SOURCES, "S3ObjectKey": "shop.zip"}
    deploy = {"FunctionName": function, "UserParameters": json.dumps({"application": "shop", "group": "web"})}
    stages = [
        {"name": "Source", "actions": [_action("Source", "S3", upload, outputArtifacts=[{"name": "Built"}])]},
        {"name": "Deploy", "actions": [_action("Invoke", "Lambda", deploy, inputArtifacts=[{"name": "Built"}])]},
    ]
    store = {"type": "S3", "location": _ARTIFACTS}
    pipeline = {"name": _NAME, "roleArn": role["Arn"], "artifactStore": store, "stages": stages}
    cloud.client("codepipeline").create_pipeline(pipeline=pipeline)


def _action(category: str, provider: str, configuration: dict[str, str], **artifacts: Any) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": provider, "actionTypeId": kind, "configuration": configuration, **artifacts}


def _run(cloud: LocalCloud, engine: Engine, version: str) -> float:
    """Seconds from the end of the deployment to that of the action."""
    cloud.client("s3").put_object(Bucket=_SOURCES, Key="shop.zip", Body=webapp(version))
    pipelines = cloud.client("codepipeline")
    execution = pipelines.start_pipeline_execution(name=_NAME)["pipelineExecutionId"]

    def ended() -> dict[str, Any] | None:
        deploy = pipelines.get_pipeline_state(name=_NAME)["stageStates"][1]
        if deploy.get("latestExecution", {}).get("pipelineExecutionId") != execution:
            return None
        action: dict[str, Any] = deploy["actionStates"][0]["latestExecution"]
        return None if action["status"] == "InProgress" else action

    action = wait_for(ended, "the pipeline to end")
    if action["status"] != "Succeeded":
        raise RuntimeError(f"{version} ended {action['status']}: {action.get('errorDetails')}\n{cloud.log_tail()}")
    end = engine.deployment(action["externalExecutionId"]).complete_time
    return float(action["lastStatusChange"].timestamp() - datetime.fromisoformat(str(end)).timestamp())

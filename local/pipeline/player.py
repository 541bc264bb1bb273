"""Plays a pipeline's actions: S3 and CodeCommit as sources, a function that answers by jobs as the rest.

What the pipeline does it does with its own role, over the cloud's endpoint: IAM decides as on AWS.
Source: CodePipeline User Guide, "Lambda invoke action reference", "Amazon S3 source action reference".
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from local.pipeline.records import ActionRun, Execution, Job

_VARIABLE = re.compile(r"#\{(\w[\w@-]*)\.(\w+)\}")


class World(Protocol):
    """The cloud around the pipelines."""

    def credentials(self, role_arn: str) -> dict[str, str]:
        """A new session of a role: accessKeyId, secretAccessKey and sessionToken."""

    def client(self, service: str, credentials: dict[str, str]) -> Any:
        """boto3's, by these credentials."""

    def emit(self, entry: dict[str, Any]) -> None:
        """Put an event on the default bus."""

    def archive(self, repository: str, commit: str) -> bytes:
        """A zip of a commit of CodeCommit."""

    @property
    def account(self) -> str: ...

    @property
    def region(self) -> str: ...


@dataclass
class Settings:
    """Times of AWS that nobody waits for here."""

    no_answer_seconds: float = 20 * 60  # after which an action that a function does not answer has failed
    again_seconds: float = 0.2  # between a job that goes on and its successor


class ActionFailed(Exception):
    """Why an action has failed: code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Player:
    """Plays one action after the other; `jobs` are those that wait for an answer."""

    def __init__(self, world: World, settings: Settings, jobs: dict[str, Job]) -> None:
        self._world, self._settings, self._jobs = world, settings, jobs
        self._sources: dict[str, Callable[..., tuple[bytes, str, dict[str, str]]]] = {
            "S3": self._from_s3,
            "CodeCommit": self._from_codecommit,
        }

    def play(self, run: Execution, stage: dict[str, Any], action: dict[str, Any]) -> bool:
        """Whether the next action may begin."""
        state = run.actions[stage["name"], action["name"]] = ActionRun()
        self._tell(run, stage, action, "STARTED")
        kind = action["actionTypeId"]
        try:
            if kind["category"] == "Source" and kind["provider"] in self._sources:
                self._source(run, action, state)
            elif (kind["category"], kind["provider"]) == ("Invoke", "Lambda"):
                self._invoke(run, stage, action, state)
            else:
                what = f"the local cloud plays no {kind['category']} action of {kind['provider']}"
                raise ActionFailed("ConfigurationError", what)
        except ActionFailed as failed:
            state.end("Failed", error=(failed.code, str(failed)))
        except ClientError as error:
            told = error.response["Error"]
            state.end("Failed", error=("PermissionError" if "Denied" in told["Code"] else "JobFailed", str(error)))
        self._tell(run, stage, action, state.status.upper())
        return state.status == "Succeeded"

    def _source(self, run: Execution, action: dict[str, Any], state: ActionRun) -> None:
        lent = self._world.credentials(run.pipeline["roleArn"])
        provider = action["actionTypeId"]["provider"]
        body, revision, variables = self._sources[provider](self._configuration(run, action), lent)
        (output,) = action["outputArtifacts"]
        bucket = run.pipeline["artifactStore"]["location"]
        key = f"{run.name[:20]}/{output['name'][:10]}/{uuid.uuid4().hex[:7]}"
        self._world.client("s3", lent).put_object(Bucket=bucket, Key=key, Body=body)
        run.artifacts[output["name"]], run.revisions[output["name"]] = key, revision
        run.variables[action.get("namespace", "SourceVariables")] = variables
        state.end("Succeeded", external_id=revision, summary=f"{provider}: {revision}")

    def _from_s3(self, configuration: dict[str, str], lent: dict[str, str]) -> tuple[bytes, str, dict[str, str]]:
        bucket, key = configuration["S3Bucket"], configuration["S3ObjectKey"]
        found = self._world.client("s3", lent).get_object(Bucket=bucket, Key=key)
        version = found.get("VersionId", "")
        known = {"BucketName": bucket, "ObjectKey": key, "VersionId": version, "ETag": found["ETag"]}
        return found["Body"].read(), version, known

    def _from_codecommit(
        self, configuration: dict[str, str], lent: dict[str, str]
    ) -> tuple[bytes, str, dict[str, str]]:
        repository, branch = configuration["RepositoryName"], configuration["BranchName"]
        codecommit = self._world.client("codecommit", lent)
        commit = codecommit.get_branch(repositoryName=repository, branchName=branch)["branch"]["commitId"]
        known = {"RepositoryName": repository, "BranchName": branch, "CommitId": commit}
        return self._world.archive(repository, commit), commit, known

    def _invoke(self, run: Execution, stage: dict[str, Any], action: dict[str, Any], state: ActionRun) -> None:
        token = ""
        while True:
            job = Job(run, stage["name"], action["name"], self._data(run, action, token))
            self._jobs[job.job_id] = job
            told = {"id": job.job_id, "accountId": self._world.account, "data": job.data}
            lent = self._world.credentials(run.pipeline["roleArn"])
            self._world.client("lambda", lent).invoke(
                FunctionName=job.data["actionConfiguration"]["configuration"]["FunctionName"],
                InvocationType="Event",
                Payload=json.dumps({"CodePipeline.job": told}),
            )
            if not job.is_over.wait(self._settings.no_answer_seconds):
                job.is_over.set()
                raise ActionFailed("JobTimedOut", "The function did not answer in time.")
            if job.result is None:  # abandoned
                return
            operation, asked = job.result
            if operation == "PutJobFailureResult":
                details = asked["failureDetails"]
                state.external_id = details.get("externalExecutionId", "")
                raise ActionFailed(details["type"], details["message"])
            details = asked.get("executionDetails", {})
            state.summary, state.percent = details.get("summary", ""), details.get("percentComplete")
            state.external_id = details.get("externalExecutionId", "")
            if not (token := asked.get("continuationToken", "")):
                run.variables[action.get("namespace", "")] = asked.get("outputVariables", {})
                state.end("Succeeded")
                return
            time.sleep(self._settings.again_seconds)

    def _data(self, run: Execution, action: dict[str, Any], token: str) -> dict[str, Any]:
        """What the function is told."""
        store = run.pipeline["artifactStore"]
        inputs = [
            {
                "name": each["name"],
                "revision": run.revisions.get(each["name"]),
                "location": {
                    "type": "S3",
                    "s3Location": {"bucketName": store["location"], "objectKey": run.artifacts[each["name"]]},
                },
            }
            for each in action.get("inputArtifacts", [])
        ]
        return {
            "actionConfiguration": {"configuration": self._configuration(run, action)},
            "inputArtifacts": inputs,
            "outputArtifacts": [],
            "artifactCredentials": self._world.credentials(run.pipeline["roleArn"]),
            **({"continuationToken": token} if token else {}),
            **({"encryptionKey": store["encryptionKey"]} if "encryptionKey" in store else {}),
        }

    def _configuration(self, run: Execution, action: dict[str, Any]) -> dict[str, str]:
        """With the variables of the actions before it in their places."""
        known = {**run.variables, "codepipeline": {"PipelineExecutionId": run.execution_id}}

        def value(found: re.Match[str]) -> str:
            try:
                return known[found[1]][found[2]]
            except KeyError:
                raise ActionFailed("InvalidVariable", f"{found[0]}: there is no such variable") from None

        return {name: _VARIABLE.sub(value, text) for name, text in action.get("configuration", {}).items()}

    def _tell(self, run: Execution, stage: dict[str, Any], action: dict[str, Any], state: str) -> None:
        kind = action["actionTypeId"]
        detail = {
            "pipeline": run.name,
            "execution-id": run.execution_id,
            "stage": stage["name"],
            "action": action["name"],
            "state": state,
            "region": self._world.region,
            "type": {name: kind[name] for name in ("owner", "category", "provider", "version")},
            "version": 1,
        }
        arn = f"arn:aws:codepipeline:{self._world.region}:{self._world.account}:{run.name}"
        self._world.emit(
            {
                "Source": "aws.codepipeline",
                "DetailType": "CodePipeline Action Execution State Change",
                "Resources": [arn],
                "Detail": json.dumps(detail),
            }
        )

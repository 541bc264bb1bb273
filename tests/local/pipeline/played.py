"""The local cloud's CodePipeline without its cloud: buckets are a dictionary, a function is one of the test's."""

import io
import json
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from local.json_model import JsonError, check_answer, check_request
from local.pipeline.player import Settings
from local.pipeline.service import CodePipeline

PATIENCE = 30.0  # seconds until what never comes counts as that


class World:
    """What pipelines see."""

    region, account = "us-east-1", "000000000000"

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.events: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []  # the jobs that the function was called with
        self.function: Callable[[dict[str, Any]], object] = lambda job: None
        self.is_denied = False

    def credentials(self, role_arn: str) -> dict[str, str]:
        return {"accessKeyId": role_arn, "secretAccessKey": "s", "sessionToken": "t"}

    def client(self, service: str, credentials: dict[str, str]) -> "World":
        return self

    def emit(self, entry: dict[str, Any]) -> None:
        self.events.append(json.loads(entry["Detail"]))

    def archive(self, repository: str, commit: str) -> bytes:
        return f"{repository} at {commit}".encode()

    def get_branch(self, *, repositoryName: str, branchName: str) -> dict[str, Any]:
        return {"branch": {"branchName": branchName, "commitId": "c0ffee"}}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if (Bucket, Key) not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "no such key"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Bucket, Key]), "VersionId": "v1", "ETag": '"e"'}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Bucket, Key] = Body

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: str) -> None:
        if self.is_denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Invoke")
        assert InvocationType == "Event"
        job = json.loads(Payload)["CodePipeline.job"]
        self.calls.append(job)
        self.function(job)


class Played:
    """The service as a client sees it."""

    def __init__(self) -> None:
        self.world = World()
        self.service = CodePipeline(self.world, Settings(no_answer_seconds=PATIENCE, again_seconds=0))
        self.world.objects["sources", "shop.zip"] = b"archive"

    def __call__(self, operation: str, **asked: Any) -> dict[str, Any]:
        """The answer; both are held to the model of AWS."""
        check_request("codepipeline", operation, asked)
        answer = self.service.operations[operation](asked)
        check_answer("codepipeline", operation, answer)
        return answer

    def refusal(self, operation: str, **asked: Any) -> str:
        """The code of a refusal."""
        try:
            self(operation, **asked)
        except JsonError as error:
            return error.code
        raise AssertionError(f"{operation} was not refused")

    def create(self, parameters: str = "{}", **source: str) -> None:
        configuration = {"S3Bucket": "sources", "S3ObjectKey": "shop.zip", **source}
        upload = action("Source", "S3", "Upload", configuration, outputArtifacts=[{"name": "Source"}])
        called = {"FunctionName": "f", "UserParameters": parameters}
        deploy = action("Invoke", "Lambda", "Hosts", called, inputArtifacts=[{"name": "Source"}])
        stages = [{"name": "Source", "actions": [upload]}, {"name": "Deploy", "actions": [deploy]}]
        self(
            "CreatePipeline",
            pipeline={
                "name": "release",
                "roleArn": "arn:aws:iam::000000000000:role/pipeline",
                "artifactStore": {"type": "S3", "location": "artifacts"},
                "stages": stages,
            },
        )

    def start(self) -> str:
        return str(self("StartPipelineExecution", name="release")["pipelineExecutionId"])

    def status(self, execution: str) -> str:
        asked = {"pipelineName": "release", "pipelineExecutionId": execution}
        return str(self("GetPipelineExecution", **asked)["pipelineExecution"]["status"])

    def ended(self, execution: str) -> str:
        return str(self.wait(lambda: (found := self.status(execution)) not in ("InProgress", "Stopping") and found))

    def wait(self, check: Callable[[], Any]) -> Any:
        """What `check` finds at last."""
        beat = threading.Event()
        for _ in range(int(PATIENCE / 0.01)):
            if found := check():
                return found
            beat.wait(0.01)
        raise AssertionError("it never came")

    def action(self, stage: int = 1) -> dict[str, Any]:
        """The last run of the first action of a stage."""
        state = self("GetPipelineState", name="release")["stageStates"][stage]["actionStates"][0]
        found: dict[str, Any] = state.get("latestExecution", {})
        return found


def action(category: str, provider: str, name: str, configuration: dict[str, str], **artifacts: Any) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, "configuration": configuration, **artifacts}

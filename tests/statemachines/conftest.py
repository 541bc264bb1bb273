"""`play` runs the real ASL files in moto's interpreter; a test scripts what the functions answer.

Only the call of a function is replaced, at the one place where moto would start a container for it; states, retries,
catches, tokens and the map are moto's. Time is not: no state waits, and what would run out of time does so at once.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from infra.flow import definition
from tests.statemachines.scripts import SILENCE, Answers, Raises, Run, Throttled

STATEMACHINES = Path(__file__).resolve().parents[2] / "statemachines"
BUCKET = "manifests"


Play = Callable[..., Run]


@cache
def _whole() -> dict[str, Any]:
    return definition(STATEMACHINES)


def flow(which: str) -> dict[str, Any]:
    """The definition as it is deployed, functions being their own names; the target's by itself, or the whole."""
    whole = deepcopy(_whole())
    # AWS takes whole and broken numbers here; moto's grammar knows only broken ones.
    whole["States"]["Targets"]["ToleratedFailurePercentage"] = 100.0
    if which == "deployment":
        return whole
    processor = dict(whole["States"]["Targets"]["ItemProcessor"])
    del processor["ProcessorConfig"]
    return processor


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """moto parses a definition when it is made and when it runs, which takes longer than to play it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AmazonStateLanguageParser, "parse", staticmethod(cache(AmazonStateLanguageParser.parse)))
        yield


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in Wait states nor before another try."""
    monkeypatch.setattr(WaitFunction, "_wait_interval", lambda self, env, wait_seconds: None)
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda seconds: None))


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield lambda which, given, answers: _play(monkeypatch, which, given, answers)


def _play(monkeypatch: pytest.MonkeyPatch, which: str, given: Any, answers: Answers) -> Run:
    client = boto3.client("stepfunctions")
    run, scripted, lock = Run(), {name: list(each) for name, each in answers.items()}, threading.Lock()

    def invoke(parameters: dict[str, Any], region: str, state_credentials: Any) -> dict[str, Any]:
        name, payload = parameters["FunctionName"].strip("${}"), json.loads(parameters["Payload"])
        with lock:
            run.calls.append((name, payload))
            answer = scripted[name].pop(0)
        if isinstance(answer, Raises):
            body = json.dumps({"errorType": answer.error, "errorMessage": "scripted"})
            raise lambda_eval_utils.LambdaFunctionErrorException("Unhandled", body)
        if isinstance(answer, Throttled):
            error = {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
            metadata = {"HTTPStatusCode": 429, "RequestId": "r"}
            raise ClientError({"Error": error, "ResponseMetadata": metadata}, "Invoke")  # type: ignore[typeddict-item]
        if answer is SILENCE:
            raise EvalTimeoutError
        if "task_token" in payload:
            client.send_task_success(taskToken=payload["task_token"], output=json.dumps(answer))
        return {"Payload": answer, "StatusCode": 200}

    monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", invoke)
    role = "arn:aws:iam::123456789012:role/any"
    arn = client.create_state_machine(name=which, roleArn=role, definition=json.dumps(flow(which)))["stateMachineArn"]
    name = f"d-{uuid4().hex[:9]}"
    execution = client.start_execution(stateMachineArn=arn, name=name, input=json.dumps(given))["executionArn"]
    deadline = time.monotonic() + 30
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline, f"still running after {run.calls}"
        time.sleep(0.01)
    run.status, run.output = found["status"], json.loads(found.get("output") or "null")
    run.history = client.get_execution_history(executionArn=execution, maxResults=1000)["events"]
    entered = [event["stateEnteredEventDetails"] for event in run.history if event["type"].endswith("StateEntered")]
    run.path = [details["name"] for details in entered]
    return run


@pytest.fixture
def manifest(play: Play) -> Callable[..., dict[str, Any]]:
    """A stage as Prepare answers it, with its targets in S3."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)

    def put(number: int, *target_ids: str, bake_seconds: int = 0, concurrency: int = 2) -> dict[str, Any]:
        body = json.dumps([{"target_id": target_id} for target_id in target_ids])
        s3.put_object(Bucket=BUCKET, Key=f"{number}.json", Body=body.encode())
        return {
            "stage": number,
            "bucket": BUCKET,
            "key": f"{number}.json",
            "concurrency": concurrency,
            "bake_seconds": bake_seconds,
        }

    return put


def decided(*stages: dict[str, Any]) -> list[dict[str, Any]]:
    """What NextStage answers, call by call, where all goes well."""
    answers, no_hold = [], {"hold": None, "seconds": 0}
    for stage in stages:
        answers.append({"next": "Run", "stage": stage, **no_hold})
        if seconds := stage["bake_seconds"]:
            answers.append({"next": "Hold", "stage": stage, "hold": {"stage": stage["stage"]}, "seconds": seconds})
    return [*answers, {"next": "Finish", "stage": None, **no_hold}]


def sources() -> dict[str, dict[str, Any]]:
    """The two files as they are written."""
    return {file.name: yaml.safe_load(file.read_text()) for file in STATEMACHINES.glob("*.asl.yaml")}

"""Each shim of the local cloud against the emulator alone: ours does what AWS does, the emulator still does not.

A test that fails with "the emulator has caught up" asks for its shim to be deleted.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.worlds import EVERYTHING, World, bare_emulator, eventually, local_cloud, policy, unique

Probe = Callable[[World], Any]
Compare = Callable[[Probe, Any], None]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    with local_cloud() as ours, bare_emulator(tmp_path_factory.mktemp("emulator")) as bare:
        yield ours, bare


@pytest.fixture
def compare(worlds: tuple[World, World]) -> Compare:
    """`compare(probe, aws)`: what a probe finds is `aws` with our shims and something else without."""

    def both(probe: Probe, aws: Any) -> None:
        ours, bare = worlds
        assert probe(ours) == aws
        assert probe(bare) != aws, "the emulator has caught up: the shim can go"

    return both


def refusal(call: Callable[..., Any], **request: Any) -> str:
    """The error code of a call, "" when it is answered well."""
    try:
        call(**request)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


# -- Step Functions


def task(function: str, **fields: Any) -> dict[str, Any]:
    """A state that waits for a token which the function gets."""
    payload = {"token.$": "$$.Task.Token", "input.$": "$"}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": function, "Payload": payload},
        "End": True,
        **fields,
    }


def distributed(states: dict[str, Any], **fields: Any) -> dict[str, Any]:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    return {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {**processor, "StartAt": next(iter(states)), "States": states},
        "End": True,
        **fields,
    }


def map_run(world: World, execution: str) -> str:
    stepfunctions = world.client("stepfunctions")
    return str(
        eventually(
            lambda: [run["mapRunArn"] for run in stepfunctions.list_map_runs(executionArn=execution)["mapRuns"]], 10
        )[0]
    )


def test_a_maps_concurrency_is_read_from_its_input(compare: Compare) -> None:
    def probe(world: World) -> int:
        states = {"Each": distributed({"Done": {"Type": "Succeed"}}, MaxConcurrencyPath="$.most")}
        execution = world.start(states, {"items": [1, 2, 3], "most": 2})
        shown = world.client("stepfunctions").describe_map_run(mapRunArn=map_run(world, execution))
        return int(shown["maxConcurrency"])

    compare(probe, 2)


def test_a_tasks_timeout_is_read_from_its_input(compare: Compare) -> None:
    def probe(world: World) -> tuple[str, str]:
        silent = world.function("return None")
        execution = world.start({"Wait": task(silent, TimeoutSecondsPath="$.seconds")}, {"seconds": 1})
        return world.ended(execution, 8)

    compare(probe, ("FAILED", "States.Timeout"))


def test_a_function_that_fails_before_its_token_is_completed_fails_the_task(compare: Compare) -> None:
    def probe(world: World) -> str:
        failing = world.function("raise ValueError('no')")
        status, _error = world.ended(world.start({"Wait": task(failing, TimeoutSeconds=60)}, {}), 8)
        return status

    compare(probe, "FAILED")


def test_a_throttled_functions_error_has_lambdas_name_before_it(compare: Compare) -> None:
    def probe(world: World) -> tuple[str, str]:
        never = world.function("return None")
        world.client("lambda").put_function_concurrency(FunctionName=never, ReservedConcurrentExecutions=0)
        called = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": never},
            "End": True,
        }
        return world.ended(world.start({"Call": called}, {}), 8)

    compare(probe, ("FAILED", "Lambda.TooManyRequestsException"))


def test_stopping_an_execution_ends_what_its_children_would_do_next(compare: Compare, tmp_path: Path) -> None:
    def probe(world: World) -> bool:
        """Whether a child goes on after its parent was stopped."""
        going, gone_on = tmp_path / unique("going"), tmp_path / unique("gone-on")
        touch = world.function("open(event['input']['path'], 'w').close()")
        states = {
            "Wait": task(touch, TimeoutSeconds=2, End=False, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Then"}]),
            "Then": task(touch, TimeoutSeconds=2),
        }
        states["Wait"].pop("End")
        states["Wait"]["Next"] = "Then"
        states["Then"]["Parameters"]["Payload"]["input"] = {"path": str(gone_on)}
        del states["Then"]["Parameters"]["Payload"]["input.$"]
        execution = world.start({"Each": distributed(states)}, {"items": [{"path": str(going)}]})
        assert eventually(going.exists, 20)
        world.client("stepfunctions").stop_execution(executionArn=execution)
        return bool(eventually(gone_on.exists, 6))

    compare(probe, False)


# -- Lambda's event sources


def test_a_stream_hands_out_again_what_a_function_reports_as_failed(compare: Compare, tmp_path: Path) -> None:
    def probe(world: World) -> bool:
        """Whether the second call comes."""
        seen, dynamodb = tmp_path / unique("seen"), world.client("dynamodb")
        function = world.function(
            "record = event['Records'][0]['dynamodb']",
            "with open(record['Keys']['pk']['S'], 'a') as file: file.write('x')",
            "return {'batchItemFailures': [{'itemIdentifier': record['SequenceNumber']}]}",
        )
        table = dynamodb.create_table(
            TableName=unique("table"),
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        world.client("lambda").create_event_source_mapping(
            FunctionName=function,
            EventSourceArn=table["LatestStreamArn"],
            StartingPosition="TRIM_HORIZON",
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        dynamodb.put_item(TableName=table["TableName"], Item={"pk": {"S": str(seen)}})
        assert eventually(seen.exists, 20)
        again = bool(eventually(lambda: len(seen.read_text()) > 1, 8))
        dynamodb.delete_table(TableName=table["TableName"])
        return again

    compare(probe, True)


def test_a_queues_messages_are_gathered_up_to_the_batch_size(compare: Compare, tmp_path: Path) -> None:
    def probe(world: World) -> list[int]:
        """The sizes of the batches."""
        seen, queue = tmp_path / unique("seen"), world.queue()
        function = world.function(
            "records = event['Records']",
            "with open(records[0]['body'], 'a') as file: print(len(records), file=file)",
        )
        for _ in range(15):
            queue.sqs.send_message(QueueUrl=queue.url, MessageBody=str(seen))
        world.client("lambda").create_event_source_mapping(
            FunctionName=function, EventSourceArn=queue.arn, BatchSize=100, MaximumBatchingWindowInSeconds=2
        )

        def sizes() -> list[int]:
            return [int(line) for line in seen.read_text().split()] if seen.exists() else []

        assert eventually(lambda: sum(sizes()) == 15, 30)
        return sizes()

    compare(probe, [15])


def test_a_token_is_authorized_on_its_machine(compare: Compare, tmp_path: Path) -> None:
    def probe(world: World) -> str:
        kept = tmp_path / unique("token")
        keep = world.function("open(event['input']['path'], 'w').write(event['token'])")
        execution = world.start({"Wait": task(keep, TimeoutSeconds=60)}, {"path": str(kept)})
        assert eventually(lambda: kept.exists() and kept.read_text(), 20)
        machine = execution.rpartition(":")[0].replace(":execution:", ":stateMachine:")
        user = world.client_of_user(
            "stepfunctions", {"Effect": "Allow", "Action": "states:SendTaskSuccess", "Resource": machine}
        )
        return refusal(user.send_task_success, taskToken=kept.read_text(), output="{}")

    compare(probe, "")


# -- events


def test_an_alarm_that_changes_is_an_event(compare: Compare) -> None:
    def probe(world: World) -> Any:
        name, cloudwatch = unique("alarm"), world.client("cloudwatch")
        told = world.events(
            {"source": ["aws.cloudwatch"], "detail": {"alarmName": [name], "state": {"value": ["ALARM"]}}}
        )
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="n",
            MetricName="m",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=60,
            Threshold=1,
            Statistic="Sum",
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
        event = told.first() or {"detail-type": None, "detail": {"state": {"value": None}}}
        return event["detail-type"], event["detail"]["state"]["value"]

    compare(probe, ("CloudWatch Alarm State Change", "ALARM"))


def test_an_objects_event_names_its_version(compare: Compare) -> None:
    def probe(world: World) -> bool:
        s3, bucket = world.client("s3"), unique("bucket")
        told = world.events({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}})
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
        event = told.first()
        assert event["detail"]["object"]["key"] == "k"
        return bool(event["detail"]["object"].get("version-id") == version)

    compare(probe, True)


# -- IAM


@pytest.mark.parametrize("operation", ["send_message_batch", "delete_message_batch", "change_message_visibility_batch"])
def test_a_batch_is_authorized_as_its_single_operation(compare: Compare, operation: str) -> None:
    action = "".join(part.title() for part in operation.split("_")[:-1])
    entries = {
        "send_message_batch": {"Id": "1", "MessageBody": "b"},
        "delete_message_batch": {"Id": "1", "ReceiptHandle": "r"},
        "change_message_visibility_batch": {"Id": "1", "ReceiptHandle": "r", "VisibilityTimeout": 1},
    }

    def probe(world: World) -> bool:
        """Whether who may do it to one may do it to a batch."""
        queue = world.queue()
        user = world.client_of_user("sqs", {"Effect": "Allow", "Action": f"sqs:{action}", "Resource": queue.arn})
        return "AccessDenied" not in refusal(getattr(user, operation), QueueUrl=queue.url, Entries=[entries[operation]])

    compare(probe, True)


def test_a_batch_is_published_by_who_may_publish(compare: Compare) -> None:
    def probe(world: World) -> str:
        topic = world.client("sns").create_topic(Name=unique("topic"))["TopicArn"]
        user = world.client_of_user("sns", {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic})
        entries = [{"Id": "1", "Message": "m"}]
        return refusal(user.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries)

    compare(probe, "")


def test_requests_count_as_secure(compare: Compare) -> None:
    def probe(world: World) -> str:
        s3, bucket = world.client("s3"), unique("bucket")
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        insecure = {"Bool": {"aws:SecureTransport": "false"}}
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
        s3.put_bucket_policy(Bucket=bucket, Policy=policy({**deny, "Condition": insecure}))
        return refusal(world.client_of_user("s3", EVERYTHING).get_object, Bucket=bucket, Key="k")

    compare(probe, "")


# -- SSM

DOCUMENT = {
    "schemaVersion": "2.2",
    "mainSteps": [{"action": "aws:runShellScript", "name": "SayHello", "inputs": {"runCommand": ["echo hello"]}}],
}


def test_cloudformation_makes_and_changes_documents(compare: Compare) -> None:
    def probe(world: World) -> list[str]:
        """The document's default version after each deployment of the stack."""
        cloudformation, ssm, name = world.client("cloudformation"), world.client("ssm"), unique("document")
        found: list[str] = []
        for command in ("echo one", "echo two"):
            content = json.loads(json.dumps(DOCUMENT).replace("echo hello", command))
            resource = {
                "Type": "AWS::SSM::Document",
                "Properties": {
                    "Name": name,
                    "DocumentType": "Command",
                    "UpdateMethod": "NewVersion",
                    "Content": content,
                },
            }
            template = json.dumps({"Resources": {"Document": resource}})
            change = cloudformation.update_stack if found else cloudformation.create_stack
            if refusal(change, StackName=name, TemplateBody=template):
                break
            assert eventually(lambda: settled(cloudformation, name), 15)
            found.append(ssm.describe_document(Name=name)["Document"]["DefaultVersion"])
        return found

    compare(probe, ["1", "2"])


def settled(cloudformation: Any, stack: str) -> bool:
    status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    return not status.endswith("IN_PROGRESS")


def test_a_command_needs_a_document_that_exists(compare: Compare) -> None:
    def probe(world: World) -> str:
        ssm = world.client("ssm")
        return refusal(ssm.send_command, DocumentName="no-such-document", InstanceIds=["i-0123456789abcdef0"])

    compare(probe, "InvalidDocument")

"""The store in memory for everything above it; moto's AWS for the adapters: real boto3 against an in-memory account."""

import gc
import importlib
import pkgutil
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import wraps
from typing import Any, TypeVar

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext as PowertoolsContext
from hypothesis import settings as run_settings

from functions import handlers
from functions.aws import clients, clock, executions
from functions.aws.executions import Execution
from functions.core.records import (
    Deployment,
    Group,
    GroupSettings,
    Revision,
    Segment,
    Step,
    TagFilter,
    TagGroup,
    Target,
)
from functions.core.statuses import BundleType
from functions.core.text.shapes import to_plain
from functions.settings import settings
from functions.store.keys import application_key, group_item_key, listed_application_key
from functions.store.table import items
from functions.store.table.values import Index
from host.lifecycle import IN_PLACE, LifecycleEvent
from tests import memory
from tests.calls import recording
from tests.clients import client
from tests.fakes.autoscaling import FakeAutoScaling
from tests.fakes.cloudformation import FakeCloudFormation
from tests.fakes.cloudwatch import FakeAlarms
from tests.fakes.codepipeline import FakeCodePipeline
from tests.fakes.ec2 import FakeEc2
from tests.fakes.events import FakeEvents
from tests.fakes.kms import FakeKms
from tests.fakes.load_balancers import FakeElb, FakeElbV2
from tests.fakes.run_command import FakeRunCommand
from tests.fakes.s3 import FakeS3
from tests.fakes.secrets_manager import FakeSecrets
from tests.fakes.sns import FakeSns
from tests.fakes.sqs import FakeSqs
from tests.fakes.step_functions import FakeStepFunctions
from tests.models import keep
from tests.soak import IS_SOAK
from tests.store import Store
from tests.unit.inbox import Inbox

# Thousands of tests stay in memory as long as a worker: to look through them again and again took a tenth of its time.
gc.set_threshold(100_000, 50, 50)

Fake = TypeVar("Fake")

REGION = "us-east-1"
BUCKET = "revisions"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "TABLE_NAME": "stepdeploy",
    "BUCKET_NAME": BUCKET,
    "DOCUMENT_NAME": "stepdeploy-segment",
    "DOCUMENT_VERSION": "7",
    "DOCUMENT_HASH": "d" * 64,
    "VERIFY_DOCUMENT_NAME": "stepdeploy-verify",
    "VERIFY_DOCUMENT_VERSION": "1",
    "VERIFY_DOCUMENT_HASH": "e" * 64,
    "SIGNING_KEY_ARN": f"arn:aws:kms:{REGION}:123456789012:key/signing",
    "WATCH_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/turns",
    "SEND_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/moments",
    "LIFECYCLE_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/lifecycle",
    "TOPIC_ARNS": f"arn:aws:sns:{REGION}:123456789012:news",
    "RUNNER_SHA256": "0" * 64,
    "REVISION_BUCKETS": "builds,artifacts",
    "PUSHED_BRANCHES": '{"site@main": ["shop/web"]}',
    "UPLOAD_PREFIXES": '{"builds": "", "artifacts": "ci/releases/"}',
    "ASK_AGAIN_SECONDS": "1",
    "CONNECTION_LOST_SECONDS": "300",
    "RECONCILE_SECONDS": "120",
    "SSM_SEND_RATE": "20",
    "MAP_CONCURRENCY": "10000",
    "STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:123456789012:stateMachine:stepdeploy",
    "POWERTOOLS_METRICS_NAMESPACE": "stepdeploy",
    "POWERTOOLS_TRACE_DISABLED": "1",
}

# How many examples a property is tried with; pytest's --hypothesis-profile names another one. A machine may be busy.
for profile, number in {"quick": 20, "soak": 2000}.items():
    run_settings.register_profile(profile, deadline=None, max_examples=number)
run_settings.load_profile("soak" if IS_SOAK else "quick")


_in_memory = memory.begin()


def pytest_unconfigure() -> None:
    if _in_memory:
        memory.end(_in_memory)


made = clients.made


def record_the_calls_of_handlers() -> None:
    """Each handler says that it runs, before any test imports it, and its thread pools know it too."""
    recording.watch_every_client()
    for found in pkgutil.iter_modules(handlers.__path__):
        module: Any = importlib.import_module(f"{handlers.__name__}.{found.name}")
        module.handler = _said(recording.function_name(found.name), module.handler)
    submit: Callable[..., Future[Any]] = ThreadPoolExecutor.submit

    def with_context(pool: ThreadPoolExecutor, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        return submit(pool, copy_context().run, work, *given, **named)

    ThreadPoolExecutor.submit = with_context  # type: ignore[assignment,method-assign]


def _said(function: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(handler)
    def handle(*given: Any) -> Any:
        before = recording.running.set(function)
        try:
            return handler(*given)
        finally:
            recording.running.reset(before)

    return handle


record_the_calls_of_handlers()


class LambdaContext(PowertoolsContext):
    """What Powertools asks a Lambda context for."""

    _function_name = "test"
    _memory_limit_in_mb = 128
    _invoked_function_arn = f"arn:aws:lambda:{REGION}:123456789012:function:test"
    _aws_request_id = "request"


@pytest.fixture(scope="session", autouse=True)
def models() -> Iterator[None]:
    """botocore's models, read once: moto gives each test a session, which would read and parse them again."""
    with pytest.MonkeyPatch.context() as patch:
        keep(patch)
        yield


@pytest.fixture
def context() -> LambdaContext:
    return LambdaContext()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings of every function, and no AWS: who wants some asks for `aws`, or puts a stand-in there."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "stand_ins", {})
    monkeypatch.setattr(clients, "made", _no_aws)
    settings.cache_clear()
    yield
    settings.cache_clear()


def _no_aws(service: str) -> Any:
    raise AssertionError(f"this test has no {service}: put a stand-in into clients.stand_ins, or ask for moto: aws")


@pytest.fixture
def services(environment: None) -> None:
    """Stand-ins of what most functions ask; `clients.client` gives them to functions and tests alike."""
    sqs = stand_in("sqs", FakeSqs())
    stand_in("sns", FakeSns(sqs))
    stand_in("events", FakeEvents(sqs))
    stand_in("secretsmanager", FakeSecrets())
    stand_in("ec2", FakeEc2())
    stand_in("elbv2", FakeElbV2())
    stand_in("elb", FakeElb())
    stand_in("autoscaling", FakeAutoScaling())
    stand_in("s3", FakeS3(BUCKET))
    stand_in("cloudwatch", FakeAlarms())
    stand_in("ssm", FakeRunCommand())
    stand_in("kms", FakeKms())
    stand_in("codepipeline", FakeCodePipeline())
    stand_in("cloudformation", FakeCloudFormation())
    stand_in("stepfunctions", FakeStepFunctions(ENVIRONMENT["STATE_MACHINE_ARN"]))
    for name in ("turns", "moments", "lifecycle"):
        sqs.create_queue(QueueName=name)


@pytest.fixture
def aws(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto knows clients of any age that were made here, so those of all tests are made once. Nobody asks for one of
    its 1,300 images, and to make them takes longer than most tests. It is imported by who needs it: that takes half a
    second of each worker."""
    from moto import mock_aws

    monkeypatch.setattr(clients, "made", made)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    mock = mock_aws()
    mock.start(reset=False)  # each has left nothing
    yield
    mock.stop()


def create_table() -> str:
    """The engine's table in moto, empty, as infra/store.py makes it; its stream's ARN."""
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    names = ["pk", "sk", "created", *(index.pk for index in Index)]
    made = client("dynamodb").create_table(
        TableName=ENVIRONMENT["TABLE_NAME"],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index.value,
                "KeySchema": [
                    {"AttributeName": index.pk, "KeyType": "HASH"},
                    {"AttributeName": "created", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index in Index
        ],
    )
    arn: str = made["TableDescription"]["LatestStreamArn"]
    return arn


@pytest.fixture
def store(environment: None, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The engine's table, empty. Writes that met others are written again at once."""
    found = Store()
    monkeypatch.setattr(items, "stand_in", found)
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    return found


def stand_in(service: str, client: Fake) -> Fake:
    """Put a client in the place of boto3's, for the time of a test."""
    clients.stand_ins[service] = client
    return client


@pytest.fixture
def executing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The execution of every deployment runs, whether it was started or not."""
    monkeypatch.setattr(executions, "find", lambda deployment_id: Execution(status=executions.RUNNING))


@pytest.fixture
def undelivered(services: None, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """Where functions put what they can never take."""
    inbox = Inbox("undelivered")
    monkeypatch.setenv("UNDELIVERED_QUEUE_URL", inbox.url)
    settings.cache_clear()
    return inbox


@pytest.fixture
def bucket(aws: None) -> str:
    """A bucket that keeps versions: at once in moto, since a thousand tests have it."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    account = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    account.create_bucket(BUCKET, REGION)
    account.put_bucket_versioning(BUCKET, "Enabled")
    return BUCKET


WEB = TagGroup(filters=(TagFilter(key="role", value="web"),))


def put_group(group: str = "web", application: str = "shop", **fields: Any) -> Group:
    """A declared group, on record."""
    settings_ = fields.pop("settings", GroupSettings(tag_groups=(WEB,)))
    found = Group(application=application, name=group, group_id=f"uuid-of-{group}", settings=settings_, **fields)
    put_item({**group_item_key(application, group).item, **to_plain(found)})
    put_item({**application_key(application).item, "name": application, "application_id": f"uuid-of-{application}"})
    put_item({**listed_application_key(application).item, "name": application})
    return found


def put_item(item: dict[str, Any]) -> None:
    _store().put(item)


def put_items(found: Iterable[dict[str, Any]]) -> None:
    for item in found:
        put_item(item)


def all_items() -> list[dict[str, Any]]:
    """Everything on record."""
    return _store().all_items()


def _store() -> Store:
    found = items.stand_in
    assert isinstance(found, Store), "this test has no store: ask for it"
    return found


def revision(name: str = "v1", **fields: Any) -> Revision:
    return Revision(bucket=BUCKET, key=f"shop/web/{name}.zip", bundle_type=BundleType.ZIP, **fields)


def pending(deployment: Deployment, *target_ids: str, **fields: Any) -> list[Target]:
    return [Target(deployment_id=deployment.deployment_id, target_id=target_id, **fields) for target_id in target_ids]


# Of a target behind a load balancer, but for what the engine does between the segments.
THREE_SEGMENTS: tuple[Step, ...] = (
    Segment(events=(LifecycleEvent.BEFORE_BLOCK_TRAFFIC,)),
    Segment(events=(LifecycleEvent.AFTER_BLOCK_TRAFFIC, *IN_PLACE, LifecycleEvent.BEFORE_ALLOW_TRAFFIC)),
    Segment(events=(LifecycleEvent.AFTER_ALLOW_TRAFFIC,)),
)


@pytest.fixture(scope="session")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A locale whose texts are Latin-1, made for the tests: the variables that choose it."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        pytest.skip("needs localedef")
    made = subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(folder / "en_US.ISO-8859-1")])
    if made.returncode:
        pytest.skip("needs the sources of locales (Debian: apt install locales)")
    return {"LOCPATH": str(folder), "LC_ALL": "en_US.ISO-8859-1"}

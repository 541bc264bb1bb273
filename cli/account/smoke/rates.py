"""What AWS takes a second, which it publishes for none of these: asked without retries, all at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import Any, NamedTuple

from cli.account.doctor.checks import Finding, Findings, Level
from cli.account.smoke.plan import COMMIT_SECONDS, COMMITS, READS, SENDS, Plan

THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_CONFLICT = "TransactionCanceledException"
_AT_ONCE = 20
_PATIENCE_SECONDS = 120  # for the sends of a whole group
_USUAL_SEND_RATE = 20  # infra/stack.py, Options
UNREADABLE = "c21va2U=.00"  # what a host refuses before it does anything: no signature of the engine
_KEPT_SECONDS = 3600


class Rate(NamedTuple):
    accepted: int
    refused: int
    seconds: float

    @property
    def each_second(self) -> float:
        return self.accepted / max(self.seconds, 0.001)


def measured(calls: int, call: Callable[[], object]) -> Rate:
    """All calls are made; the first error that is no throttling is raised."""
    start = time.monotonic()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        taken = list(pool.map(lambda _: _is_taken(call), range(calls)))
    return Rate(sum(taken), calls - sum(taken), time.monotonic() - start)


def _is_taken(call: Callable[[], object]) -> bool:
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] in THROTTLED:
            return False
        raise
    return True


def _patient(plan: Plan, service: str) -> Any:
    """A client that says at once what AWS refuses."""
    from botocore.config import Config

    once = Config(retries={"total_max_attempts": 1, "mode": "standard"}, max_pool_connections=_AT_ONCE)
    return plan.engine.client(service, config=once)


def reads(plan: Plan) -> Findings:
    ssm, host = _patient(plan, "ssm"), plan.hosts[0].instance_id
    asked = [{"Key": "InstanceIds", "Values": [host]}]
    for name, call in {
        "DescribeInstanceInformation": lambda: ssm.describe_instance_information(Filters=asked),
        "ListCommandInvocations": lambda: ssm.list_command_invocations(InstanceId=host, MaxResults=5),
    }.items():
        rate = measured(READS, call)
        what = f"{name}: {_told(rate)}"
        if rate.refused and plan.fleet_size / rate.each_second > _PATIENCE_SECONDS:
            remedy = "lost events are found later; ask AWS to raise the rate by a support case"
            yield Finding(Level.WARNING, "SSM", what, remedy)
        else:
            yield Finding(Level.OK, "SSM", what)


def sends(plan: Plan) -> Findings:
    ssm, host = _patient(plan, "ssm"), plan.hosts[0].instance_id
    name, version = (plan.engine.output(each) for each in ("DocumentName", "DocumentVersion"))
    rate = measured(
        SENDS,
        lambda: ssm.send_command(
            DocumentName=name,
            DocumentVersion=version,
            InstanceIds=[host],
            Parameters={"Instructions": [UNREADABLE]},
            Comment="stepdeploy doctor --smoke",
            TimeoutSeconds=30,
        ),
    )
    what = f"SendCommand: {_told(rate)}"
    if not rate.refused:
        yield Finding(Level.OK, "SSM", what)
        return
    suggested = max(int(rate.each_second), 1)
    remedy = f"the engine finds the rate by itself; to begin with it: cdk deploy -c ssmSendRate={suggested}"
    slow = plan.fleet_size / max(rate.each_second, 0.1)
    if slow > _PATIENCE_SECONDS:
        what += f"; {plan.fleet_size} hosts take {slow / 60:.0f} minutes to send to"
        remedy += ", and ask AWS to raise it by a support case"
    level = Level.WARNING if suggested < _USUAL_SEND_RATE else Level.OK
    yield Finding(level, "SSM", what, remedy if level is Level.WARNING else "")


def commits(plan: Plan) -> Findings:
    """Transactions that meet at one record, as those that hand over a group's lock do."""
    table = plan.engine.output("TableName")
    key = {"pk": {"S": f"SMOKE#{token_hex(16)}"}, "sk": {"S": "SMOKE"}}
    client, end = _patient(plan, "dynamodb"), time.monotonic() + COMMIT_SECONDS
    until = str(int(time.time()) + _KEPT_SECONDS)
    put = {"TableName": table, "Item": {**key, "expires_at": {"N": until}}}
    counts, lock = {"committed": 0, "conflicts": 0, "throttled": 0}, threading.Lock()

    def write(_: int) -> None:
        if time.monotonic() < end:
            what = _outcome(lambda: client.transact_write_items(TransactItems=[{"Put": put}]))
            with lock:
                counts[what] += 1

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(write, range(COMMITS)))
    client.delete_item(TableName=table, Key=key)
    rate = counts["committed"] / COMMIT_SECONDS
    what = f"transactions at one record: {rate:.0f} a second committed, {counts['conflicts']} met another one"
    if counts["throttled"] or not counts["committed"]:
        remedy = "look at the table's throttling metrics, and at its on-demand maximum throughput"
        yield Finding(Level.WARNING, "table", f"{what}, {counts['throttled']} were throttled", remedy)
    else:
        yield Finding(Level.OK, "table", what)


def _outcome(call: Callable[[], object]) -> str:
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in (_CONFLICT, "TransactionConflictException", *THROTTLED):
            raise
        return "throttled" if code in THROTTLED else "conflicts"
    return "committed"


def _told(rate: Rate) -> str:
    total = rate.accepted + rate.refused
    if not rate.refused:
        return f"takes at least {rate.each_second:.0f} requests a second"
    return f"took {rate.accepted} of {total} requests, about {rate.each_second:.1f} a second; the rest was throttled"

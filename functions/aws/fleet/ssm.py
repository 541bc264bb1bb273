"""SSM: which hosts it manages and reaches; Run Command: sending a segment to a host, reading what became of it,
cancelling it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

from functions.aws import weather
from functions.aws.clients import client
from functions.aws.clock import now, timestamp
from functions.core.causes import Cause
from functions.core.limits import batches
from functions.core.rollout.looks import SentCommand
from functions.core.selection import LINUX, ONLINE, Contact, Node
from functions.settings import settings
from functions.telemetry import logger

_IDS_A_CALL = 50  # one page of DescribeInstanceInformation
_DESCRIPTIONS_AT_ONCE = 16  # 10,000 hosts in a second or two, where SSM takes as many
_CALLS_AT_ONCE = 4  # SSM throttles lists early
_COMMANDS_A_PAGE = 50  # of ListCommandInvocations
_FEW = 2  # commands that are read one by one: pages hold other documents' commands too
_CLOCK_SKEW = 5  # seconds
_CANCELS_AT_ONCE = 8  # 10,000 in about a minute
DELIVERY_SECONDS = 120  # a host that answered a minute ago takes a command within this, or is gone

_NOTHING_TO_CANCEL = frozenset({"InvalidInstanceId", "InvalidCommandId"})
_REFUSALS = {
    "InvalidInstanceId": (
        Cause.UNREACHABLE,
        "SSM cannot reach the instance. Check that the instance and its SSM Agent are running.",
    ),
    "UnsupportedPlatformType": (Cause.UNSUPPORTED, "the instance's platform cannot run the command: hosts run Linux"),
    "AccessDeniedException": (
        Cause.DENIED,
        "stepdeploy may not send commands to the instance: give it the tag that the stack asks for (hostTagKey)",
    ),
}


class Throttled(Exception):
    """SSM has not taken the command: it takes no more for now."""


class Refused(Exception):
    """SSM takes no command for this host, now or later."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


def send(instance_id: str, instructions: str, *, comment: str) -> str:
    """Send the lifecycle document to one host; its command id. Raises Refused for what no retry can mend, and
    Throttled.

    The version is named, and its hash: the default version may be an older one, or one that somebody else has made.
    """
    from botocore.exceptions import ClientError

    try:
        answer = client("ssm").send_command(
            DocumentName=settings().document_name,
            DocumentVersion=settings().document_version,
            DocumentHash=settings().document_hash,
            DocumentHashType="Sha256",
            InstanceIds=[instance_id],
            Parameters={"Instructions": [instructions]},
            Comment=comment,
            TimeoutSeconds=DELIVERY_SECONDS,
        )
    except ClientError as error:
        if refusal := _REFUSALS.get(error.response["Error"]["Code"]):
            raise Refused(*refusal) from error
        if weather.is_throttled(error.response):
            raise Throttled(str(error)) from error
        raise
    return str(answer["Command"]["CommandId"])


def latest_document(name: str) -> tuple[str, str]:
    """The number and the sha256 of the newest version of an SSM document."""
    found = weather.patiently(lambda: client("ssm").describe_document(Name=name, DocumentVersion="$LATEST"))["Document"]
    return str(found["DocumentVersion"]), str(found["Hash"])


def invocation(command_id: str, instance_id: str) -> dict[str, Any]:
    """The command on that host with all its steps, in one call; empty while SSM does not show it yet."""
    answer = client("ssm").list_command_invocations(CommandId=command_id, InstanceId=instance_id, Details=True)
    found: list[dict[str, Any]] = answer["CommandInvocations"]
    return found[0] if found else {}


def invocations(commands: Mapping[str, str], *, seconds: float) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """As `invocation`, for command ids by instance ids: what SSM has said after that time, and the errors."""
    client("ssm")  # made here: making clients is not thread-safe
    pool = ThreadPoolExecutor(max_workers=min(_CALLS_AT_ONCE, len(commands)))
    asked = {each: pool.submit(invocation, command_id, each) for each, command_id in commands.items()}
    answered, _ = wait(asked.values(), timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    told = {each: call.result() for each, call in asked.items() if call in answered and not call.exception()}
    return told, sorted({repr(call.exception()) for call in answered if call.exception()})


def invocations_of(commands: Sequence[SentCommand]) -> dict[tuple[str, str], dict[str, Any]]:
    """As `invocation`, for many, by command and instance id: those that SSM shows now. Where there are many, page by
    page of all that were sent in the same time, and at most as many pages as there are commands."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    if len(commands) <= _FEW:
        for each in commands:
            if shown := weather.known(lambda each=each: invocation(each.command_id, each.target_id)):  # type: ignore[misc]
                found[each.command_id, each.target_id] = shown
        return found
    wanted = {(each.command_id, each.target_id) for each in commands}
    times = [each.sent_at for each in commands]
    pages = (
        client("ssm")
        .get_paginator("list_command_invocations")
        .paginate(
            Filters=[
                {"key": "InvokedAfter", "value": _second(min(times) - _CLOCK_SKEW)},
                {"key": "InvokedBefore", "value": _second(max(times) + _CLOCK_SKEW)},
                {"key": "DocumentName", "value": settings().document_name},
            ],
            Details=True,
            PaginationConfig={"PageSize": _COMMANDS_A_PAGE},
        )
    )
    try:
        for number, page in enumerate(pages):
            for shown in page["CommandInvocations"]:
                key = (shown["CommandId"], shown["InstanceId"])
                if key in wanted:
                    found[key] = shown
            if len(found) == len(wanted) or number >= len(wanted):
                break
    except Exception as error:
        if not weather.passes(error):
            raise
        logger.info("AWS does not answer now", error=repr(error))
    return found


def find(instance_id: str, comment: str, since: datetime) -> str | None:
    """The command that a function sent and did not live to record, by the comment that it carries."""
    pages = (
        client("ssm")
        .get_paginator("list_command_invocations")
        .paginate(
            InstanceId=instance_id,
            Filters=[
                {"key": "InvokedAfter", "value": _second(since.timestamp())},
                {"key": "DocumentName", "value": settings().document_name},
            ],
        )
    )
    for page in pages:
        for command in page["CommandInvocations"]:
            if command.get("Comment") == comment:
                return str(command["CommandId"])
    return None


def cancel_all(commands: Sequence[tuple[str, str]]) -> None:
    """As `cancel`, for many (command id, instance id) at a time. All are tried; raises the first error there was."""
    client("ssm")  # made here: making clients is not thread-safe
    with ThreadPoolExecutor(max_workers=min(_CANCELS_AT_ONCE, len(commands))) as pool:
        tried = [pool.submit(cancel, *command) for command in commands]
    for each in tried:
        each.result()


def cancel(command_id: str, instance_id: str) -> None:
    """Ask SSM to end the command on that host; one that has ended already stays as it is, and so does one whose host
    is gone."""
    from botocore.exceptions import ClientError

    try:
        weather.patiently(lambda: client("ssm").cancel_command(CommandId=command_id, InstanceIds=[instance_id]))
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOTHING_TO_CANCEL:
            raise


def nodes() -> list[Node]:
    """Every host outside EC2 that SSM manages."""
    wanted = [{"Key": "ResourceType", "Values": ["ManagedInstance"]}]
    pages = client("ssm").get_paginator("describe_instance_information")
    found = weather.patiently(
        lambda: [
            host
            for page in pages.paginate(Filters=wanted, PaginationConfig={"PageSize": _IDS_A_CALL})
            for host in page["InstanceInformationList"]
        ]
    )
    return [
        Node(
            instance_id=host["InstanceId"],
            name=host.get("Name"),
            contact=_contact(host),
            last_ping=timestamp(host["LastPingDateTime"]),
        )
        for host in found
    ]


def contacts(instance_ids: Sequence[str]) -> dict[str, Contact]:
    """Of the instances that SSM manages: whether it hears from them (Online, ConnectionLost, Inactive), and what they
    are. Where SSM throttles, fewer are asked for at once, in the end one batch after another: so all are known whatever
    rate it takes, where batches that are tried for themselves would each have to be lucky."""
    left = list(batches(instance_ids, _IDS_A_CALL))
    hosts, at_once = list[dict[str, Any]](), _DESCRIPTIONS_AT_ONCE
    client("ssm")  # made here: making clients is not thread-safe
    with ThreadPoolExecutor(max_workers=_DESCRIPTIONS_AT_ONCE) as pool:
        while len(left) > 1 and at_once > 1:
            asked, left = left[:at_once], left[at_once:]
            answers = list(pool.map(lambda batch: weather.known(lambda: _information(batch)), asked))
            late = [batch for batch, answer in zip(asked, answers, strict=True) if answer is None]
            hosts += [host for answer in answers for host in answer or ()]
            left, at_once = [*late, *left], at_once // 2 if late else at_once
    for batch in left:
        hosts += weather.patiently(lambda batch=batch: _information(batch))  # type: ignore[misc]
    return {host["InstanceId"]: _contact(host) for host in hosts}


def lost(instance_ids: Sequence[str]) -> dict[str, str]:
    """The hosts that are lost, and what SSM says of each. There is hope of all others: an agent misses pings under
    load, or reboots, and what SSM does not answer now is not known."""
    found = dict[str, str]()
    for batch in batches(instance_ids, _IDS_A_CALL):
        shown = weather.known(lambda batch=batch: _information(batch))  # type: ignore[misc]
        if shown is None:
            break
        found |= dict.fromkeys(batch, "it is not managed any more")
        for host in shown:
            silent = (now() - host["LastPingDateTime"]).total_seconds()
            if host["PingStatus"] == ONLINE or silent < settings().connection_lost_seconds:
                del found[host["InstanceId"]]
            else:
                found[host["InstanceId"]] = str(host["PingStatus"])
    return found


def _contact(host: Mapping[str, Any]) -> Contact:
    return Contact(ping=host["PingStatus"], platform=host.get("PlatformType", LINUX), agent=host.get("AgentVersion"))


def _information(instance_ids: list[str]) -> list[dict[str, Any]]:
    pages = (
        client("ssm")
        .get_paginator("describe_instance_information")
        .paginate(Filters=[{"Key": "InstanceIds", "Values": instance_ids}], PaginationConfig={"PageSize": _IDS_A_CALL})
    )
    return [host for page in pages for host in page["InstanceInformationList"]]


def _second(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

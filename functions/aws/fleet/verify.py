"""SSM: the document that only looks at hosts (host/verify.py), sent to many at a time, and what they have said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.aws.clients import client
from functions.aws.fleet.ssm import DELIVERY_SECONDS
from functions.core.limits import batches
from functions.settings import settings

HOSTS_A_COMMAND = 50  # ids that one SendCommand takes, and invocations on a page
_REFUSED = frozenset({"InvalidInstanceId", "AccessDeniedException", "UnsupportedPlatformType"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The hosts of each command, by its id; and SSM's words for those that none can reach."""

    commands: Mapping[str, Sequence[str]]
    refused: Mapping[str, str]


def look(host_ids: Sequence[str], group_id: str, deployment_id: str) -> Sent:
    """Ask hosts how they stand. SSM refuses a command for all hosts where it does for one: then halves are asked."""
    from botocore.exceptions import ClientError

    commands, refused = dict[str, Sequence[str]](), dict[str, str]()
    waiting = list(batches(host_ids, HOSTS_A_COMMAND))
    while waiting:
        some = waiting.pop()
        try:
            commands[_send(some, group_id, deployment_id)] = some
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in _REFUSED:
                raise
            if len(some) == 1:
                refused[some[0]] = code
            else:
                half = len(some) // 2
                waiting += [some[:half], some[half:]]
    return Sent(commands=commands, refused=refused)


def _send(host_ids: Sequence[str], group_id: str, deployment_id: str) -> str:
    """The version is named, and its hash, so that nobody's own version of the document is run."""
    answer = client("ssm").send_command(
        DocumentName=settings().verify_document_name,
        DocumentVersion=settings().verify_document_version,
        DocumentHash=settings().verify_document_hash,
        DocumentHashType="Sha256",
        InstanceIds=list(host_ids),
        Parameters={"GroupId": [group_id], "DeploymentId": [deployment_id]},
        Comment="stepdeploy verify",
        TimeoutSeconds=DELIVERY_SECONDS,
    )
    return str(answer["Command"]["CommandId"])


def looked(command_id: str) -> list[dict[str, Any]]:
    """The invocations of a command, if it is one that looks at hosts."""
    from botocore.exceptions import ClientError

    try:
        answer = client("ssm").list_command_invocations(CommandId=command_id, Details=True, MaxResults=HOSTS_A_COMMAND)
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidCommandId":
            raise
        return []
    found: list[dict[str, Any]] = answer["CommandInvocations"]
    return [each for each in found if each["DocumentName"] == settings().verify_document_name]

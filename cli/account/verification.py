"""How the hosts of a group really stand: each is asked by a command of SSM, and answers in its time."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.account.connection import Engine
from cli.account.group_name import Group

SECONDS = 15 * 60  # SSM delivers a command for two minutes, and the longest look takes ten
_PAUSES = (1.0, 1.0, 2.0, 3.0, 5.0)  # seconds between two rounds of questions, the last one again and again
_NO_ANSWER = "no answer from it in time"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """HostEndStates by the ids of hosts, after this deployment."""

    deployment_id: str
    hosts: Mapping[str, Mapping[str, Any]]


def verify(engine: Engine, group: Group) -> Verification:
    """Ask all hosts on record, and wait for what they say."""
    deployment_id, found, waiting = "", dict[str, Mapping[str, Any]](), dict[str, set[str]]()
    for page in _asked(engine, group):
        deployment_id = page["deploymentId"]
        found |= {each["hostId"]: each for each in page["hosts"]}
        waiting |= {each["verificationId"]: set(each["hostIds"]) for each in page["verifications"]}
    deadline, pauses = time.monotonic() + SECONDS, iter(_PAUSES)
    while waiting and time.monotonic() < deadline:
        time.sleep(next(pauses, _PAUSES[-1]))
        for verification_id, hosts in list(waiting.items()):
            answer = engine.api.get_host_verification(**group.members, verificationId=verification_id)
            told = {each["hostId"]: each for each in answer["hosts"]}
            found |= told
            if hosts <= told.keys():
                del waiting[verification_id]
    late = {host for hosts in waiting.values() for host in hosts} - found.keys()
    found |= {each: {"hostId": each, "state": "UNKNOWN", "reason": _NO_ANSWER} for each in late}
    return Verification(deployment_id=deployment_id, hosts=found)


def _asked(engine: Engine, group: Group) -> Iterator[Mapping[str, Any]]:
    """Page by page: each is a command or two, so that a large group is asked in some minutes."""
    more: dict[str, str] = {}
    while True:
        page = engine.api.verify_hosts(**group.members, **more)
        yield page
        if not page.get("nextToken"):
            return
        more = {"nextToken": page["nextToken"]}

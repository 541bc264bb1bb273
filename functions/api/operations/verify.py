"""How the hosts of a group really stand: each looks at itself, by a command of SSM that changes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from functions.api.operations import Caller
from functions.api.operations.groups import known
from functions.aws.fleet import ssm, verify
from functions.core.end_state import Verified, facts, judge, unknown
from functions.core.errors import Refused
from functions.core.records import Host
from functions.core.rollout.command_result import FINAL_COMMAND_STATUSES
from functions.core.selection import ONLINE
from functions.store.records import deployments, hosts


def verify_hosts(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Ask the next hosts that some deployment of the group began on; those that SSM does not reach are told at once."""
    group = known(given["applicationName"], given["deploymentGroupName"])
    if group.last_attempted is None:
        raise Refused("InvalidInputException", f"{group.key} has no deployment yet: there is nothing to verify")
    deployment_id = group.last_attempted.deployment_id
    found, token = hosts.page(group.group_id, given.get("nextToken"))
    contacts = ssm.contacts([host.target_id for host in found])
    pings = {name: contact.ping for name, contact in contacts.items()}
    silent = [unknown(host, _silent(pings.get(host))) for host in _ids(found) if pings.get(host) != ONLINE]
    sent = verify.look([host for host in _ids(found) if pings.get(host) == ONLINE], group.group_id, deployment_id)
    refused = [unknown(host, f"SSM refuses the command: {code}") for host, code in sent.refused.items()]
    return {
        "deploymentId": deployment_id,
        "verifications": [
            {"verificationId": command_id, "hostIds": list(asked)} for command_id, asked in sent.commands.items()
        ],
        "hosts": [_told(each) for each in [*silent, *refused]],
        "nextToken": token,
    }


def _ids(found: Sequence[Host]) -> list[str]:
    return [host.target_id for host in found]


def _silent(ping: str | None) -> str:
    return f"SSM does not reach it ({ping})" if ping else "SSM does not manage it: it is gone, or has no agent"


def get_host_verification(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """What the hosts of one command have said so far."""
    group = known(given["applicationName"], given["deploymentGroupName"])
    ended = [each for each in verify.looked(given["verificationId"]) if each["Status"] in FINAL_COMMAND_STATUSES]
    told = {each["InstanceId"]: facts(_output(each), group.group_id) for each in ended}
    about = deployments.named(sorted({each["deployment"] for each in told.values() if each}))
    restarts = {name for name, each in about.items() if each.is_restart}
    found = [_verified(each, told[each["InstanceId"]], restarts) for each in ended]
    return {"hosts": [_told(each) for each in found]}


def _verified(invocation: Mapping[str, Any], told: Mapping[str, Any] | None, restarts: set[str]) -> Verified:
    host_id = invocation["InstanceId"]
    if told is None:
        said = _output(invocation).strip()[-200:]
        return unknown(host_id, f"it did not say ({invocation['StatusDetails']}){': ' if said else ''}{said}")
    return judge(host_id, told, is_restart=told["deployment"] in restarts)


def _output(invocation: Mapping[str, Any]) -> str:
    return "".join(plugin.get("Output", "") for plugin in invocation.get("CommandPlugins", ()))


def _told(verified: Verified) -> dict[str, Any]:
    """A HostEndState."""
    return {
        "hostId": verified.host_id,
        "state": verified.state,
        "reason": verified.reason or None,
        "deploymentId": verified.installed,
        "changes": verified.counts or None,
        "paths": [{"change": how, "path": path} for how, path in verified.paths] or None,
    }

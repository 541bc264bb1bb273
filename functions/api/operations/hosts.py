"""What each host of a group runs."""

from typing import Any

from functions.api import responses
from functions.api.operations import Caller
from functions.api.operations.groups import known
from functions.store.records import hosts


def list_hosts(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """By their ids; those that some deployment began on. The revisions come with the deployments that brought them."""
    group = known(given["applicationName"], given["deploymentGroupName"])
    found, token = hosts.page(group.group_id, given.get("nextToken"))
    brought = hosts.deployments_of(found)
    return {"hosts": [responses.host(host, brought.get(host.deployment_id)) for host in found], "nextToken": token}

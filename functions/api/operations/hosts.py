"""What each host of a group runs."""

from typing import Any

from functions.api import responses
from functions.api.operations import Caller
from functions.api.operations.groups import known
from functions.core.records import Host
from functions.core.text.shapes import from_plain
from functions.settings import settings
from functions.store import hosts, pages
from functions.store.keys import host_key


def list_hosts(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """By their ids; those that some deployment began on. The revisions come with the deployments that brought them."""
    group = known(given["applicationName"], given["deploymentGroupName"])
    question = {
        "TableName": settings().table_name,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": host_key(group.group_id, "")["pk"]}},
        "ConsistentRead": True,
    }
    items, token = pages.page(question, given.get("nextToken"))
    found = [from_plain(Host, item) for item in items]
    brought = hosts.deployments(host.deployment_id for host in found)
    return {"hosts": [responses.host(host, brought.get(host.deployment_id)) for host in found], "nextToken": token}

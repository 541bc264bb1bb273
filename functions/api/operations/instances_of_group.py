"""The instances that a deployment group means now."""

from typing import Any

from functions.api.operations import Caller
from functions.api.operations.groups import known
from functions.aws.fleet import autoscaling
from functions.core.selection import Contact, Instance
from functions.engine.starting import fleet

_ON_A_PAGE = 1000  # their ping statuses are 20 calls of SSM


def list_group_instances(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """By their ids: those that the group's tags select. `nextToken` is the id of the last one before the page."""
    settings = known(given["applicationName"], given["deploymentGroupName"]).settings
    scaling_groups = autoscaling.groups(settings.auto_scaling.groups)
    selected = fleet.select(settings.tag_groups, settings.on_premises_tag_groups, scaling_groups)
    after = given.get("nextToken", "")
    left = sorted(each.instance_id for each in selected.hosts if each.instance_id > after)
    page = selected.only(set(left[:_ON_A_PAGE]))
    contacts = {} if given.get("omitPingStatus") else fleet.contacts(page)
    return {
        "instances": [_told(each, contacts.get(each.instance_id)) for each in sorted(page.hosts, key=_id)],
        "nextToken": left[_ON_A_PAGE - 1] if len(left) > _ON_A_PAGE else None,
    }


def _id(instance: Instance) -> str:
    return instance.instance_id


def _told(instance: Instance, contact: Contact | None) -> dict[str, Any]:
    tags = [{"Key": key, "Value": value} for key, value in sorted(instance.tags.items())]
    said = {"pingStatus": contact.ping, "platformType": contact.platform} if contact else {}
    return {"instanceId": instance.instance_id, "tags": tags, **said}

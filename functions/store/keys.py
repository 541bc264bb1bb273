"""DynamoDB's wire form of the records, and the keys they lie under (docs/records.md lists the access patterns)."""

from decimal import Decimal
from typing import Any

from functions.core.records import Deployment

Item = dict[str, Any]  # plain values
Wire = dict[str, Any]  # DynamoDB's typed values


def to_wire(plain: Item) -> Wire:
    """A plain item as DynamoDB's typed attributes."""
    return {name: _serialize(value) for name, value in plain.items()}


def from_wire(wire: Wire) -> Item:
    """DynamoDB's typed attributes as a plain item; whole numbers come back as int."""
    return {name: _deserialize(value) for name, value in wire.items()}


def _serialize(value: Any) -> Any:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float() | Decimal():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case dict():
            return {"M": to_wire(value)}
        case list() | tuple():
            return {"L": [_serialize(item) for item in value]}
    raise TypeError(f"no DynamoDB form for {type(value).__name__}")


def _deserialize(value: Any) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            number = Decimal(content)
            return int(number) if number == number.to_integral_value() else float(number)
        case "M":
            return from_wire(content)
        case "L":
            return [_deserialize(item) for item in content]
        case "NULL":
            return None
        case "SS":
            return sorted(content)
        case _:  # S and BOOL
            return content


def deployment_key(deployment_id: str) -> Item:
    return {"pk": f"DEPLOYMENT#{deployment_id}", "sk": "DEPLOYMENT"}


def target_key(deployment_id: str, target_id: str) -> Item:
    return {"pk": f"DEPLOYMENT#{deployment_id}", "sk": f"TARGET#{target_id}"}


def preparing_key(deployment_id: str) -> Item:
    return {"pk": f"DEPLOYMENT#{deployment_id}", "sk": "PREPARING"}


def application_key(application: str) -> Item:
    return {"pk": f"APPLICATION#{application}", "sk": "APPLICATION"}


def group_item_key(application: str, group: str) -> Item:
    return {"pk": f"APPLICATION#{application}", "sk": f"GROUP#{group}"}


def lock_key(group_key: str) -> Item:
    return {"pk": f"LOCK#{group_key}", "sk": "LOCK"}


def upload_key(bucket: str, key: str, version: str) -> Item:
    return {"pk": f"UPLOAD#{bucket}/{key}", "sk": version}


def host_key(group_id: str, target_id: str) -> Item:
    return {"pk": f"HOSTS#{group_id}", "sk": f"HOST#{target_id}"}


def command_key(command_id: str, instance_id: str) -> Item:
    return {"pk": f"COMMAND#{command_id}", "sk": instance_id}


def listed_application_key(application: str) -> Item:
    return {"pk": "APPLICATIONS", "sk": f"APPLICATION#{application}"}


def declared_key(kind: str, name: str) -> Item:
    return {"pk": "DECLARED", "sk": f"{kind}#{name}"}


def alarm_key(alarm: str, group_key: str) -> Item:
    return {"pk": f"ALARM#{alarm}", "sk": f"GROUP#{group_key}"}


def guard_key(group_key: str) -> Item:
    return {"pk": "GUARDS", "sk": f"GROUP#{group_key}"}


def guards_whole_key() -> Item:
    """The mark that every guarded group has its place in the index."""
    return {"pk": "GUARDS", "sk": "WHOLE"}


def on_premises_key(name: str) -> Item:
    return {"pk": "ON_PREMISES", "sk": f"INSTANCE#{name}"}


def iam_key(arn: str) -> Item:
    return {"pk": f"IAM#{arn}", "sk": "INSTANCE"}


def own_alarm_key(alarm: str, group_key: str) -> Item:
    return {"pk": f"ALARM#{alarm}", "sk": f"OWN#{group_key}"}


def config_key(name: str) -> Item:
    return {"pk": "CONFIG", "sk": f"CONFIG#{name}"}


def count_of_configs_key() -> Item:
    return {"pk": "CONFIG", "sk": "COUNT"}


def config_use_key(config: str, group_key: str) -> Item:
    return {"pk": f"CONFIG#{config}", "sk": f"GROUP#{group_key}"}


def count_of_uses_key(config: str) -> Item:
    return {"pk": f"CONFIG#{config}", "sk": "COUNT"}


def registered_revision_key(application_id: str, digest: str) -> Item:
    return {"pk": f"REVISIONS#{application_id}", "sk": f"REVISION#{digest}"}


def aim_key(application: str, group: str) -> Item:
    return {"pk": f"APPLICATION#{application}", "sk": f"AIM#{group}"}


def deployment_indexes(deployment: Deployment) -> Item:
    """The attributes that the indexes by_group, by_status and by_time find and sort a deployment by."""
    return {
        "kind": "deployment",
        "group_key": deployment.group_key,
        "created": f"{deployment.create_time}#{deployment.deployment_id}",
    }

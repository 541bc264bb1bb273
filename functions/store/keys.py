"""The keys that the records lie under (docs/records.md lists the access patterns)."""

from functions.core.records import Deployment
from functions.store.table.values import Item, Key


def deployment_key(deployment_id: str) -> Key:
    return Key(f"DEPLOYMENT#{deployment_id}", "DEPLOYMENT")


def target_key(deployment_id: str, target_id: str) -> Key:
    return Key(f"DEPLOYMENT#{deployment_id}", f"TARGET#{target_id}")


def preparing_key(deployment_id: str) -> Key:
    return Key(f"DEPLOYMENT#{deployment_id}", "PREPARING")


def plan_key(deployment_id: str, part: int) -> Key:
    """Of its own partition: it is large."""
    return Key(f"PLAN#{deployment_id}", f"PART#{part:03}")


def application_key(application: str) -> Key:
    return Key(f"APPLICATION#{application}", "APPLICATION")


def group_item_key(application: str, group: str) -> Key:
    return Key(f"APPLICATION#{application}", f"GROUP#{group}")


def lock_key(group_key: str) -> Key:
    return Key(f"LOCK#{group_key}", "LOCK")


def upload_key(bucket: str, key: str, version: str) -> Key:
    return Key(f"UPLOAD#{bucket}/{key}", version)


def token_key(token: str) -> Key:
    """The mark of a request that may come twice."""
    return Key(f"TOKEN#{token}", "TOKEN")


def pipeline_job_key(deployment_id: str) -> Key:
    return Key("PIPELINE_JOBS", f"JOB#{deployment_id}")


def shard_key(place_set: str, number: int) -> Key:
    return Key(f"PLACES#{place_set}#{number}", "SHARD")


def budget_key(name: str) -> Key:
    return Key("BUDGETS", f"BUDGET#{name}")


def host_key(group_id: str, target_id: str) -> Key:
    return Key(f"HOSTS#{group_id}", f"HOST#{target_id}")


def command_key(command_id: str, instance_id: str) -> Key:
    return Key(f"COMMAND#{command_id}", instance_id)


def pacer_key() -> Key:
    return Key("PACER", "SEND_COMMAND")


def live_message_key(deployment_id: str) -> Key:
    return Key(f"SLACK#{deployment_id}", "MESSAGE")


def slack_pace_key() -> Key:
    return Key("SLACK", "PACE")


def waits_pk(deployment_id: str) -> str:
    return f"WATCH#{deployment_id}"


def turn_key(deployment_id: str) -> Key:
    """Of its own partition too: each turn writes it."""
    return Key(waits_pk(deployment_id), "TURN")


def wait_key(deployment_id: str, kind: str, target_id: str) -> Key:
    return Key(waits_pk(deployment_id), f"{kind}#{target_id}")


def listed_application_key(application: str) -> Key:
    return Key("APPLICATIONS", f"APPLICATION#{application}")


def declared_key(kind: str, name: str) -> Key:
    return Key("DECLARED", f"{kind}#{name}")


def alarm_key(alarm: str, group_key: str) -> Key:
    return Key(f"ALARM#{alarm}", f"GROUP#{group_key}")


def scaling_group_key(scaling_group: str, group_key: str) -> Key:
    """Of one partition: few deployment groups have one, and all are read together."""
    return Key("SCALING_GROUPS", f"{scaling_group}:{group_key}")  # a name has no colon


def launches_key(group_id: str) -> Key:
    """What a group remembers of its launches."""
    return Key(f"LAUNCHES#{group_id}", "LAUNCHES")


def action_key(scaling_group: str, instance_id: str, hook: str) -> Key:
    return Key(f"ACTION#{scaling_group}:{instance_id}", f"HOOK#{hook}")


def suspension_key(scaling_group: str, deployment_id: str) -> Key:
    return Key("SUSPENSIONS", f"{scaling_group}:{deployment_id}")


def guard_key(group_key: str) -> Key:
    return Key("GUARDS", f"GROUP#{group_key}")


def guards_whole_key() -> Key:
    """The mark that every guarded group has its place in the index."""
    return Key("GUARDS", "WHOLE")


def window_key(number: int) -> Key:
    """Of one partition, as freezes: all are read together."""
    return Key("CALENDAR", f"WINDOW#{number:03}")


def freeze_key(freeze_id: str) -> Key:
    return Key("CALENDAR", f"FREEZE#{freeze_id}")


def on_premises_key(name: str) -> Key:
    return Key("ON_PREMISES", f"INSTANCE#{name}")


def iam_key(arn: str) -> Key:
    return Key(f"IAM#{arn}", "INSTANCE")


def own_alarm_key(alarm: str, group_key: str) -> Key:
    return Key(f"ALARM#{alarm}", f"OWN#{group_key}")


def config_key(name: str) -> Key:
    return Key("CONFIG", f"CONFIG#{name}")


def count_of_configs_key() -> Key:
    return Key("CONFIG", "COUNT")


def config_use_key(config: str, group_key: str) -> Key:
    return Key(f"CONFIG#{config}", f"GROUP#{group_key}")


def count_of_uses_key(config: str) -> Key:
    return Key(f"CONFIG#{config}", "COUNT")


def registered_revision_key(application_id: str, digest: str) -> Key:
    return Key(f"REVISIONS#{application_id}", f"REVISION#{digest}")


def target_revision_key(application: str, group: str) -> Key:
    return Key(f"APPLICATION#{application}", f"AIM#{group}")


def deployment_indexes(deployment: Deployment) -> Item:
    """The attributes that the indexes by_group, by_status and by_time find and sort a deployment by."""
    return {
        "kind": "deployment",
        "group_key": deployment.group_key,
        "created": f"{deployment.create_time}#{deployment.deployment_id}",
    }

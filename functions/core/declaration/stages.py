"""The stages of a deployment configuration of the file (docs/stages.md)."""

from typing import Any

from functions.core import quotas
from functions.core.declaration.analysis import analysis
from functions.core.declaration.durations import seconds
from functions.core.declaration.minimum import minimum
from functions.core.declaration.principals import principal_patterns
from functions.core.declaration.value import Value
from functions.core.errors import InvalidInput
from functions.core.rollout.health import Approval, Select, StageRule, check_stages

_WORDS = {"rest": Select.REST, "zone": Select.ZONE}
_FORMS = "rest, zone, {count: 1}, {percent: 10}, {zone: [us-east-1a]} or {tag: {Key: ring, Value: first}}"


def stages(value: Value) -> tuple[StageRule, ...]:
    """None where something is wrong with one of them, or with their row."""
    listed = value.items(most=quotas.MAX_STAGES)
    if not listed:
        value.refuse("give at least one stage, or leave it out")
    known = len(value.problems)
    found = [_stage(each) for each in listed]
    if len(value.problems) > known:
        return ()
    rules = tuple(each for each in found if each)
    try:
        check_stages(rules)
    except InvalidInput as error:
        value.refuse(str(error))
        return ()
    return rules


def _stage(value: Value) -> StageRule | None:
    known, read = len(value.problems), dict[str, Any]()
    members = value.known(
        "name", "select", "minimumHealthyHosts", "bake", "approval", "analysis", required=["name", "select"]
    )
    if name := members.get("name"):
        read["name"] = name.name()
    if select := members.get("select"):
        read |= _selection(select)
    if least := members.get("minimumHealthyHosts"):
        read["minimum"] = minimum(least)
    if bake := members.get("bake"):
        read["bake_seconds"] = seconds(bake)
    if approval := members.get("approval"):
        read["approval"] = _approval(approval)
    if judged := members.get("analysis"):
        read["analysis"] = analysis(judged)
    if len(value.problems) > known:
        return None
    return value.made(lambda: StageRule(**read))


def _selection(value: Value) -> dict[str, Any]:
    if not value.is_mapping:
        word = _WORDS.get(value.word_as_written)
        if word is None:
            value.refuse(f"{value.shown} is not a selection: give {_FORMS}")
            return {}
        return {"select": word}
    members = value.known("count", "percent", "zone", "tag")
    if len(members) != 1:
        value.refuse(f"give one of {_FORMS}")
        return {}
    ((kind, given),) = members.items()
    match kind:
        case "count" | "percent":
            number = given.number()
            if number is None:
                given.refuse(f"{given.shown} is not a whole number")
            return {"select": Select(kind.upper()), "value": 1 if number is None else number}
        case "zone":
            zones = [each.text(longest=100) for each in given.items()]
            if not zones:
                given.refuse("give names of Availability Zones; `select: zone` takes all")
            return {"select": Select.ZONE, "zones": tuple(zones)}
        case _:
            tag = given.known("Key", "Value", required=["Key"])
            key, wanted = tag.get("Key"), tag.get("Value")
            return {
                "select": Select.TAG,
                "tag_key": key.text(longest=128) if key else None,
                "tag_value": wanted.text(shortest=0, longest=256) if wanted else None,
            }


def _approval(value: Value) -> Approval | None:
    """`true`, or who may approve."""
    if not value.is_mapping:
        return Approval() if value.flag() else None
    members = value.known("approvers", "byAnother")
    listed, another = members.get("approvers"), members.get("byAnother")
    nobody = "leaves no approver: give at least one ARN, or leave it out"
    return Approval(
        approvers=principal_patterns(listed, nobody=nobody) if listed else (),
        by_another=another.flag() if another else False,
    )

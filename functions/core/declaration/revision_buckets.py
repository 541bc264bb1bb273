"""Buckets of the file, besides the engine's own, from which revisions are taken.

An entry is a name, or `{name, trigger: uploads, prefix}`: uploads to that bucket start deployments, too.
"""

import re
from enum import StrEnum

from functions.core.declaration.model import UploadTrigger
from functions.core.declaration.value import Value

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3 User Guide, "General purpose bucket naming rules"
_PREFIX = re.compile(r"([A-Za-z0-9!_.'()-]+/)+")  # the same guide's characters that every tool takes, without `*`
_LONGEST_NAME = 63
_MOST = 20  # each is a few lines of two roles' policies
# One rule of EventBridge names them all, in a pattern of at most 2,048 characters (EventBridge User Guide, "Quotas").
MAX_TRIGGERS = 10
MAX_PREFIX = 50


class BucketTrigger(StrEnum):
    """What of a bucket starts deployments."""

    UPLOADS = "uploads"


def revision_buckets(listed: Value) -> tuple[tuple[str, ...], tuple[UploadTrigger, ...]]:
    """The names, each once, and which of them start deployments."""
    names: list[str] = []
    triggers: list[UploadTrigger] = []
    for each in listed.items(most=_MOST):
        members = each.known("name", "trigger", "prefix", required=["name"]) if each.is_mapping else {"name": each}
        name = _name(members["name"], names) if "name" in members else ""
        prefix = _prefix(members["prefix"]) if "prefix" in members else ""
        if "trigger" in members:
            members["trigger"].word(BucketTrigger)
            triggers.append(UploadTrigger(bucket=name, prefix=prefix))
        elif "prefix" in members:
            members["prefix"].refuse_key("is of uploads that start deployments: add trigger: uploads, or remove it")
        names.append(name)
    if len(triggers) > MAX_TRIGGERS:
        listed.refuse(
            f"{len(triggers)} buckets with trigger: uploads; at most {MAX_TRIGGERS} are allowed: call CreateDeployment"
            " for uploads to the others"
        )
    return tuple(names), tuple(triggers)


def _name(value: Value, others: list[str]) -> str:
    name = value.text(longest=_LONGEST_NAME)
    if name and not _NAME.fullmatch(name):
        value.refuse(f"{value.shown} is not the name of a bucket")
    elif name in others:
        value.refuse(f'the bucket "{name}" is there twice')
    return name


def _prefix(value: Value) -> str:
    prefix = value.text(longest=MAX_PREFIX)
    if prefix and not _PREFIX.fullmatch(prefix):
        value.refuse(
            f"{value.shown} is not a prefix: give folders of letters, digits and !_.'()- with a slash behind each,"
            " for example releases/"
        )
    return prefix

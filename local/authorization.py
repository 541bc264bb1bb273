"""How a local service asks the emulator's IAM before it does anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One question to IAM; every one of a request's has to be answered with Allow."""

    action: str
    resource: str
    condition_keys: Mapping[str, str]


def denied(service: str, wanted: Iterable[Check], headers: dict[str, str], query: dict[str, Any]) -> str | None:
    """AWS's refusal of the first question that is not answered with Allow; None when all are."""
    from ministack.core.iam_evaluator import enforce
    from ministack.core.router import extract_access_key_id, extract_region

    key, region = extract_access_key_id(headers, query) or "", extract_region(headers, query)
    for check in wanted:
        found = enforce(key, check.action, service, region, check.resource, dict(check.condition_keys))
        if found is not None:
            caller = getattr(found, "principal_arn", "the caller")
            return f"User: {caller} is not authorized to perform: {check.action} on resource: {check.resource}"
    return None

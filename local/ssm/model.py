"""SSM's shapes as AWS publishes them: the judge of every request and answer here."""

from __future__ import annotations

from typing import Any

from local import json_model
from local.json_model import JsonError

SsmError = JsonError


def check_request(operation: str, body: dict[str, Any]) -> None:
    """Raises SsmError ValidationException with everything that AWS would refuse by shape alone."""
    json_model.check_request("ssm", operation, body)


def check_answer(operation: str, body: dict[str, Any]) -> None:
    """Raises ValueError when our own answer has not the members, types and enumerations that AWS publishes."""
    json_model.check_answer("ssm", operation, body)

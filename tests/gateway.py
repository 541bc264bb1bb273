"""Which function API Gateway calls for an operation, as infra/api.py says."""

from collections.abc import Callable
from typing import Any

from functions.core.planning.shapes import OPERATION
from functions.handlers import api, plan


def handler_of(operation: str) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    handler: Callable[[dict[str, Any], Any], dict[str, Any]] = (plan if operation == OPERATION else api).handler
    return handler

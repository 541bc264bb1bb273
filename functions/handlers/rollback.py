"""rollback: a person goes back to the last good revision of a group: {"application", "group", "requested_by"?}.

Called by `aws lambda invoke`. While a deployment runs, it is stopped and rolled back; otherwise a new deployment of
the last other revision starts.
"""

from dataclasses import asdict
from typing import Any

from functions.api.requests import fields
from functions.engine.roll_back import roll_back
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    application, name = fields.needed(event, "application", "group")
    way = roll_back(application, name, who=fields.text(event, "requested_by") or "a person", principal=None)
    return {field: value for field, value in asdict(way).items() if value}

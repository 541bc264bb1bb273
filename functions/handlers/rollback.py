"""rollback: a person goes back to a good revision of a group.

Called by `aws lambda invoke`: {"application", "group", "to"?, "cancel"?, "requested_by"?}. While a deployment runs, it
is stopped and rolled back; otherwise a new deployment starts. It goes to the last good revision, or to that of the good
deployment `to`. Running scripts end by themselves unless `cancel` is true.
"""

from dataclasses import asdict
from typing import Any

from functions.api.requests import fields
from functions.engine.ending.roll_back import Wish, roll_back
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    application, name = fields.needed(event, "application", "group")
    wish = Wish(
        who=fields.text(event, "requested_by") or "a person",
        principal=None,
        to=fields.text(event, "to"),
        cancel=bool(fields.flag(event, "cancel")),
    )
    started = roll_back(application, name, wish)
    return {field: value for field, value in asdict(started).items() if value}

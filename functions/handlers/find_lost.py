"""find_lost: deployments that wait for an event which never came go on, or end; so do instances of Auto Scaling.

Pipelines that wait for long are told that it goes on. Called by a schedule, every few minutes. A second call, also at
the same time, finds nothing left to do.
"""

from typing import Any

from functions.engine import pipeline
from functions.engine.auto_scaling import scaling
from functions.engine.running import find_lost
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:
    try:
        find_lost.mend()
    finally:
        try:
            scaling.mend()
        finally:
            pipeline.renew()

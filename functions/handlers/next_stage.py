"""NextStage: what the deployment does next: run a stage, wait after it, or finish.

Called by the deployment's workflow, with its stages and with what was decided last. Called again, it decides again. The
metrics of a stage that has baked are judged once. A stage that begins is watched.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from functions.aws import clock, weather
from functions.core.records import Deployment
from functions.core.rollout import budgets, holds
from functions.core.rollout.stages import Decision, Manifest, Next, next_stage
from functions.core.text.shapes import from_plain, to_plain
from functions.engine import calendar
from functions.engine.running import analysis, chain
from functions.engine.running import places as engine_places
from functions.settings import settings
from functions.store.records import deployments, places
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
@weather.not_a_failure
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`holds` is not in the event of an execution that began before an update, whose flow can only bake."""
    deployment, now, decision = _decide(event)
    if decision.next is Next.JUDGE and deployment and decision.hold:
        analysis.judge(deployment, decision.hold)
        deployment, now, decision = _decide(event)
    stage, hold = decision.stage, decision.hold
    if hold is None and deployment and deployment.hold:
        deployments.end_hold(deployment.deployment_id)
    if stage and decision.next is Next.RUN:
        chain.start(event["deployment_id"])
        most = min(stage.concurrency, settings().map_concurrency)
        stage = replace(stage, concurrency=budgets.concurrency(deployment.budgets if deployment else (), most))
    return {
        "next": decision.next,
        "stage": to_plain(stage),
        "hold": to_plain(hold),
        "seconds": holds.seconds(hold, now) if hold else 0,
    }


def _decide(event: dict[str, Any]) -> tuple[Deployment | None, datetime, Decision]:
    """The deployment as it is now, and what it does next."""
    deployment = deployments.get(event["deployment_id"])
    if deployment:
        deployment = places.counted(deployment)
    now = clock.now()
    decision = next_stage(
        deployment,
        [from_plain(Manifest, each) for each in event["stages"]],
        from_plain(Decision, event["last"]),
        now,
        is_lost=bool(deployment and engine_places.lost(deployment)),
        can_hold="holds" in event,
        frozen=calendar.frozen(deployment),
    )
    return deployment, now, decision

"""Deliberate breakages of stages and of what holds a deployment between them."""

from tests.mutations.mutation import Mutation, mutation

ROLLOUT, RUNNING = "functions/core/rollout/", "functions/engine/running/"

STAGES: tuple[Mutation, ...] = (
    mutation(
        "a stage takes one target too many",
        13,
        ROLLOUT + "selecting.py",
        "            return [(stage.name, list(left[: stage.value]))]\n",
        "            return [(stage.name, list(left[: stage.value + 1]))]\n",
    ),
    mutation(
        "a deployment goes on without its approval",
        13,
        ROLLOUT + "holds.py",
        "        if after and after.approval and is_judged:\n",
        "        if after and after.approval and is_judged and not last:\n",
    ),
    mutation(
        "a bake ends with the first thing that wakes it",
        13,
        ROLLOUT + "holds.py",
        "        if ends > now:\n",
        "        if ends > now and not last:\n",
    ),
    mutation(
        "metrics that say nothing let a deployment go on",
        13,
        ROLLOUT + "holds.py",
        "        if verdict and verdict.verdict is AnalysisVerdict.INCONCLUSIVE:\n",
        "        if verdict and verdict.verdict is AnalysisVerdict.INCONCLUSIVE and not last:\n",
    ),
    mutation(
        "metrics that are bad stop nothing",
        13,
        RUNNING + "analysis.py",
        "        AnalysisVerdict.FAILURE: True,\n",
        "        AnalysisVerdict.FAILURE: False,\n",
    ),
    mutation(
        "nobody judges the metrics of a stage",
        13,
        ROLLOUT + "holds.py",
        "    return _bake_ends(after, _since(stage, last, now)) <= now\n",
        "    return _bake_ends(after, _since(stage, last, now)) < now - timedelta(days=1)\n",
    ),
    mutation(
        "targets begin during a pause",
        13,
        RUNNING + "segments.py",
        "    if deployment.pause and target.status is TargetStatus.PENDING:\n",
        "    if deployment.pause and target.status is TargetStatus.FAILED:\n",
    ),
    mutation(
        "a resume does not wake those whom the pause held",
        13,
        RUNNING + "watch.py",
        "    if not deployment.pause and _let_ask_again(deployment_id):\n",
        "    if deployment.stop and _let_ask_again(deployment_id):\n",
    ),
    mutation(
        "a stage that failed is followed by the next one",
        13,
        "functions/handlers/next_stage.py",
        "        is_lost=bool(deployment and engine_places.lost(deployment)),\n",
        "        is_lost=False,\n",
    ),
)

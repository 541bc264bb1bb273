"""How groups stand that are deployed to, as CloudWatch metrics: hosts in service beside the promise, what waits.

Events tell when a deployment begins and ends; in between nothing does but this, each time that `find_lost` looks.
"""

from collections import defaultdict
from collections.abc import Sequence

from functions import telemetry
from functions.core.messages import measures
from functions.core.records import Deployment
from functions.store.records import places
from functions.telemetry import logger


def measure(left: Sequence[Deployment]) -> None:
    """Of the deployments that have not ended: one line for each group, whatever it has of them and of targets. What
    cannot be measured now is measured the next time."""
    try:
        _measure(left)
    except Exception:
        logger.exception("groups are not measured")


def _measure(left: Sequence[Deployment]) -> None:
    groups = defaultdict[tuple[str, str], list[Deployment]](list)
    for each in places.counted_all([each for each in left if each.group_id]):
        groups[each.application, each.group].append(each)
    for (application, group), deployments in sorted(groups.items()):
        telemetry.gauge(measures.of_group(deployments), application=application, group=group)

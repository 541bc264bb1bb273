"""A segment whose presigned URLs had expired when its host came to use them: it is sent again, with new ones.

A URL lives no longer than the session of the function that signed it, of which little may be left. The host says so
before the segment's first event (host/posix/segment.py), and only then: what has begun is never sent again.
"""

from functions.core.causes import Cause
from functions.core.records import SegmentResult, SegmentRun, Target

MOST = 3  # of one segment


def is_renewed(target: Target, step: int, result: SegmentResult) -> bool:
    """Whether the segment is sent again instead of failing its target."""
    failure, run = result.failure, target.segments.get(str(step), SegmentRun())
    if failure is None or failure.cause is not Cause.EXPIRED:
        return False
    nothing_ran = failure.event == target.steps[step].events[0].value
    return nothing_ran and run.renewals < MOST

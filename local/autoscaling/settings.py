"""What a test, or a person, may set of Auto Scaling: how long things take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Settings:
    """The defaults are AWS's."""

    # How long a second of heartbeats, grace periods, warm-ups and pauses before a new attempt lasts, in seconds.
    second: float = 1.0
    # Until SSM knows a new instance: its lifecycle event comes earlier. On AWS some ten seconds or more; never scaled.
    agent_seconds: float = 1.0
    hooks_per_group: int = 50  # Amazon EC2 Auto Scaling User Guide, "Quotas"

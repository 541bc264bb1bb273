"""What a test, or a person, may set of the load balancers: how long things take, and how AWS limits them."""

from __future__ import annotations

from dataclasses import dataclass

from simulation.aws.limits import Rate

# ELB User Guide, "Request throttling for the ELB API": 40 reads at once, 10 more a second, for each of the two APIs.
# The rate of other calls is a guess, after the 4 a second and 20 at once to which AWS's own Kubernetes controller
# keeps itself.
READS = Rate(10, 40)
WRITES = Rate(4, 20)


@dataclass
class Settings:
    """The defaults are AWS's, but for the propagation, which is nothing."""

    second: float = 1.0  # how long a second of health checks, delays and slow starts lasts, in seconds
    propagation_seconds: float = 0.0  # until the nodes hear of a registration or deregistration; never scaled
    health_unavailable: bool = False  # AWS cannot tell the health of targets
    reads_per_second: float = READS.per_second
    reads_at_once: float = READS.burst
    writes_per_second: float = WRITES.per_second
    writes_at_once: float = WRITES.burst
    # Quotas: Application Load Balancers User Guide, "Quotas".
    targets_per_group: int = 1000
    registrations_per_target: int = 1000

    def rate(self, operation: str) -> Rate:
        """
        >>> Settings().rate("DescribeTargetHealth"), Settings().rate("RegisterTargets")
        (Rate(per_second=10, burst=40), Rate(per_second=4, burst=20))
        """
        if operation.startswith("Describe"):
            return Rate(self.reads_per_second, self.reads_at_once)
        return Rate(self.writes_per_second, self.writes_at_once)

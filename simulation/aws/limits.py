"""What AWS allows, as token buckets, and how long its answers take.

Where AWS publishes a number it stands here with its source; what it does not publish is a guess, marked so, and an
option of the scenario.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests a second, and how many may come at once."""

    per_second: float
    burst: float


class Bucket:
    """A token bucket: full at first, and filled as the time goes that it is told."""

    def __init__(self, rate: Rate, since: float = 0.0) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._since = since

    def take(self, now: float, tokens: float = 1) -> bool:
        """Whether the bucket had the tokens; they are gone then."""
        left = self._tokens + (now - self._since) * self._rate.per_second
        if left > self._rate.burst:
            left = self._rate.burst
        self._since, is_taken = now, left >= tokens
        self._tokens = left - tokens if is_taken else left
        return is_taken

    def delay(self, now: float) -> float:
        """Take a token, also one that is not there yet: seconds until it is."""
        self.take(now, 0)
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate.per_second)


SSM = Rate(20, 40)  # a guess: AWS publishes no rate of Run Command's operations

# By "service:Operation", else by "service". Step Functions Developer Guide, "Quotas related to API action throttling"
# (the smaller Regions'); EC2 Developer Guide, "Request throttling"; KMS Developer Guide, "Request quotas" (RSA keys);
# CloudWatch User Guide, "Service quotas"; what is in no list is not throttled.
RATES: Mapping[str, Rate] = {
    "ssm": SSM,
    "stepfunctions:StartExecution": Rate(150, 800),
    "stepfunctions:DescribeExecution": Rate(10, 250),
    "stepfunctions:ListExecutions": Rate(2, 100),
    "stepfunctions:SendTaskSuccess": Rate(300, 1500),
    "stepfunctions:SendTaskFailure": Rate(300, 1500),
    "stepfunctions:SendTaskHeartbeat": Rate(300, 1500),
    "ec2:DescribeInstances": Rate(20, 100),
    # ELB User Guide, "Request throttling for the ELB API"; of other calls a guess, as in local/elb/settings.py.
    "elbv2:DescribeTargetHealth": Rate(10, 40),
    "elbv2:RegisterTargets": Rate(4, 20),
    "elbv2:DeregisterTargets": Rate(4, 20),
    "autoscaling": Rate(5, 20),  # a guess: AWS says only that many calls at once are throttled
    "kms:Sign": Rate(500, 500),
    "cloudwatch:DescribeAlarms": Rate(9, 18),
    "cloudwatch:GetMetricData": Rate(50, 50),
}

# Seconds of an answer on a usual day: guesses.
LATENCIES: Mapping[str, float] = {
    "dynamodb": 0.005,
    "ssm": 0.08,
    "stepfunctions": 0.03,
    "s3": 0.03,
    "kms": 0.01,
    "ec2": 0.3,
    "elbv2": 0.1,
    "autoscaling": 0.1,
    "cloudwatch": 0.05,
    "events": 0.02,
    "sns": 0.03,
    "sqs": 0.01,
    "scheduler": 0.05,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The account that the engine runs in."""

    rates: Mapping[str, Rate] = field(default_factory=lambda: RATES)
    latencies: Mapping[str, float] = field(default_factory=lambda: LATENCIES)
    lambda_concurrency: int = 1000  # Lambda quotas, of a Region
    cold_start_seconds: float = 0.8  # a guess
    state_transitions: Rate = Rate(800, 800)  # Step Functions quotas, StateTransition of the smaller Regions
    map_children: Rate = Rate(300, 300)  # a guess: how fast a Distributed Map begins its children
    transaction_seconds: float = 0.01  # a guess: for which a transaction keeps its items from other writes
    partition_writes: Rate = Rate(1000, 1000)  # DynamoDB Developer Guide, "Best practices for partition keys"

    def throttled(self, rates: Mapping[str, float]) -> "Limits":
        """With other requests a second, by service or "service:Operation"; two seconds' worth may come at once."""
        from dataclasses import replace

        given = {name: Rate(each, max(2 * each, 1)) for name, each in rates.items()}
        return replace(self, rates={**self.rates, **given})

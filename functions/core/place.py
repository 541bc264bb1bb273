"""Where the engine runs: what the ARNs of everything in its account begin with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the engine runs."""

    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, arn: str) -> "Place":
        """The place of any ARN.

        >>> Place.of("arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/s").region
        'eu-west-1'
        """
        _, partition, _, region, account, _ = arn.split(":", 5)
        return cls(partition=partition, region=region, account=account)

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

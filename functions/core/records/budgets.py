"""Disruption budgets: at most so many hosts of a set are out of service at one time, whoever deploys to them.

A budget gives places as a deployment does (`functions/core/rollout/places.py`), but outlives it. A place is a host's:
one deployment at a time works at the host, and a host that failed has its place until it succeeds, or until a person
releases it.
"""

from dataclasses import dataclass, field

from functions.core.errors import InvalidInput
from functions.core.records import places as records_places
from functions.core.records.places import Shard, number_of_shards
from functions.core.records.settings import TagGroup
from functions.core.rollout.health import MinimumHealthyHostsType

_SET = "budget:"  # begins the name of a budget's places, beside those of deployments and zones


def set_name(budget: str) -> str:
    return f"{_SET}{budget}"


def budget_of(place_set: str) -> str | None:
    """The name of the budget to which a set of places belongs; None for a deployment's own set or a zone's.

    >>> budget_of("budget:web"), budget_of("d-1/us-east-1a")
    ('web', None)
    """
    return place_set.removeprefix(_SET) if place_set.startswith(_SET) else None


@dataclass(frozen=True, slots=True)
class MaximumOutOfService:
    """How many hosts may be out of service at one time. Raises InvalidInput."""

    type: MinimumHealthyHostsType
    value: int  # hosts, or whole percent (1-100) of the budget's hosts

    def __post_init__(self) -> None:
        if self.value < 1:
            raise InvalidInput(
                f"maximum out of service value {self.value}: no host could be deployed to; give 1 or more"
            )
        if self.type is MinimumHealthyHostsType.FLEET_PERCENT and self.value > 100:
            raise InvalidInput(f"maximum out of service value {self.value} (FLEET_PERCENT): give 1 to 100")

    def places(self, hosts: int) -> int:
        """Percent rounds down, as what stays healthy rounds up: 0 for a percentage of a few hosts.

        >>> MaximumOutOfService(MinimumHealthyHostsType.FLEET_PERCENT, 34).places(8)
        2
        """
        return self.value if self.type is MinimumHealthyHostsType.HOST_COUNT else hosts * self.value // 100

    def __str__(self) -> str:
        return f"{self.value}{' %' if self.type is MinimumHealthyHostsType.FLEET_PERCENT else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A promise about hosts: those that fit the tags, and the members of the Auto Scaling groups."""

    name: str
    maximum: MaximumOutOfService
    tag_groups: tuple[TagGroup, ...] = ()  # of EC2 instances
    on_premises_tag_groups: tuple[TagGroup, ...] = ()
    scaling_groups: tuple[str, ...] = ()
    declared: bool = False  # by deployments.yaml, which alone changes it


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetShare:
    """A budget as a deployment asks it: with so many places as there were hosts for when the deployment began.

    Shards are filled one after the other. So of two deployments that counted differently each keeps its own promise
    in every shard, and together they never take more than the larger one allows.
    """

    budget: str
    places: int
    shards_known: int = 0  # that have ever been used: a host that failed may have its place in any
    is_named: bool = True  # by the group; else only hosts that failed before take their places over
    covers_all: bool = False  # every target asks it

    @property
    def name(self) -> str:
        return set_name(self.budget)

    @property
    def number_of_shards(self) -> int:
        return max(self.number_with_places, self.shards_known)

    @property
    def number_with_places(self) -> int:
        return number_of_shards(self.places)

    def shard(self, number: int) -> Shard:
        """
        >>> [BudgetShare(budget="web", places=60, shards_known=3).shard(number).places for number in range(3)]
        [50, 10, 0]
        """
        most = records_places.MAX_PLACES
        return Shard(of=self.name, number=number, places=min(max(self.places - number * most, 0), most))

    @property
    def shards(self) -> tuple[Shard, ...]:
        return tuple(map(self.shard, range(self.number_of_shards)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlace:
    """A host that is out of service."""

    since: str
    deployment_id: str = ""  # which works at it; "": none does, and the host has failed
    failed_in: str = ""  # the last deployment that failed on it

    @property
    def is_at_work(self) -> bool:
        return bool(self.deployment_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class InLine:
    """A deployment that waits for a place."""

    since: str
    until: str  # it is not waited for any longer than this, unless it asks again


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetShard:
    """What is on record of a shard of a budget's places."""

    held: dict[str, HostPlace] = field(default_factory=dict)  # by host
    line: dict[str, InLine] = field(default_factory=dict)  # by deployment

    @property
    def failed(self) -> frozenset[str]:
        """The hosts that have failed, and that no deployment works at."""
        return frozenset(host for host, place in self.held.items() if not place.is_at_work)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetWait:
    """Why a target waits for a budget, or was skipped because of it."""

    message: str
    since: str

"""Sets of places. A place is the permission of one target to be out of service (`functions/core/rollout/places.py`)."""

from dataclasses import dataclass

GUEST = "launch:"  # begins a holder that is no target, but a deployment to an instance that is launched meanwhile
MAX_PLACES = 50  # of one shard: 10,000 places are 200 items of a few kilobytes, which two requests read


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a set's places: one item of the table, with a partition of its own."""

    of: str  # the name of its set
    number: int
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSet:
    """So many places, for whoever shares this promise."""

    name: str  # a deployment's own set has its id
    places: int
    zone: str | None = None  # whose hosts alone ask it
    stage: str | None = None  # whose targets alone ask it, by its name
    needed: int = 0  # how many targets of a zone or stage have to succeed

    @property
    def number_of_shards(self) -> int:
        return number_of_shards(self.places)

    @property
    def shards(self) -> tuple[Shard, ...]:
        """At least one, and each about as large as the others.

        >>> [shard.places for shard in PlaceSet(name="d-1", places=101).shards]
        [34, 34, 33]
        """
        return tuple(map(self.shard, range(self.number_of_shards)))

    def shard(self, number: int) -> Shard:
        each, more = divmod(self.places, self.number_of_shards)
        return Shard(of=self.name, number=number, places=each + (number < more))


def number_of_shards(places: int) -> int:
    """That so many places fill, at least one."""
    return max(1, -(-places // MAX_PLACES))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardState:
    """What is on record of a shard."""

    holders: frozenset[str] = frozenset()  # the targets that have its places, and guests
    failed: frozenset[str] = frozenset()  # those keep the place that they have
    succeeded: int = 0  # targets that gave their place back
    was_out: int = 0  # how many had a place whose host was out of service before
    closed: bool = False  # it gives no place any more

    @property
    def targets(self) -> frozenset[str]:
        return frozenset(each for each in self.holders if not each.startswith(GUEST))

    @property
    def guests(self) -> frozenset[str]:
        """Deployments to launched instances: whoever needs the place of one that is over gives it back."""
        return frozenset(each.removeprefix(GUEST) for each in self.holders if each.startswith(GUEST))

    @property
    def in_progress(self) -> frozenset[str]:
        return self.targets - self.failed

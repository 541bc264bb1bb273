"""Which instances a group or a budget means, as requests say it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from functions.api.requests import settings
from functions.core import quotas
from functions.core.errors import Refused
from functions.core.records import TagGroup


class Kind(NamedTuple):
    """How a request names instances of one kind: by a list of filters, or by a set of such lists."""

    filters: str
    tag_set: str
    lists: str
    invalid: str
    both: str

    def is_set(self, given: Mapping[str, Any]) -> bool:
        return bool((given.get(self.tag_set) or {}).get(self.lists))

    def selected(self, given: Mapping[str, Any]) -> tuple[TagGroup, ...] | None:
        """The tags; None where the request does not say, none where it gives an empty list. Raises Refused."""
        filters = given.get(self.filters)
        if filters and self.is_set(given):
            raise Refused(self.both, f"{self.filters} and {self.tag_set}: give one of the two")
        if self.is_set(given):
            return self._tag_set(given[self.tag_set])
        if filters:
            return (settings.tag_group(filters, self.filters, self.invalid),)
        return () if self.filters in given or self.tag_set in given else None

    def _tag_set(self, given: Mapping[str, Any]) -> tuple[TagGroup, ...]:
        if (number := len(given[self.lists])) > quotas.MAX_TAG_GROUPS:
            what = f"{self.tag_set}.{self.lists}: has {number} lists, at most {quotas.MAX_TAG_GROUPS}"
            raise Refused("TagSetListLimitExceededException", what)
        return settings.tag_set(given, self.tag_set, self.invalid)


EC2 = Kind("ec2TagFilters", "ec2TagSet", "ec2TagSetList", "InvalidEC2TagException", "InvalidEC2TagCombinationException")
ON_PREMISES = Kind(
    "onPremisesInstanceTagFilters",
    "onPremisesTagSet",
    "onPremisesTagSetList",
    "InvalidTagException",
    "InvalidOnPremisesTagCombinationException",
)

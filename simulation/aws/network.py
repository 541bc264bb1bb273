"""The way of every request to AWS: it takes time, may be throttled and tried again as botocore does, and what sends it
may be killed on the way."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from functions.aws import clients
from simulation.aws.limits import Bucket, Limits
from simulation.clock import Clock, Ended

T = TypeVar("T")

_TRANSIENT = frozenset({"ThrottlingException", "ThrottledException", "RequestLimitExceeded", "Throttling"})
_LONGEST_BACK_OFF = 20  # seconds, of botocore's standard retries


class NotSimulated(AssertionError):
    """The engine uses something of AWS that the simulator does not have."""


class Network:
    """What lies between the engine and AWS."""

    def __init__(self, clock: Clock, chance: random.Random, limits: Limits, kill_rate: float = 0) -> None:
        self.clock, self.chance, self.limits = clock, chance, limits
        self.kill_rate = kill_rate  # of requests after which the function that sent them is killed
        self.calls: Counter[str] = Counter()  # by "service:Operation", every try counted
        self.throttled: Counter[str] = Counter()
        self.answered: Callable[[], None] = lambda: None  # after each request that AWS carried out; may end the caller
        self._buckets = dict[str, Bucket | None]()  # each operation has its own
        self._attempts = dict[str, int]()  # of a client, by its service

    def request(self, service: str, operation: str, act: Callable[[], T]) -> T:
        """An answer of AWS, as a client of botocore gets it."""
        attempts = self._attempts.get(service) or self._attempts_of(service)
        for attempt in range(attempts):
            try:
                return self.once(service, operation, act)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _TRANSIENT or attempt == attempts - 1:
                    raise
            self.clock.sleep(min(self.chance.random() * 2**attempt, _LONGEST_BACK_OFF))
        raise NotSimulated(f"{service} has a client that tries {attempts} times")

    def once(self, service: str, operation: str, act: Callable[[], T]) -> T:
        """One try."""
        self.clock.sleep(self.limits.latencies[service] * self.chance.uniform(0.6, 1.4))
        name = f"{service}:{operation}"
        self.calls[name] += 1
        bucket = self._buckets[name] if name in self._buckets else self._bucket(name, service)
        if bucket and not bucket.take(self.clock.time):
            self.throttled[name] += 1
            raise refusal("ThrottlingException", operation, "Rate exceeded")
        answer = act()
        self.answered()
        if self.kill_rate and self.chance.random() < self.kill_rate:
            raise Ended("killed")
        return answer

    def _attempts_of(self, service: str) -> int:
        found: int = clients.configuration(service)["retries"]["max_attempts"]
        return self._attempts.setdefault(service, found)

    def _bucket(self, name: str, service: str) -> Bucket | None:
        rate = self.limits.rates.get(name) or self.limits.rates.get(service)
        return self._buckets.setdefault(name, Bucket(rate) if rate else None)


def refusal(code: str, operation: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message or code}}, operation)


class Service:
    """A client of boto3, as far as it is simulated: its methods have boto3's names."""

    name = ""

    def __init__(self, network: Network) -> None:
        self.network = network

    def __getattr__(self, name: str) -> Any:
        raise NotSimulated(f"the simulator has no {self.name}.{name}")

    def request(self, operation: str, act: Callable[[], T]) -> T:
        return self.network.request(self.name, operation, act)

    def get_paginator(self, operation: str) -> "Paginator":
        return Paginator(getattr(self, operation))


class Paginator:
    """boto3's: pages until there is no NextToken."""

    def __init__(self, operation: Callable[..., dict[str, Any]]) -> None:
        self._operation = operation

    def paginate(
        self, *, PaginationConfig: Mapping[str, int] | None = None, **request: Any
    ) -> Iterator[dict[str, Any]]:
        if PaginationConfig:
            request["MaxResults"] = PaginationConfig["PageSize"]
        token: str | None = None
        while True:
            page = self._operation(**request, **({"NextToken": token} if token else {}))
            yield page
            token = page.get("NextToken")
            if token is None:
                return


def page(items: list[Any], member: str, request: Mapping[str, Any], *, most: int) -> dict[str, Any]:
    """A page of an answer's items."""
    start = int(request.get("NextToken") or 0)
    end = start + min(request.get("MaxResults") or most, most)
    return {member: items[start:end], **({"NextToken": str(end)} if end < len(items) else {})}

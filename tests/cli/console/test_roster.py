"""The state of each host of a deployment, by few requests: over the API that is really served."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cli.account.connection import Engine
from cli.console import roster
from cli.console.roster import Roster
from functions.core.records import Counts
from functions.core.statuses import DeploymentStatus, TargetStatus
from tests.cli.deploying import ID, F, K, P, S, W, put_deployment, put_target
from tests.served import Served

NOW = datetime(2026, 11, 23, 11, tzinfo=UTC)


class Fleet:
    """Hosts that a test moves, and what is read of them."""

    def __init__(self, served: Served, *states: TargetStatus) -> None:
        self.served, self.states = served, list(states)
        self.found, self.clock = Roster(), 0.0
        self.api = Engine().api
        self.move()

    def move(self, *states: TargetStatus) -> None:
        self.states = list(states) or self.states
        put = {each: self.states.count(each) for each in TargetStatus}
        counts = Counts(total=len(self.states), in_progress=put[W], succeeded=put[S], failed=put[F], skipped=put[K])
        put_deployment(DeploymentStatus.IN_PROGRESS, counts)
        for number, each in enumerate(self.states):
            put_target(f"i-{number:03}", each, done=1)

    def look(self, **info: Any) -> tuple[list[str], int]:
        """The states as they are known, and how many requests that took."""
        given = {**self.api.get_deployment(deploymentId=ID)["deploymentInfo"], **info}
        before = len(self.served.asked)
        self.found = roster.read(self.api, given, self.found, clock=self.clock, now=NOW)
        return [each["status"] for each in self.found.targets.values()], len(self.served.asked) - before


def test_nothing_is_asked_while_nothing_changes(engine: Served) -> None:
    fleet = Fleet(engine, W, P, P)
    assert fleet.look() == ([W, P, P], 1)
    assert fleet.look() == ([W, P, P], 0)


def test_who_was_at_work_and_is_not_listed_has_succeeded(engine: Served) -> None:
    fleet = Fleet(engine, W, W, P, P)
    fleet.look()
    fleet.move(S, F, W, P)
    assert fleet.look() == ([S, F, W, P], 1)
    assert fleet.found.targets["i-000"]["lastUpdatedAt"] == NOW


def test_who_was_at_work_between_two_looks_is_found_by_the_counts(engine: Served) -> None:
    fleet = Fleet(engine, P, P, P)
    fleet.look()
    fleet.move(S, W, P)
    assert fleet.look() == ([P, W, P], 1)  # soon after all were listed
    fleet.clock += 15
    assert fleet.look() == ([S, W, P], 2)
    assert fleet.found.pause == 30


def test_all_are_listed_more_and_more_seldom(engine: Served) -> None:
    """Counts that never fit do not make it ask for ever."""
    fleet = Fleet(engine, S, W)
    overview = {"Succeeded": 2, "InProgress": 1}
    listed = list[float]()
    for _ in range(20):
        fleet.clock += 50
        if fleet.look(deploymentOverview=overview)[1] == 2:
            listed.append(fleet.clock)
    assert listed == [100, 150, 200, 300, 450, 700, 950]


def test_at_its_end_all_are_listed_with_their_times(engine: Served) -> None:
    fleet = Fleet(engine, W, P)
    fleet.look()
    fleet.move(S, S)
    assert fleet.look(completeTime=NOW) == ([S, S], 1)
    assert fleet.found.targets["i-000"]["lastUpdatedAt"] != NOW


@pytest.mark.parametrize("hosts", [100, 101])
def test_a_hundred_hosts_are_one_request(engine: Served, hosts: int) -> None:
    fleet = Fleet(engine, *[P] * hosts)
    assert fleet.look()[1] == (1 if hosts == 100 else 2)

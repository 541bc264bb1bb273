"""`stepdeploy doctor --smoke`: what it does, on which hosts, and what that costs at most, said before it is done."""

from collections.abc import Sequence
from dataclasses import dataclass

from cli.account.connection import Engine, Refusal
from cli.account.fleet import Member, fleet
from cli.account.group_name import Group
from cli.view.words import names
from functions.core.planning.prices import TRANSITIONS_EACH_DEPLOYMENT, TRANSITIONS_EACH_TARGET, USD, Item
from functions.core.selection import ONLINE

HOSTS = 3  # that the revision goes to, at most
READS, SENDS = 60, 30  # requests of each kind, without retries
COMMIT_SECONDS, COMMITS = 3.0, 1000  # for which one record is written, and how often at most
_CALLS_A_HOST = 10  # of functions
_UNITS_A_COMMIT = 2  # a transaction counts twice


@dataclass(frozen=True)
class Plan:
    """Hosts of one group, and what all checks ask for."""

    engine: Engine
    group: Group
    hosts: Sequence[Member]
    fleet_size: int

    def __str__(self) -> str:
        hosts = names([each.instance_id for each in self.hosts], HOSTS)
        return (
            f"--smoke makes and deletes an application, deploys a revision without files to {hosts} of {self.group},"
            f" asks Run Command {2 * READS} times, sends {self.hosts[0].instance_id} {SENDS} commands that it refuses,"
            f" and writes one record for {COMMIT_SECONDS:.0f} seconds. It takes about two minutes and costs at most"
            f" ${max_cost(len(self.hosts)):.2f}."
        )


def plan(engine: Engine, groups: Sequence[Group]) -> Plan:
    """Of the first group with hosts that SSM reaches. Raises Refusal where there is none."""
    for group in groups:
        members = fleet(engine, group)
        if online := [each for each in members if each.ping == ONLINE]:
            return Plan(engine, group, online[:HOSTS], len(members))
    raise Refusal(
        "--smoke needs a host that SSM reaches: see what `stepdeploy doctor` says of the hosts of "
        + (", ".join(map(str, groups)) or "a group; there is none")
    )


def max_cost(hosts: int) -> float:
    """In US dollars, by list price, rounded up to a cent.

    >>> max_cost(3)
    0.01
    """
    transitions = TRANSITIONS_EACH_DEPLOYMENT + TRANSITIONS_EACH_TARGET * hosts
    calls = _CALLS_A_HOST * (hosts + 1)
    units = COMMITS * _UNITS_A_COMMIT + 40 * (hosts + 1)
    exact = (
        transitions * USD[Item.TRANSITIONS]
        + calls * (USD[Item.LAMBDA_REQUESTS] + USD[Item.LAMBDA_GB_SECONDS])
        + units * USD[Item.WRITES]
    )
    return -(-exact * 100 // 1) / 100

"""`stepdeploy budgets [release BUDGET HOST]`: who holds the places of disruption budgets, since when, and who waits.

A host has a place while a deployment works at it. One that failed keeps it until a deployment succeeds there; `release`
gives it back when somebody knows that the host is not out of service any more.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from cli.account.connection import Engine
from cli.view.output import json_option, plain, tell_json
from cli.view.tables import Cell, Column, Row, tell_table
from cli.view.words import budget

_HEAD = (
    Column("BUDGET", least=12),
    Column("HOST"),
    Column("STATE"),
    Column("SINCE", is_time=True),
    Column("DEPLOYMENT"),
)
_RELEASE = "release"
Budget = Mapping[str, Any]  # of ListBudgets


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy budgets
  stepdeploy budgets release web-hosts i-0a1b2c3d4e5f60718
  stepdeploy budgets --json | jq -r '.budgets[].holders[] | select(.failedIn).hostId'""",
)
@click.argument("words", nargs=-1, metavar="[release BUDGET HOST]")
@json_option
def command(words: tuple[str, ...], as_json: bool) -> None:
    api = Engine().api
    match words:
        case ():
            _tell(api.list_budgets()["budgets"], as_json)
        case (verb, budget, host) if verb == _RELEASE:
            failed_in = api.release_budget_place(budgetName=budget, hostId=host).get("failedIn")
            if as_json:
                tell_json({"budgetName": budget, "hostId": host, "failedIn": failed_in})
            else:
                click.echo(plain(f"{host} has no place of {budget} any more{_after(failed_in)}"))
        case _:
            raise click.UsageError("give nothing, or: release BUDGET HOST")


def _after(failed_in: str | None) -> str:
    return f"; it had one since {failed_in} failed there" if failed_in else ""


def _tell(found: Sequence[Budget], as_json: bool) -> None:
    if as_json:
        tell_json({"budgets": found})
        return
    if not found:
        click.echo("no budgets", err=True)
        return
    if rows := [row for budget in found for row in _rows(budget)]:
        tell_table(_HEAD, rows)
    for each in found:
        click.echo(plain(budget(each)))


def _rows(budget: Budget) -> Iterator[Row]:
    name = budget["budgetName"]
    for each in budget["holders"]:
        at_work, failed_in = each.get("deploymentId"), each.get("failedIn")
        state = Cell("in progress") if at_work else Cell("failed", "red")
        yield [name, each["hostId"], state, each["since"], at_work or failed_in or "-"]
    for each in budget["waiting"]:
        yield [name, "-", Cell("waits", "yellow"), each["since"], each["deploymentId"]]

"""`stepdeploy freeze SCOPE --reason TEXT`: let no deployment begin, until a time or until it is lifted.

SCOPE is a group (shop/web), an application (shop), or "*" for all. What runs waits before its next stage, unless its
group says otherwise (onFreeze). Rollbacks are free.
"""

import click

from cli.account.completions import groups
from cli.account.connection import Engine
from cli.durations import moment
from cli.view import words
from cli.view.output import json_option, plain, tell_json
from functions.core.calendar import zone_problem

_WORDS = (("from", "from"), ("until", "to"))


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy freeze "*" --until 2h --reason "the database is being moved"
  stepdeploy freeze shop --from 2026-12-23T18:00 --until 2027-01-02T08:00 --time-zone Europe/Berlin --reason "holidays"

Exit status: 3 when the engine or AWS refuses.""",
)
@click.argument("scope", shell_complete=groups)
@click.option("--reason", required=True, metavar="TEXT", help="Why, for all who wait; up to 256 characters.")
@click.option("--from", "start", metavar="TIME", help="Default: now.")
@click.option("--until", metavar="TIME", help="A time or a length like 2h. Default: until it is lifted.")
@click.option("--time-zone", default="UTC", show_default=True, metavar="NAME", help="For times without an offset.")
@json_option
def command(scope: str, reason: str, start: str | None, until: str | None, time_zone: str, as_json: bool) -> None:
    if problem := zone_problem(time_zone):
        raise click.UsageError(f"--time-zone {time_zone!r} {problem}")
    times = {name: moment(given, time_zone) for name, given in (("from", start), ("to", until)) if given}
    engine = Engine()
    found = engine.api.create_freeze(scope=scope, reason=reason, timeZone=time_zone, **times)["freezeId"]
    if as_json:
        tell_json({"freezeId": found})
    else:
        when = [f"{word} {words.moment(times[name])}" for word, name in _WORDS if name in times]
        lasts = f"{' '.join(when)} UTC" if "to" in times else " ".join([*when, "until it is lifted"])
        what = f"{words.of_scope(scope)} is frozen {lasts}"
        click.echo(plain(f"{found}: {what}; lift it with: stepdeploy unfreeze {found}"))

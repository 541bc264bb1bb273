"""`stepdeploy watch [DEPLOYMENT_ID | APPLICATION/GROUP]`: follow a deployment to its end.

On a terminal it is drawn anew as it goes on; elsewhere each host that has ended is a line. If it fails, the causes and
the end of the log come next, and its rollback is followed as well. Ctrl-C ends the watching, not the deployment.
Without an id it is the newest deployment of the group, or of all.
"""

import click

from cli.account.connection import Engine
from cli.account.which import looked_at, which_argument
from cli.durations import DURATION
from cli.exits import Exit
from cli.view.follow import strict_option, verbose_option


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy watch shop/web
  stepdeploy watch d-0123ABCDE
  stepdeploy watch d-0123ABCDE --timeout 15m
  stepdeploy watch d-0123ABCDE --json | jq -r 'select(.type == "result").status'

Exit status: 0 when it succeeds; 1 when it fails or is stopped; 3 when the engine or AWS refuses; 4 when --timeout is
over first; 5 with --fail-on-failed-hosts, when it succeeds although hosts failed; 130 after Ctrl-C.""",
)
@which_argument
@click.option("--timeout", type=DURATION, help="Maximum time to watch, for example 15m. Default: until it ends.")
@strict_option
@verbose_option
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each change, on a line; the last: the result.")
def command(which: str | None, timeout: int | None, strict: bool, verbose: bool, as_json: bool) -> Exit:
    from cli.view.watch_view import How, watch

    engine = Engine()
    how = How(as_json=as_json, verbose=verbose, seconds=timeout, strict=strict)
    return watch(engine, looked_at(engine, which), how)

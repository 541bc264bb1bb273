"""`stepdeploy plan APPLICATION/GROUP [REVISION]`: what a deployment would do, before it begins. Nothing is written.

The engine looks as it does when a deployment begins: the revision and its AppSpec, the hosts one by one, alarms, load
balancers, budgets, windows and freezes. It tells what is in the way, the stages with their hosts and expected times,
what happens on each host, how much may fail, the rollback that would follow, and the cost. REVISION is as for
`stepdeploy deploy`, whose options mean the same; a folder or an archive is read here, and not pushed.
"""

from pathlib import Path
from typing import Any

import click

from cli.account.connection import Engine
from cli.account.group_name import Group, group_argument
from cli.account.host_names import host_ids
from cli.account.planning import plan
from cli.deployment_options import RESTART, check, deployment_options, location_of, members
from cli.exits import Exit
from cli.verbs.deploying.push import checked
from cli.view import plan_view
from cli.view.output import json_option, tell_json


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy plan shop/web dist
  stepdeploy plan shop/web s3://BUCKET/shop/42.zip --config CodeDeployDefault.AllAtOnce
  stepdeploy plan shop/web dist --json | jq -r '.hosts[] | select(.failure).hostId'
  stepdeploy deploy shop/web dist --plan

Exit status: 0 when it could begin, 1 when the plan or the revision has errors, 3 when the engine or AWS refuses.""",
)
@group_argument
@click.argument("revision", required=False)
@deployment_options
@click.option("--all-hosts", is_flag=True, help=f"Show every host; else the first {plan_view.SHOWN}.")
@json_option
def command(group: Group, revision: str | None, all_hosts: bool, as_json: bool, **options: Any) -> Exit:
    check(options, revision)
    engine = Engine()
    options["hosts"] = host_ids(engine, group, options["hosts"])
    planned = plan(engine, group, {**revision_to_plan(revision, options), **members(options)})
    if as_json:
        tell_json(planned)
    else:
        for line in plan_view.lines(planned, str(group), all_hosts=all_hosts):
            click.echo(line)
    return Exit.DONE if planned["canBegin"] else Exit.FAILED


def revision_to_plan(revision: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """The members that say what would be deployed. What lies here is checked, and not pushed."""
    if options["restart"]:
        return RESTART
    if location := location_of(revision or "."):
        return {"revision": location}
    from host.bundle.archive import read_appspec

    with checked(Path(revision or ".")) as archive:
        archive.file.seek(0)
        text = read_appspec(archive.file, archive.kind.value)
        return {"localRevision": {"appSpec": text, "sha256": archive.sha256, "size": archive.size}}

"""`stepdeploy help [VERB]`: the help of a verb, or of all."""

import click


@click.command(help=__doc__)
@click.argument("verb", required=False)
@click.pass_context
def command(context: click.Context, verb: str | None) -> None:
    root = context.find_root()
    verbs = root.command
    if verb is None or not isinstance(verbs, click.Group):
        click.echo(root.get_help())
        return
    name, found, _ = verbs.resolve_command(root, [verb])
    if found:
        click.echo(found.get_help(click.Context(found, info_name=name, parent=root)))

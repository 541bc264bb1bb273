"""`stepdeploy completion SHELL`: the script by which a shell completes verbs, options, deployment ids and groups."""

import click
from click.shell_completion import get_completion_class

NAME = "stepdeploy"


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  echo 'eval "$(stepdeploy completion bash)"' >> ~/.bashrc
  echo 'eval "$(stepdeploy completion zsh)"' >> ~/.zshrc
  stepdeploy completion fish > ~/.config/fish/completions/stepdeploy.fish""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    found = get_completion_class(shell)
    if found is None:
        raise LookupError(f"click completes no {shell}")
    click.echo(found(context.find_root().command, {}, NAME, f"_{NAME.upper()}_COMPLETE").source())

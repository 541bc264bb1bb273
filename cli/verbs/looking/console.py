"""`stepdeploy console`: the groups and their deployments in a browser, live, by your own credentials.

It serves pages on this machine's loopback address until Ctrl-C ends it, and prints the link that opens them. Only the
browser that came by the link is answered.
"""

import os
import sys
import webbrowser

import click

from cli.account.connection import Engine
from cli.exits import Exit
from cli.view.output import json_option, tell_json

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")


@click.command(
    help=__doc__,
    epilog="""\b
Examples:
  stepdeploy console
  stepdeploy console --port 8080 --no-open""",
)
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port of 127.0.0.1. Default: a free one.")
@click.option("--open/--no-open", "opens", default=None, help="Open it in a browser. Default: where there is one.")
@json_option
def command(port: int, opens: bool | None, as_json: bool) -> Exit:
    from cli.account.loopback.server import wait_for_the_end
    from cli.console.readers import Readers
    from cli.console.server import Console

    engine = Engine()
    _ = engine.api  # without credentials, or without a stack, there is nothing to serve
    try:
        console = Console(Readers(engine), port=port)
    except OSError as error:
        what = f"--port {port}: cannot be used: {error.strerror}: choose another, or leave it out"
        raise click.UsageError(what) from error
    with console:
        if as_json:
            tell_json({"url": console.url})
        else:
            click.echo(console.url)
            click.echo("Open this link in a browser; it is yours alone. Ctrl-C ends the console.", err=True)
        if opens or (opens is None and has_browser()):
            webbrowser.open(console.ticket_url)
        wait_for_the_end()
    return Exit.DONE


def has_browser() -> bool:
    """Whether a browser can show itself here; one of a terminal would take the terminal."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in _DISPLAYS)

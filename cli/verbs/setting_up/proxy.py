"""`stepdeploy proxy`: the control API for clients that know only CodeDeploy, on this machine's loopback address.

Such a client signs for CodeDeploy and posts to "/". The proxy signs each request anew, with the credentials of your AWS
profile and for the API's own address, and forwards the operations of this one service, nothing else.

It prints what to set; or it runs a COMMAND with that set, and ends with it:

\b
  stepdeploy proxy -- aws deploy list-deployments
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import click

from cli.account.connection import Engine
from cli.exits import Exit
from cli.view.output import json_option, tell_json

VARIABLE = "AWS_ENDPOINT_URL_CODEDEPLOY"
_NOT_FOUND, _KILLED = 127, 128  # exit statuses as shells give them


@click.command(
    help=__doc__,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Exit status: that of COMMAND; 127 when there is no such command.",
)
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port of 127.0.0.1. Default: a free one.")
@click.option("--verbose", is_flag=True, help="Say each request's operation, status and time on standard error.")
@json_option
@click.argument("command_line", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
def command(port: int, verbose: bool, as_json: bool, command_line: tuple[str, ...]) -> int:
    from cli.account.loopback.forwarding import Forwarder, Proxy
    from cli.account.loopback.server import wait_for_the_end

    forwarder = Forwarder(Engine())
    try:
        proxy = Proxy(forwarder, port=port, note=_note if verbose else None)
    except OSError as error:
        what = f"--port {port}: cannot be used: {error.strerror}: choose another, or leave it out"
        raise click.UsageError(what) from error
    with proxy:
        if command_line:
            return _run(command_line, proxy.url)
        if as_json:
            tell_json({VARIABLE: proxy.url, "endpoint": forwarder.endpoint})
        else:
            click.echo(f"export {VARIABLE}={proxy.url}")
            click.echo(f"Forwarding CodeDeploy's operations to {forwarder.endpoint}; Ctrl-C ends it.", err=True)
        wait_for_the_end()
    return Exit.DONE


def _note(operation: str, status: int, seconds: float) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {operation} {status} {seconds * 1000:.0f} ms", err=True)


def _run(command_line: tuple[str, ...], url: str) -> int:
    """The exit status of a command whose CodeDeploy is here. Ctrl-C reaches it from the terminal; SIGTERM from us."""
    environment: dict[str, Any] = {**os.environ, VARIABLE: url}
    try:
        child = subprocess.Popen(command_line, env=environment)
    except OSError as error:
        click.echo(f"stepdeploy proxy: {command_line[0]}: {error.strerror}", err=True)
        return _NOT_FOUND
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    with suppress(KeyboardInterrupt):
        child.wait()
    sys.stdout.flush()
    return child.returncode if child.returncode >= 0 else _KILLED - child.returncode

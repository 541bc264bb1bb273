"""`stepdeploy VERB`: one file of cli/verbs for each verb, of which only the one that is asked for is imported."""

import importlib
import io
import os
import re
import sys
from difflib import get_close_matches
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from cli.account_options import account_options
from cli.exits import Exit
from functions.core.text.plain_text import visible

VERSION = "0.1.0"  # as in pyproject.toml

# The folders of cli/verbs, which are the parts of the help, and their verbs.
ROOMS = {
    "deploying": {
        "validate": "Check a bundle before it is pushed, or a deployments.yaml.",
        "push": "Upload a revision to the revision bucket without deploying it.",
        "plan": "Show what a deployment would do, before it begins.",
        "deploy": "Deploy a revision to a deployment group.",
        "simulate": "Show how a deployment would go, in virtual time and without AWS.",
        "local": "Deploy a bundle on this machine, without AWS.",
    },
    "looking": {
        "status": "What runs on the hosts of every group, and what is being deployed there.",
        "watch": "Follow a deployment until it ends.",
        "console": "Groups and deployments in a browser, live.",
        "list": "List deployments, newest first.",
        "show": "Show a deployment: how it went, why hosts failed, and what to do next.",
        "logs": "Show the output of scripts on the hosts of a deployment.",
        "report": "Write one page of a deployment: for a post-mortem, with a chart of healthy hosts.",
        "hosts": "Show which revision runs on each host of a group.",
        "groups": "The deployment groups.",
        "budgets": "Which hosts are out of service under a disruption budget, and who waits.",
        "windows": "When deployments may begin, and what is frozen.",
        "cost": "Estimate what the deployments have cost so far.",
    },
    "fixing": {
        "stop": "Stop a deployment.",
        "pause": "Let no further host begin until the deployment is resumed.",
        "resume": "Let a paused deployment go on.",
        "approve": "Let a deployment go on that waits for approval after a stage.",
        "freeze": "Let no deployment begin, until a time or until it is lifted.",
        "unfreeze": "Lift a freeze.",
        "bypass": "Let one deployment go past windows and freezes.",
        "rollback": "Deploy the last good revision of a group again.",
        "retry": "Deploy again to the hosts that failed or were skipped.",
    },
    "setting_up": {
        "init": "Create a folder that can be deployed as it is.",
        "diff": "Show what `cdk deploy` would change of the deployment groups.",
        "doctor": "Check whether this account is ready to deploy.",
        "proxy": "CodeDeploy's own clients against the engine: a signing proxy on loopback.",
        "install-model": "Teach the AWS CLI the engine's API: `aws stepdeploy ...`.",
        "retire": "Stop everything that runs, so that the stack can be removed.",
        "completion": "Set up shell completion of verbs, options and names.",
        "help": "Show the help of a verb.",
    },
}
_TITLES = {"deploying": "Deploy", "looking": "Look", "fixing": "Fix", "setting_up": "Set up"}
_USAGE = re.compile(r"`stepdeploy [^`]+`:\s+")  # how the text of a verb begins, which is in its help already
VERBS = {name: room for room, verbs in ROOMS.items() for name in verbs}


def module_of(verb: str) -> str:
    return f"cli.verbs.{VERBS[verb]}.{verb.replace('-', '_')}"


class Verbs(click.Group):
    """The verbs. Their help, and what a shell completes, is told without importing them."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = importlib.import_module(module_of(name)).command
        command.name = name
        command.help = capitalized(_USAGE.sub("", command.help or "", count=1))
        known = {each.name for each in command.params}
        command.params += [each for each in account_options(hidden=True) if each.name not in known]
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            close = get_close_matches(args[0], list(VERBS), 1)
            hint = f" Did you mean {close[0]!r}?" if close else " See them: stepdeploy -h"
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", context)
        return super().resolve_command(context, args)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        verbs = [
            CompletionItem(name, help=text)
            for room in ROOMS.values()
            for name, text in room.items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, context, incomplete)]

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for room, verbs in ROOMS.items():
            with formatter.section(_TITLES[room]):
                formatter.write_dl(list(verbs.items()))


def capitalized(text: str) -> str:
    """
    >>> capitalized("the deployments of AWS")
    'The deployments of AWS'
    """
    return text[:1].upper() + text[1:]


@click.command(
    cls=Verbs,
    params=account_options(),
    subcommand_metavar="VERB [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="--profile, --region and --stack may stand behind the verb as well.",
)
@click.version_option(package_name=None, version=VERSION, message="stepdeploy %(version)s")
@click.pass_context
def stepdeploy(context: click.Context) -> None:
    """CodeDeploy that you own."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        context.color = False


def main(arguments: list[str] | None = None) -> int:
    """Runs the verb that the arguments name; its exit status (cli.exits)."""
    try:
        status = stepdeploy.main(arguments, prog_name="stepdeploy", standalone_mode=False)
    except click.ClickException as mistake:  # a wrong option, or what a verb found wrong
        return _told(mistake, arguments)
    except click.Abort:
        return Exit.INTERRUPTED
    except Exception as error:
        if not (refusal := _refusal(error)):
            raise
        return _told(refusal, arguments)
    return int(status or Exit.DONE)


def _told(mistake: click.ClickException, arguments: list[str] | None) -> int:
    """What went wrong in the words of AWS, of the engine or of ours, which may quote anybody's: as text only. Programs
    get it as an object on standard output, too."""
    if "--json" in (sys.argv[1:] if arguments is None else arguments):
        from cli.view.output import tell_json

        code = getattr(mistake, "code", None) or type(mistake).__name__
        tell_json({"error": {"code": code, "message": mistake.format_message()}})
    said = io.StringIO()
    mistake.show(said)
    click.echo(visible(said.getvalue().rstrip("\n"), keep="\n"), err=True)
    return mistake.exit_code


def _refusal(error: Exception) -> click.ClickException | None:
    """What AWS did not do, for a person; None of any other exception, which is a mistake of ours."""
    if "botocore.exceptions" not in sys.modules:
        return None
    from botocore.exceptions import BotoCoreError, ClientError

    if not isinstance(error, BotoCoreError | ClientError):
        return None
    from cli.account.connection import refused

    return refused(error)


def start() -> NoReturn:
    """A process of its own, as `python -m cli` and as the installed command: names and texts are UTF-8, whatever the
    locale is."""
    if sys.getfilesystemencoding() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-Xutf8", *sys.orig_argv[1:]])  # noqa: S606
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # of which PYTHONIOENCODING may say that it takes ASCII only
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())


if __name__ == "__main__":
    start()

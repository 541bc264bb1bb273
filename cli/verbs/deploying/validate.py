"""`stepdeploy validate [PATH]`: check a bundle before it is pushed, or a deployments.yaml before it is deployed.

PATH is a folder, a .zip, .tar, .tar.gz or .tgz archive, an AppSpec file, or a deployments.yaml, of which it says what
`cdk synth` would; without it, this folder.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from cli.bundle.findings import Finding, Severity, findings
from cli.view.output import plain
from cli.view.words import counted


@click.command(
    help=__doc__,
    epilog="Exit status: 0 without errors, though there may be warnings; 1 with errors; 2 when PATH cannot be read.",
)
@click.argument("path", type=Path, default=".")
@click.option(
    "--format",
    "wanted",
    type=click.Choice(("text", "json", "github")),
    default="text",
    help="github is workflow commands, which annotate a pull request. Default: text.",
)
@click.option("--json", "wanted", flag_value="json", help="The same as --format json.")
def command(path: Path, wanted: str) -> int:
    try:
        found = findings(path)
    except FileNotFoundError:
        raise click.UsageError(f"there is no {path}") from None
    except OSError as error:
        raise click.UsageError(f"cannot check {path}: {error}") from error
    lines = {"text": text, "json": _json, "github": _github}[wanted](found)
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:  # with whatever names are in it
        print(plain(line).encode(encoding, "backslashreplace").decode(encoding))
    return 1 if _count(found, Severity.ERROR) else 0


def _count(found: Sequence[Finding], severity: Severity) -> int:
    return sum(each.severity is severity for each in found)


def text(found: Sequence[Finding]) -> list[str]:
    """What a person reads: a line for each finding, which names files as an archive does, and the counts."""
    lines = []
    for each in found:
        place = ":".join(str(part) for part in (each.file, each.line, each.column) if part is not None)
        lines.append(plain(f"{place}: {each.severity}: {each.message}"))
    counts = [(_count(found, severity), severity.value) for severity in Severity]
    told = [counted(count, word) for count, word in counts if count]
    return [*lines, ", ".join(told) or "no problems"]


def _json(found: Sequence[Finding]) -> list[str]:
    counts = {f"{severity}s": _count(found, severity) for severity in Severity}
    return [json.dumps({**counts, "findings": [asdict(each) for each in found]})]


def _github(found: Sequence[Finding]) -> list[str]:
    """https://docs.github.com/actions/reference/workflow-commands-for-github-actions; escapes: actions/toolkit."""
    lines = []
    for each in found:
        properties = {"file": each.file, "line": each.line, "col": each.column}
        told = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value is not None)
        lines.append(f"::{each.severity} {told}::{_data(each.message)}")
    return lines


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

"""`stepdeploy local`: a bundle's whole lifecycle on this machine, in one process.

The counterpart of the reference agent's codedeploy-local, with its options and rules (CodeDeploy User Guide, "Use the
CodeDeploy agent to validate a deployment package on a local machine"). What runs is the host runner itself.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import click

from cli.bundle.locations import FORMS, Mistake, elsewhere
from cli.view.output import plain, plain_json, plain_log
from host.appspec import FileExistsBehavior
from host.bundle.entries import ArchiveError
from host.instructions import Bundle, Instructions
from host.lifecycle import FROM_LAST_INSTALL, STEP_SECONDS, LifecycleEvent
from host.posix.install import decide
from host.posix.journal import hold_host
from host.posix.layout import Layout
from host.posix.revision import read_appspec, take
from host.posix.run import failure, run_event
from host.posix.unpack import unpack
from host.posix.watchdog import Watchdog
from host.report import Failed, Report

DEFAULT_EVENTS = (
    LifecycleEvent.BEFORE_BLOCK_TRAFFIC,
    LifecycleEvent.AFTER_BLOCK_TRAFFIC,
    LifecycleEvent.APPLICATION_STOP,
    LifecycleEvent.DOWNLOAD_BUNDLE,
    LifecycleEvent.BEFORE_INSTALL,
    LifecycleEvent.INSTALL,
    LifecycleEvent.AFTER_INSTALL,
    LifecycleEvent.APPLICATION_START,
    LifecycleEvent.VALIDATE_SERVICE,
    LifecycleEvent.BEFORE_ALLOW_TRAFFIC,
    LifecycleEvent.AFTER_ALLOW_TRAFFIC,
)
_BEFORE_INSTALL = (*FROM_LAST_INSTALL, LifecycleEvent.DOWNLOAD_BUNDLE, LifecycleEvent.BEFORE_INSTALL)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
DIRECTORY = "directory"
_DEFAULT_GROUP = "default-local-deployment-group"
TYPES = ("tgz", "tar", "zip", DIRECTORY)


class Asked(NamedTuple):
    """What is to be deployed here, and how."""

    bundle: Path | None  # on this machine; else it is fetched from where `instructions` says
    location: str
    type: str
    events: tuple[LifecycleEvent, ...]
    group: str
    root: str
    prefix: str
    instructions: Instructions

    @property
    def layout(self) -> Layout:
        return Layout(self.group, self.instructions.deployment_id, self.root)


@click.command(help=__doc__)
@click.option("-l", "--bundle-location", default=".", help=f"A folder, an archive, {FORMS}. Default: this folder.")
@click.option(
    "-t", "--type", default=DIRECTORY, type=click.Choice(TYPES), help="Type of the bundle. Default: directory."
)
@click.option(
    "-b",
    "--file-exists-behavior",
    default="DISALLOW",
    type=click.Choice([each.value for each in FileExistsBehavior]),
    help="What happens to files that exist and that the last installation did not bring.",
)
@click.option(
    "-g",
    "--deployment-group",
    default=_DEFAULT_GROUP,
    help="The group's id: a bundle takes the place of the last one of its group. Default: one group for all bundles.",
)
@click.option("-d", "--deployment-group-name", default="LocalFleet", help="The group's name.")
@click.option("-a", "--application-name", help="Default: the bundle's location.")
@click.option("-e", "--events", help="Events to run, separated by commas. Default: all that have hooks, in order.")
@click.option("-A", "--appspec-filename", default="appspec.yml", help="The AppSpec's name in the bundle.")
@click.option("--deployment-root", help="Where archives, journal and logs are kept.")
@click.option("--prefix", default="", help="A folder below which every destination is placed.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, in order, without doing it.")
@click.option("--json", is_flag=True, help="One JSON object on standard output.")
def command(**options: Any) -> int:
    return run(SimpleNamespace(**options))


def run(options: SimpleNamespace) -> int:
    """0 when every event succeeded, 1 when one failed, 2 when nothing could be begun."""
    try:
        asked = _asked(options)
        _warn_of_the_last_bundle(asked)
        return _plan(asked, options.json) if options.dry_run else _deploy(asked, options.json)
    except Mistake as mistake:
        print(plain(f"stepdeploy local: {mistake}"), file=sys.stderr)
        return 2


def _warn_of_the_last_bundle(asked: Asked) -> None:
    """Without -g all bundles share a group, as with codedeploy-local: the last one may have been quite another."""
    if asked.group == _DEFAULT_GROUP and asked.layout.last_successful:
        what = f"the last bundle in {asked.root} gives way: its ApplicationStop runs and its files are removed"
        print(plain(f"stepdeploy local: {what}; with -g NAME bundles are kept apart"), file=sys.stderr)


def _asked(options: SimpleNamespace) -> Asked:
    revision = elsewhere(options.bundle_location, options.type)
    bundle = None if revision else _here(options.bundle_location, options.type)
    prefix = str(Path(options.prefix).resolve()) if options.prefix else ""
    root = Path(options.deployment_root or _default_root()).resolve()
    for option, place in (("--deployment-root", root), ("--prefix", Path(prefix or "/"))):
        if bundle and bundle.is_dir() and bundle in (place, *place.parents):
            raise Mistake(f"{option} {place}: it lies in the bundle {bundle}, give a folder outside")
    instructions = Instructions(
        deployment_id=f"d-{''.join(_LETTERS[byte % len(_LETTERS)] for byte in os.urandom(9))}-local",
        deployment_group_id=options.deployment_group,
        deployment_group_name=options.deployment_group_name,
        application_name=options.application_name or options.bundle_location,
        bundle=revision or Bundle("", "", 0, options.type, "", str(bundle), None, None),
        appspec_filename=options.appspec_filename,
        file_exists_behavior=FileExistsBehavior(options.file_exists_behavior),
        ignore_application_stop_failures=False,
        logs=None,
    )
    return Asked(
        bundle=bundle,
        location=str(bundle or options.bundle_location),
        type=options.type,
        events=events(options.events.split(",")) if options.events else DEFAULT_EVENTS,
        group=options.deployment_group,
        root=str(root),
        prefix=prefix,
        instructions=instructions,
    )


def _here(location: str, type: str) -> Path:
    bundle = Path(location)
    if not bundle.exists():
        raise Mistake(f"--bundle-location {bundle}: there is no such file or folder")
    if bundle.is_dir() != (type == DIRECTORY):
        what = "a folder: leave --type out" if bundle.is_dir() else "a file: give --type tgz, tar or zip"
        raise Mistake(f"--type {type}: {bundle} is {what}")
    return bundle.resolve()


def _default_root() -> str:
    """Where the runner keeps things, or for who is not root a folder of their own."""
    if os.geteuid() == 0:
        return "/opt/stepdeploy"
    return str(Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "stepdeploy")


def events(names: Sequence[str]) -> tuple[LifecycleEvent, ...]:
    """The events to run. DownloadBundle and Install always do: first, where they are not listed.

    Raises Mistake.

    >>> [event.value for event in events(["AfterInstall"])]
    ['DownloadBundle', 'Install', 'AfterInstall']
    """
    known = {event.value: event for event in DEFAULT_EVENTS}
    if unknown := [name for name in names if name not in known]:
        raise Mistake(f"--events {', '.join(unknown)}: known are {', '.join(known)}")
    listed = [known[name] for name in names]
    needed = (LifecycleEvent.DOWNLOAD_BUNDLE, LifecycleEvent.INSTALL)
    listed = [*(event for event in needed if event not in listed), *listed]
    download, install = (listed.index(event) for event in needed)
    if download > install:
        listed[download], listed[install] = listed[install], listed[download]
        download, install = install, download
    for event in listed[:download]:
        if event not in FROM_LAST_INSTALL:
            raise Mistake(f"--events: {event.value} runs after DownloadBundle, list it there")
    for event in listed[:install]:
        if event not in _BEFORE_INSTALL:
            raise Mistake(f"--events: {event.value} runs after Install, list it there")
    return tuple(listed)


def _deploy(asked: Asked, as_json: bool) -> int:
    reports: list[tuple[Report, float]] = []
    os.umask(0o022)
    if not as_json:
        _say(f"{asked.instructions.deployment_id}: {asked.location} into {asked.prefix or '/'}, kept in {asked.root}")
    for report, seconds in _run(asked):
        reports.append((report, seconds))
        if not as_json:
            print(f"{report.status:9}  {report.event:20} {seconds:8.2f} s", flush=True)
    failed = reports[-1][0] if reports[-1][0].status == "Failed" else None
    if as_json:
        print(plain_json(json.dumps(_result(asked, reports), indent=2)))
    elif not failed:
        print("AppSpec file valid. Local deployment successful")
    if failed:
        said = "\n".join(part for part in (f"{failed.event}: {failed.message}", failed.log_tail) if part)
        where = plain(f"The scripts' log: {asked.layout.script_log}")
        print("\n".join([*map(plain_log, said.splitlines()), where]), file=sys.stderr)
    return 1 if failed else 0


def _run(asked: Asked) -> Iterator[tuple[Report, float]]:
    """The events up to the first that fails, each with its seconds; nothing else runs on this host meanwhile."""
    began = time.monotonic()
    try:
        with hold_host(asked.layout, asked.instructions, STEP_SECONDS), Watchdog() as watchdog:
            for event in asked.events:
                began = time.monotonic()
                report = run_event(
                    event, asked.instructions, asked.layout, watchdog, fetch_bundle=_bring(asked), prefix=asked.prefix
                )
                yield report, time.monotonic() - began
                if report.status == "Failed":
                    break
    except (Failed, OSError) as error:
        yield failure(error).report(asked.events[0].value), time.monotonic() - began


def _result(asked: Asked, reports: Sequence[tuple[Report, float]]) -> dict[str, Any]:
    shown = [
        {
            "event": report.event,
            "status": report.status,
            "seconds": round(seconds, 3),
            "errorCode": report.error_code,
            "scriptName": report.script_name,
            "message": report.message,
            "logTail": report.log_tail,
        }
        for report, seconds in reports
    ]
    return {"deploymentId": asked.instructions.deployment_id, "status": reports[-1][0].status, "lifecycleEvents": shown}


def _bring(asked: Asked) -> Any:
    """DownloadBundle's way to the bundle."""

    def fetch_bundle(instructions: Instructions, layout: Layout, deadline: float) -> None:
        layout.forget_old_revisions()
        bundle = asked.bundle or Path(layout.bundle)
        try:
            if not asked.bundle:
                from cli.bundle.fetch import fetch

                fetch(instructions.bundle, bundle, deadline)
            take(instructions, layout, lambda folder: _unpack(bundle, asked.type, Path(folder)))
        finally:
            Path(layout.bundle).unlink(missing_ok=True)  # what is unpacked is enough

    return fetch_bundle


def _unpack(bundle: Path, type: str, folder: Path) -> None:
    if type != DIRECTORY:
        with bundle.open("rb") as file:
            unpack(file, type, str(folder))
        return

    def copy(source: str, target: str) -> None:
        if not Path(source).is_file():
            raise ArchiveError(f"has {source}, which is a device, pipe or socket")
        shutil.copy2(source, target)

    shutil.copytree(bundle, folder, symlinks=True, copy_function=copy)


# -- what would be done


def _plan(asked: Asked, as_json: bool) -> int:
    try:
        with _unpacked(asked) as archive:
            steps = list(_steps(asked, archive))
    except (Failed, ArchiveError) as error:
        print(plain(f"stepdeploy local: {error}"), file=sys.stderr)
        return 1
    if as_json:
        shown = [{"event": event.value, "does": does, "what": what} for event, does, what in steps]
        print(plain_json(json.dumps(shown, indent=2)))
    else:
        for event, does, what in steps:
            _say(f"{event.value:20} {does:7} {what}")
    return 0


def _say(text: str) -> None:
    """On standard output, with whatever names are in it."""
    encoding = sys.stdout.encoding or "utf-8"
    print(plain(text).encode(encoding, "backslashreplace").decode(encoding))


@contextmanager
def _unpacked(asked: Asked) -> Iterator[str]:
    if asked.type == DIRECTORY:
        yield asked.location
        return
    import tempfile  # only here and there: what takes long to import and is seldom needed

    with tempfile.TemporaryDirectory(prefix="stepdeploy-") as folder:
        bundle, archive = asked.bundle or Path(folder) / "bundle", Path(folder) / "archive"
        if not asked.bundle:
            from cli.bundle.fetch import fetch

            fetch(asked.instructions.bundle, bundle, time.monotonic() + STEP_SECONDS)
        _unpack(bundle, asked.type, archive)
        yield str(archive)


def _steps(asked: Asked, archive: str) -> Iterator[tuple[LifecycleEvent, str, str]]:
    """What each event would do: (event, verb, what), in order."""
    layout, instructions = asked.layout, asked.instructions
    appspec = read_appspec(instructions, archive).below(asked.prefix)
    last = layout.last_successful
    previous = Path(last) / "deployment-archive" if last else None
    for event in asked.events:
        if event is LifecycleEvent.DOWNLOAD_BUNDLE:
            yield event, "unpack", asked.location
        elif event is LifecycleEvent.INSTALL:
            removed, planned = decide(appspec, instructions.file_exists_behavior, layout.cleanup, archive)
            for entry in reversed(removed):
                yield event, "remove", entry[-1]
            for make in planned.makes:
                yield event, "mkdir" if make.kind == "directory" else "copy", make.destination
            for path, permission in planned.permissions:
                yield event, "change", f"{path} ({permission.place})"
        elif event not in FROM_LAST_INSTALL:
            for hook in appspec.hooks.get(event, ()):
                yield event, "run", hook.location
        elif previous and previous.is_dir():
            for hook in read_appspec(instructions, str(previous)).hooks.get(event, ()):
                yield event, "run", f"{hook.location} of {last}"

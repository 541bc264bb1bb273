"""One lifecycle event on this host: which revision it is taken from, what it does, and how that is reported.

Each kind of event imports its own modules: to import all of them takes longer than most events take. Source: the
agent's command_executor.rb and hook_executor.rb (which bundle an event's hooks run from).
"""

import errno
import os
import time
from typing import Callable, Optional

from host.appspec import EVENT_SECONDS
from host.instructions import Instructions
from host.lifecycle import FROM_LAST_INSTALL, STEP_SECONDS, WITHOUT_HOOKS, LifecycleEvent
from host.posix.journal import Journal
from host.posix.layout import Layout
from host.posix.revision import read_appspec
from host.posix.script_log import ScriptLog
from host.posix.watchdog import Watchdog
from host.report import INTERRUPTED, Failed, Report

_CAUSES = {
    "DISK": (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENAMETOOLONG),
    "DENIED": (errno.EACCES, errno.EPERM),
    "CONFLICT": (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP, errno.ETXTBSY),
}
# Gets the revision into the layout's archive, within a deadline; what it gives is for the log.
FetchBundle = Callable[[Instructions, Layout, float], Optional[str]]
MARGIN_SECONDS = 90  # to end a script, put its log away and report, before SSM ends the step


def run_event(
    event: LifecycleEvent,
    instructions: Instructions,
    layout: Layout,
    watchdog: Watchdog,
    *,
    step_seconds: int = STEP_SECONDS,
    other: Optional[str] = None,
    fetch_bundle: Optional[FetchBundle] = None,
    prefix: str = "",
) -> Report:
    """Run the event, or report again how it ended before. Never raises: what goes wrong is the report.

    The caller holds the host, and `watchdog` ends the scripts when the caller is killed. `other` is another deployment
    that had the host since this one began. `fetch_bundle` gets the revision in another way than by the URL of the
    instructions; `prefix` is put before every destination.
    """
    deadline = time.monotonic() + step_seconds - MARGIN_SECONDS
    try:
        layout.with_reserve(layout.make)
        layout.keep_reserve()
        journal = Journal(layout.journal, layout.with_reserve)
        done = journal.ended(event.value)
        if done is None:
            if other:
                raise Failed("CONFLICT", "{} had the host since this one began: create a new one".format(other))
            journal.check_order(event, instructions.is_restart)
            done = _run(event, instructions, layout, journal, watchdog, deadline, fetch_bundle, prefix)
            journal.end(done)
        return done
    except Exception as error:  # a bug must be a report too, not a silent host
        return failure(error).report(event.value)


def _run(
    event: LifecycleEvent,
    instructions: Instructions,
    layout: Layout,
    journal: Journal,
    watchdog: Watchdog,
    deadline: float,
    fetch_bundle: Optional[FetchBundle],
    prefix: str,
) -> Report:
    log = ScriptLog(layout.script_log, layout.all_log, instructions.deployment_id, event.value)
    report = Report(event.value)
    try:
        if journal.was_interrupted(event.value):
            raise Failed("ENGINE", INTERRUPTED)
        if instructions.drain and event.value == instructions.events[0]:
            from host.posix.drain import drain

            log.warning(drain(instructions.drain, deadline).shown)
        if instructions.is_restart:
            layout.forget_old_revisions()
        if event is LifecycleEvent.DOWNLOAD_BUNDLE:
            if fetch_bundle is None:
                from host.posix.download import download

                fetch_bundle = download
            said = fetch_bundle(instructions, layout, deadline)
            if said:
                log.warning(said)
        elif event is LifecycleEvent.INSTALL:
            from host.posix.install import install

            install(
                read_appspec(instructions, layout.archive).below(prefix),
                instructions.file_exists_behavior,
                layout,
                log.warning,
            )
        elif event not in WITHOUT_HOOKS:
            _run_hooks(event, instructions, layout, journal, log, watchdog, deadline)
    except Exception as error:
        if not isinstance(error, Failed):
            log.warning(_trace())
        report = failure(error).report(event.value)
    if instructions.logs:
        try:
            log.upload(instructions.logs)
        except Exception as error:  # best effort: whatever keeps a log from its place fails no event
            log.warning(_trace())
            report = _without_log(report, error, layout.script_log)
    log.close()
    if report.status == "Failed" and event in FROM_LAST_INSTALL and instructions.ignore_application_stop_failures:
        report = Report(**{**report.plain(), "may_continue": True})
    return report


def _run_hooks(
    event: LifecycleEvent,
    instructions: Instructions,
    layout: Layout,
    journal: Journal,
    log: ScriptLog,
    watchdog: Watchdog,
    deadline: float,
) -> None:
    archive = _installed(layout) if instructions.is_restart else _archive_of(event, layout)
    if archive is None:  # the first deployment of this group here has nothing to stop
        if layout.last_successful == "":
            what = "{} is damaged, so that the previous revision is not known: nothing of it is run"
            log.warning(what.format(layout.last_install))
        return
    is_previous = archive != layout.archive and not instructions.is_restart
    try:
        hooks = read_appspec(instructions, archive).hooks.get(event, ())
    except Failed as error:
        if not is_previous:
            raise
        # Unlike with the agent, a previous revision that was lost does not lock out every later deployment.
        log.warning("the previous revision is lost, nothing of it is run: {}".format(error))
        return
    if not hooks:
        return
    from host.posix.hooks import environment, run_hook
    from host.posix.profile import profile

    log.begin()
    own = profile(layout.profile, log, watchdog)
    if own.trouble:
        log.warning(own.trouble)
    own = own._replace(variables=environment(instructions, event.value, own.variables))
    deadline = min(deadline, time.monotonic() + EVENT_SECONDS)
    for hook in hooks:
        if is_previous and not os.path.exists(os.path.join(archive, hook.location.lstrip("/"))):
            log.warning("the previous revision has lost its script {}".format(hook.location))
            continue
        journal.begin_script(event.value, hook.location)
        run_hook(hook, archive, own, log, watchdog, deadline)


def _archive_of(event: LifecycleEvent, layout: Layout) -> Optional[str]:
    """The revision whose scripts an event runs: the last installed one before Install, else the current one."""
    if event not in FROM_LAST_INSTALL or os.path.isdir(layout.archive):
        return layout.archive
    last = layout.last_successful
    return os.path.join(last, "deployment-archive") if last else None


def _installed(layout: Layout) -> str:
    """The revision that a restart stops and starts. Raises Failed where there is none."""
    last = layout.last_successful
    archive = os.path.join(last, "deployment-archive") if last else ""
    if not os.path.isdir(archive):
        raise Failed("APPSPEC", "no revision of this deployment group is installed here to restart: deploy one")
    return archive


def _without_log(report: Report, error: Exception, place: str) -> Report:
    """The report says where the log is instead."""
    why = str(error).rstrip(".")
    line = "[stepdeploy]the whole log could not be uploaded: {}. This host has it: {}".format(why, place)
    tail = report.log_tail + "\n" + line if report.log_tail else line
    return Report(**{**report.plain(), "log_tail": tail})


def _trace() -> str:
    import traceback

    return traceback.format_exc()


def failure(error: Exception) -> Failed:
    """What an error means for the deployment; the text of one that nobody foresaw names its class."""
    if isinstance(error, Failed):
        return error
    if isinstance(error, OSError):
        cause = next((cause for cause, numbers in _CAUSES.items() if error.errno in numbers), "ENGINE")
        return Failed(cause, str(error))
    return Failed("ENGINE", "{}: {}".format(type(error).__name__, error))

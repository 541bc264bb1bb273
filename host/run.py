"""One lifecycle event on this host: which revision it is taken from, what it does, and how that is reported.

Source: the agent's command_executor.rb and hook_executor.rb (which bundle an event's hooks run from).
"""

import errno
import os
import traceback
from typing import Optional

from host.download import download, read_appspec
from host.hooks import environment, run_hook
from host.install import install
from host.journal import Journal, host_lock
from host.layout import Layout
from host.lifecycle import LifecycleEvent
from host.report import INTERRUPTED, Failed, Report
from host.script_log import ScriptLog
from host.told import Told

FROM_LAST_INSTALL = frozenset(
    {LifecycleEvent.BEFORE_BLOCK_TRAFFIC, LifecycleEvent.AFTER_BLOCK_TRAFFIC, LifecycleEvent.APPLICATION_STOP}
)
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def run(event: LifecycleEvent, told: Told) -> Report:
    """Run the event, or report again how it ended before. Never raises: what goes wrong is the report."""
    layout = Layout(told.deployment_group_id, told.deployment_id)
    try:
        layout.make()
        with host_lock(layout.root):
            journal = Journal(layout.journal)
            done = journal.ended(event.value)
            if done is None:
                done = _run(event, told, layout, journal)
                journal.end(done)
            return done
    except Failed as failed:
        return failed.report(event.value)
    except OSError as error:
        return _os_failure(error).report(event.value)


def _run(event: LifecycleEvent, told: Told, layout: Layout, journal: Journal) -> Report:
    log = ScriptLog(layout.script_log, event.value)
    try:
        if journal.was_interrupted(event.value):
            raise Failed("SCRIPT", INTERRUPTED)
        if event is LifecycleEvent.DOWNLOAD_BUNDLE:
            download(told, layout)
        elif event is LifecycleEvent.INSTALL:
            install(read_appspec(told, layout.archive), told.file_exists_behavior, layout)
        else:
            _run_hooks(event, told, layout, journal, log)
        report = Report(event.value)
    except Failed as failed:
        report = failed.report(event.value)
    except OSError as error:
        log.trouble(traceback.format_exc())
        report = _os_failure(error).report(event.value)
    except Exception as error:  # a bug must be a report too, not a silent host
        log.trouble(traceback.format_exc())
        report = Failed("ENGINE", "{}: {}".format(type(error).__name__, error)).report(event.value)
    if told.logs:
        try:
            log.upload(told.logs)
        except Exception:  # best effort: whatever keeps a log from its place fails no event
            log.trouble(traceback.format_exc())
    if report.status == "Failed" and event in FROM_LAST_INSTALL and told.ignore_application_stop_failures:
        report = Report(**{**report.plain(), "goes_on": True})
    return report


def _run_hooks(event: LifecycleEvent, told: Told, layout: Layout, journal: Journal, log: ScriptLog) -> None:
    archive = _archive_of(event, layout)
    if archive is None:
        return  # the first deployment of this group here has nothing to stop
    for hook in read_appspec(told, archive).hooks.get(event, ()):
        journal.begin_script(event.value, hook.location)
        run_hook(hook, archive, environment(told, event.value), log)


def _archive_of(event: LifecycleEvent, layout: Layout) -> Optional[str]:
    """The revision whose scripts an event runs: the last installed one before Install, else the current one."""
    if event not in FROM_LAST_INSTALL or os.path.isdir(layout.archive):
        return layout.archive
    last = layout.last_successful
    return os.path.join(last, "deployment-archive") if last else None


def _os_failure(error: OSError) -> Failed:
    if error.errno in _DISK_ERRORS:
        return Failed("DISK", str(error))
    if error.errno in (errno.EACCES, errno.EPERM):
        return Failed("DENIED", str(error))
    return Failed("ENGINE", str(error))

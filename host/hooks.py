"""Hook scripts: their environment, their process, their time limit, their output.

Source: AppSpec "hooks" section; the agent's hook_executor.rb. Difference: a script that ignores SIGTERM is killed five
seconds later, so that it cannot keep its event open for ever.
"""

import errno
import os
import shlex
import signal
import stat
import subprocess
import threading
import time
from typing import IO, Dict, List, Optional

from host.appspec import Hook
from host.report import Failed
from host.script_log import ScriptLog
from host.told import Told

KILL_SECONDS = 5
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(told: Told, event: str) -> Dict[str, str]:
    """The variables that a script sees, besides the agent's own; ids are those of the current deployment."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_SSM_", "STEPDEPLOY_"))}
    own.setdefault("PATH", _PATH)
    bundle = told.bundle
    own.update(
        LIFECYCLE_EVENT=event,
        DEPLOYMENT_ID=told.deployment_id,
        APPLICATION_NAME=told.application_name,
        DEPLOYMENT_GROUP_NAME=told.deployment_group_name,
        DEPLOYMENT_GROUP_ID=told.deployment_group_id,
        BUNDLE_BUCKET=bundle.bucket,
        BUNDLE_KEY=bundle.key,
    )
    if bundle.version:
        own["BUNDLE_VERSION"] = bundle.version
    if bundle.etag:
        own["BUNDLE_ETAG"] = bundle.etag
    return own


def run_hook(hook: Hook, archive: str, variables: Dict[str, str], log: ScriptLog) -> None:
    """Run one script to its end. Raises Failed for whatever is not exit status 0 within its time."""
    path = os.path.join(archive, hook.location)
    _check(path, hook)
    log.script(hook.location)
    deadline = time.monotonic() + hook.timeout
    process = _start(path, hook, variables)
    readers = [
        _Reader(stream, name, log)
        for stream, name in ((process.stdout, "stdout"), (process.stderr, "stderr"))
        if stream
    ]
    try:
        process.wait(max(deadline - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        _kill(process)
        for reader in readers:
            reader.join(1)
        message = "Script at specified location: {} failed to complete in {} seconds".format(
            hook.location, hook.timeout
        )
        raise _failed("TIMEOUT", "ScriptTimedOut", message, hook, log) from None
    for reader in readers:
        reader.join(max(deadline - time.monotonic(), 0.1))
        if reader.is_alive():
            message = "Script at specified location: {} failed to close {}".format(hook.location, reader.stream.upper())
            raise _failed("TIMEOUT", "UnknownError", message, hook, log)
    if process.returncode:
        _raise_exit(process.returncode, hook, log)


def _raise_exit(code: int, hook: Hook, log: ScriptLog) -> None:
    user = " run as user {}".format(hook.runas) if hook.runas else ""
    what = "exit code {}".format(code) if code > 0 else "signal {}".format(-code)
    message = "Script at specified location: {}{} failed with {}".format(hook.location, user, what)
    raise _failed("SCRIPT", "ScriptFailed", message, hook, log)


def _failed(cause: str, code: str, message: str, hook: Hook, log: ScriptLog) -> Failed:
    return Failed(cause, message, code, hook.location, log.tail())


def _check(path: str, hook: Hook) -> None:
    if not os.path.isfile(path):
        message = "Script does not exist at specified location: {}".format(path)
        raise Failed("SCRIPT", message, "ScriptMissing", hook.location)
    if not os.access(path, os.X_OK):
        try:
            os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        except OSError as error:
            message = "Unable to set script at specified location: {} as executable".format(hook.location)
            raise Failed("SCRIPT", message, "ScriptNotExecutable", hook.location) from error


def _start(path: str, hook: Hook, variables: Dict[str, str]) -> "subprocess.Popen[bytes]":
    """The script as the leader of a session, so that its whole group can be ended; by sh if it names no interpreter."""
    command = [path] if not hook.runas else ["su", hook.runas, "-s", "/bin/sh", "-c", shlex.quote(path)]
    try:
        return _popen(command, variables)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            return _popen(["/bin/sh", path], variables)
        message = "Script at specified location: {} failed with error {} with message {}".format(
            hook.location, type(error).__name__, error
        )
        raise Failed("SCRIPT", message, "ScriptFailed", hook.location) from error


def _popen(command: List[str], variables: Dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        cwd="/",
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _kill(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        if number == signal.SIGTERM:
            _wait_for_group(process.pid)


def _wait_for_group(group: int) -> None:
    """Children of an obedient script have the same time to end."""
    deadline = time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.05)


class _Reader(threading.Thread):
    """Copies one of a script's outputs into the log, line by line."""

    def __init__(self, pipe: IO[bytes], stream: str, log: ScriptLog) -> None:
        super().__init__(daemon=True)
        self.pipe: Optional[IO[bytes]] = pipe
        self.stream = stream
        self.log = log
        self.start()

    def run(self) -> None:
        pipe = self.pipe
        if pipe is None:
            return
        while True:
            line = pipe.readline(64 * 1024)
            if not line:
                break
            self.log.output(self.stream, line.decode("utf-8", "replace").rstrip("\r\n"))

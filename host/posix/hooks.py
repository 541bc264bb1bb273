"""Hook scripts: their environment, their process, their time limit, their output.

Source: AppSpec "hooks" section; the agent's hook_executor.rb. Differences: a script that ignores SIGTERM is killed ten
seconds later, and one that leaves a child in the background with its output open ends its event when it ends itself;
the agent waits for both, up to the whole hour. What such a child says later goes to a file beside the log.
"""

import errno
import math
import os
import pwd
import select
import shlex
import stat
import subprocess
import threading
import time
from typing import IO, Dict, List, Optional, Sequence

from host.appspec import Hook
from host.instructions import Instructions
from host.posix.keeper import keep
from host.posix.profile import Profile
from host.posix.script_log import ScriptLog
from host.posix.watchdog import Watchdog, end_family
from host.report import Failed
from host.scripts import missing_interpreter

DRAIN_SECONDS = 1  # for the rest of a script's output once it has ended
_LOOK_SECONDS = 0.05  # between two looks whether a script has ended whose output is held open
_LINE_BYTES = 64 * 1024  # a longer line is logged in parts
_NOT_RUN = (126, 127)  # how a shell and env exit when they cannot run what they are asked for
_NO_SHELLS = frozenset({"false", "git-shell", "halt", "nologin", "shutdown", "sync", "true"})


def environment(instructions: Instructions, event: str, host: Dict[str, str]) -> Dict[str, str]:
    """The variables that a script sees: the host's, and the event's. Ids are those of the current deployment."""
    own = dict(host)
    bundle = instructions.bundle
    own.update(
        LIFECYCLE_EVENT=event,
        DEPLOYMENT_ID=instructions.deployment_id,
        APPLICATION_NAME=instructions.application_name,
        DEPLOYMENT_GROUP_NAME=instructions.deployment_group_name,
        DEPLOYMENT_GROUP_ID=instructions.deployment_group_id,
    )
    if bundle.commit:
        own["BUNDLE_COMMIT"] = bundle.commit
        return own
    own.update(BUNDLE_BUCKET=bundle.bucket, BUNDLE_KEY=bundle.key)
    if bundle.version:
        own["BUNDLE_VERSION"] = bundle.version
    if bundle.etag:
        own["BUNDLE_ETAG"] = bundle.etag
    return own


def run_hook(hook: Hook, archive: str, own: Profile, log: ScriptLog, watchdog: Watchdog, deadline: float) -> None:
    """Run one script to its end. Raises Failed for whatever is not exit status 0 within its time.

    `deadline`, of time.monotonic(), is the event's: a script's own timeout may end it before, never after.
    """
    path = os.path.join(archive, hook.location.lstrip("/"))
    _check(path, archive, hook)
    log.script(hook.location)
    seconds = max(min(hook.timeout, deadline - time.monotonic()), 0)
    try:
        process = _start(path, hook, own, watchdog)
        outputs = [
            _Output(pipe, name, log) for pipe, name in ((process.stdout, "stdout"), (process.stderr, "stderr")) if pipe
        ]
        in_time = _ends(process, outputs, time.monotonic() + seconds)
        if not in_time:
            _end(process, outputs)
    finally:
        watchdog.let_go()
    _leave(outputs, log)
    if not in_time:
        message = "Script at specified location: {} failed to complete in {:.0f} seconds"
        raise _failed("TIMEOUT", "ScriptTimedOut", message.format(hook.location, seconds), hook, log)
    if process.returncode:
        lacks = missing_interpreter(path, own.variables.get("PATH")) if process.returncode in _NOT_RUN else ""
        _raise_exit(process.returncode, hook, log, lacks)


def _end(process: "subprocess.Popen[bytes]", outputs: "Sequence[_Output]") -> None:
    """End the script and what it started. Its outputs are read meanwhile, so that none of its last words stops it."""
    ending = threading.Thread(target=end_family, args=(process.pid,))
    ending.start()
    _ends(process, outputs, math.inf)
    ending.join()


def _leave(outputs: "Sequence[_Output]", log: ScriptLog) -> None:
    """Wait for the end of the output. What is held open goes on into a file: its writer must not die of this process's
    end."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while _read(outputs, max(deadline - time.monotonic(), 0)) and time.monotonic() < deadline:
        pass
    for output in outputs:
        if not output.pipe.closed:
            output.end()
            what = "the script has ended, but something that it started keeps its {} open: {}"
            log.warning(what.format(output.stream, keep(output.pipe, log.left_behind(output.stream))))


def _raise_exit(code: int, hook: Hook, log: ScriptLog, lacks: str) -> None:
    """`lacks` is what the host lacks of the script's interpreter."""
    user = " run as user {}".format(hook.runas) if hook.runas else ""
    what = "exit code {}".format(code) if code > 0 else "signal {}".format(-code)
    message = "Script at specified location: {}{} failed with {}".format(hook.location, user, what)
    message += ": {}".format(lacks) if lacks else ""
    raise _failed("SCRIPT", "ScriptFailed", message, hook, log, code)


def _failed(cause: str, code: str, message: str, hook: Hook, log: ScriptLog, exit_code: Optional[int] = None) -> Failed:
    return Failed(cause, message, code, hook.location, log.tail(), exit_code)


def _check(path: str, archive: str, hook: Hook) -> None:
    if not os.path.realpath(path).startswith(os.path.realpath(archive) + os.sep):
        message = "Script at specified location: {} leads out of the revision".format(hook.location)
        raise Failed("SCRIPT", message, "ScriptMissing", hook.location)
    if not os.path.isfile(path):
        message = "Script does not exist at specified location: {}".format(path)
        raise Failed("SCRIPT", message, "ScriptMissing", hook.location)
    mode = os.stat(path).st_mode
    if not mode & stat.S_IXUSR or (hook.runas and not mode & stat.S_IXOTH):
        try:
            os.chmod(path, mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        except OSError as error:
            message = "Unable to set script at specified location: {} as executable".format(hook.location)
            raise Failed("SCRIPT", message, "ScriptNotExecutable", hook.location) from error


def _start(path: str, hook: Hook, own: Profile, watchdog: Watchdog) -> "subprocess.Popen[bytes]":
    """The script as the leader of a session, so that its whole group can be ended; by sh if it names no interpreter."""
    try:
        return watchdog.start(_command(path, hook), own.variables, own.set_up)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            message = "Script at specified location: {} failed with error {} with message {}".format(
                hook.location, type(error).__name__, missing_interpreter(path, own.variables.get("PATH")) or error
            )
            raise Failed("SCRIPT", message, "ScriptFailed", hook.location) from error
        return watchdog.start(["/bin/sh", path], own.variables, own.set_up)


def _command(path: str, hook: Hook) -> List[str]:
    """As the agent's, but for accounts without a login shell, and with the path quoted for the shell."""
    command = [path]
    if hook.runas:
        try:
            shell = stand_in_shell(pwd.getpwnam(hook.runas).pw_shell)
        except KeyError:
            shell = ""  # su says that there is no such user
        command = ["su", hook.runas, *(["-s", shell] if shell else []), "-c", shlex.quote(path)]
    return ["sudo", *command] if hook.sudo else command


def stand_in_shell(login_shell: str) -> str:
    """The shell for an account whose login shell runs nothing; "" for an account that has one."""
    runs = os.path.basename(login_shell) not in _NO_SHELLS and os.access(login_shell, os.X_OK)
    if runs or not login_shell:  # su takes /bin/sh
        return ""
    return "/bin/bash" if os.access("/bin/bash", os.X_OK) else "/bin/sh"


class _Output:
    """One of a script's outputs on its way into the log, as many lines at a time as have come."""

    def __init__(self, pipe: IO[bytes], stream: str, log: ScriptLog) -> None:
        self.pipe = pipe
        self.stream = stream
        self._log = log
        self._rest = b""

    def read(self) -> None:
        """What has come. At its end the pipe is closed."""
        chunk = os.read(self.pipe.fileno(), _LINE_BYTES)
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if not chunk:
            self.pipe.close()
        if not chunk or len(self._rest) >= _LINE_BYTES:
            lines, self._rest = lines + [self._rest] * bool(self._rest), b""
        self._say(lines)

    def end(self) -> None:
        """The line that was begun."""
        self._say([self._rest] * bool(self._rest))

    def _say(self, lines: List[bytes]) -> None:
        if lines:
            text = b"\n".join(lines).decode("utf-8", "replace")
            self._log.output(self.stream, [line.rstrip("\r") for line in text.split("\n")])


def _read(outputs: Sequence[_Output], seconds: float) -> bool:
    """Read what comes within that time, once. False when all outputs have ended."""
    poller = select.poll()
    held = {each.pipe.fileno(): each for each in outputs if not each.pipe.closed}
    for pipe in held:
        poller.register(pipe, select.POLLIN)
    for pipe, _ in poller.poll(seconds * 1000) if held else ():
        held[pipe].read()
    return bool(held)


def _ends(process: "subprocess.Popen[bytes]", outputs: Sequence[_Output], deadline: float) -> bool:
    """Read until the script has ended; False when it has not by then.

    The end of its outputs tells of it at once. Where they are held open, it is looked for now and then.
    """
    while process.poll() is None:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        if not _read(outputs, min(left, _LOOK_SECONDS)):
            try:
                process.wait(left)
            except subprocess.TimeoutExpired:
                return False
    return True

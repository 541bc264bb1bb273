"""What scripts get from the host: its variables, umask and limits, as /etc/profile leaves them.

Source: the agent's unit, codedeploy-agent.service, starts it by `bash -a -c 'source /etc/profile; ...'`, so that every
variable that is set there reaches the hooks, exported or not; AWS tells users to put theirs there. Differences: each
segment reads it, and not the agent's start; the shell's own variables are not exported; there is a time limit, and
where a profile is broken scripts have what they had without it.
"""

import os
import select
import subprocess
import time
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from host.posix.keeper import keep
from host.posix.script_log import ScriptLog
from host.posix.watchdog import Watchdog, end_family

SECONDS = 10  # for which a profile may take
_SHELLS = ("/bin/bash", "/bin/sh")
# Of the runner's own variables: what is its business, and the credentials that the agent keeps from scripts, too.
_KEPT_BACK = ("AWS_SSM_", "STEPDEPLOY_", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CREDENTIAL_FILE")
_OF_THE_SHELL = frozenset({"PWD", "OLDPWD", "SHLVL", "_"})
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LIMITS = "/proc/self/limits"
# The umask, the limits as the kernel writes them, the variables with a zero byte after each, and the end.
_ASK = """
set -a; . "$0" >/dev/null; exec 2>/dev/null; trap - EXIT
umask; /bin/cat {} /proc/self/environ; printf 'end\\0'
""".format(_LIMITS)
_END = b"\0end\0"
_NAME_COLUMNS = 26  # of a limit, before its values
_RESOURCES = {
    "Max cpu time": "CPU",
    "Max file size": "FSIZE",
    "Max data size": "DATA",
    "Max stack size": "STACK",
    "Max core file size": "CORE",
    "Max processes": "NPROC",
    "Max open files": "NOFILE",
    "Max locked memory": "MEMLOCK",
    "Max address space": "AS",
    "Max pending signals": "SIGPENDING",
    "Max msgqueue size": "MSGQUEUE",
    "Max nice priority": "NICE",
    "Max realtime priority": "RTPRIO",
}
_MOST_TROUBLE = 1000  # bytes of what a profile says


class Profile(NamedTuple):
    """`set_up`, if any, is called in a script's process before that begins; `trouble` says what is wrong, if any."""

    variables: Dict[str, str]
    set_up: Optional[Callable[[], None]] = None
    trouble: str = ""


_KNOWN: Dict[str, Profile] = {}


def profile(path: str, log: ScriptLog, watchdog: Watchdog) -> Profile:
    """What the file leaves, read once in a process: a segment's events have the same. Without one it is what this
    process has. Raises nothing."""
    own = _passed_on(_given())
    if not os.path.isfile(path):
        return Profile(own)
    if path not in _KNOWN:
        try:
            _KNOWN[path] = _read(path, own, log, watchdog)
        except OSError as error:
            _KNOWN[path] = Profile(own, trouble="{} is not read: {}".format(path, error))
    return _KNOWN[path]


def _given() -> Dict[str, str]:
    """This process's variables, but LC_CTYPE as it was started with: in the C locale Python sets that (PEP 538)."""
    given = dict(os.environ)
    try:
        with open("/proc/self/environ", "rb") as file:
            started_with = file.read().split(b"\0")
    except OSError:
        return given
    given.pop("LC_CTYPE", None)
    for each in started_with:
        name, _, value = os.fsdecode(each).partition("=")
        if name == "LC_CTYPE":
            given[name] = value
    return given


def _passed_on(variables: Mapping[str, str]) -> Dict[str, str]:
    passed = {name: value for name, value in variables.items() if not name.startswith(_KEPT_BACK)}
    passed.setdefault("PATH", _PATH)
    return passed


def _read(path: str, own: Dict[str, str], log: ScriptLog, watchdog: Watchdog) -> Profile:
    shell = next((each for each in _SHELLS if os.path.exists(each)), _SHELLS[-1])
    try:
        with watchdog.start([shell, "-c", _ASK, path], own) as process:
            said, errors, is_late = _collected(process)
            if is_late:
                end_family(process.pid)
            process.wait()
            if process.stderr and not process.stderr.closed:
                what = "{} has ended, but something that it started keeps its stderr open: {}"
                log.warning(what.format(path, keep(process.stderr, log.left_behind("profile"))))
    finally:
        watchdog.let_go()
    if is_late:
        trouble = "{} took longer than {} seconds: its variables are left out{}"
        return Profile(own, trouble=trouble.format(path, SECONDS, _quoted(errors)))
    found = _parsed(said, own) if said.endswith(_END) else None
    if not found:
        trouble = "{} ended the shell: its variables are left out{}"
        return Profile(own, trouble=trouble.format(path, _quoted(errors)))
    return found._replace(trouble="{} complains{}".format(path, _quoted(errors)) if _quoted(errors) else "")


def _collected(process: "subprocess.Popen[bytes]") -> Tuple[bytes, bytes, bool]:
    """Both outputs, until the first is whole, and whether that came too late; something that the profile started may
    keep the outputs open."""
    assert process.stdout and process.stderr
    out, err = process.stdout.fileno(), process.stderr.fileno()
    deadline = time.monotonic() + SECONDS
    said = {out: b"", err: b""}
    waiting = {out, err}
    while out in waiting and not said[out].endswith(_END):
        ready = select.select(list(waiting), [], [], max(deadline - time.monotonic(), 0))[0]
        if not ready:
            return b"", said[err], True
        for pipe in ready:
            chunk = os.read(pipe, 1 << 16)
            said[pipe] += chunk if pipe == out or len(said[pipe]) < _MOST_TROUBLE else b""
            if not chunk:
                waiting.discard(pipe)
    while select.select([err], [], [], 0)[0]:
        chunk = os.read(err, 1 << 16)
        if not chunk:
            process.stderr.close()
            break
        said[err] += chunk
    return said[out], said[err], False


def _parsed(said: bytes, own: Dict[str, str]) -> Optional[Profile]:
    """What _ASK printed; None for what it cannot have printed."""
    with open(_LIMITS, "rb") as file:
        own_limits = file.read().splitlines()
    mask, *rest = said.split(b"\n", len(own_limits) + 1)
    if len(rest) <= len(own_limits) or not mask.isdigit():
        return None
    variables = {name: own[name] for name in _OF_THE_SHELL & own.keys()}
    for entry in os.fsdecode(rest.pop()).split("\0"):
        name, is_one, value = entry.partition("=")
        if is_one and name not in _OF_THE_SHELL:
            variables[name] = value
    limits = filter(None, [_limit(line) for line in rest if line not in own_limits])
    return Profile(_passed_on(variables), _set_up(int(mask, 8), list(limits)))


def _limit(line: bytes) -> Optional[Tuple[int, Tuple[int, int]]]:
    """A line of /proc/PID/limits as setrlimit takes it; None for what a shell cannot set."""
    import resource  # seldom needed

    name = line[:_NAME_COLUMNS].decode().strip()
    if name not in _RESOURCES:
        return None
    values = line[_NAME_COLUMNS:].split()
    soft, hard = (resource.RLIM_INFINITY if each == b"unlimited" else int(each) for each in values[:2])
    return getattr(resource, "RLIMIT_" + _RESOURCES[name]), (soft, hard)


def _set_up(umask: int, limits: List[Tuple[int, Tuple[int, int]]]) -> Optional[Callable[[], None]]:
    own_umask = os.umask(0)
    os.umask(own_umask)
    if umask == own_umask and not limits:
        return None

    def set_up() -> None:
        import resource

        os.umask(umask)
        for number, values in limits:
            resource.setrlimit(number, values)

    return set_up


def _quoted(errors: bytes) -> str:
    """Up to what `set -x` prints: that may have a secret's value, and the log is for everybody."""
    text = ("\n" + errors[:_MOST_TROUBLE].decode("utf-8", "replace")).partition("\n+")[0]
    return ": {}".format(" ".join(text.split())) if text.strip() else ""

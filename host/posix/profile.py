"""What the host's /etc/profile sets for scripts: PATH, JAVA_HOME and the like.

Source: the agent's unit, codedeploy-agent.service, starts it by `bash -a -c 'source /etc/profile; ...'`, so that every
variable that is set there reaches the hooks, exported or not; AWS tells users to put theirs there.
"""

import os
import select
import signal
import subprocess
import time
from functools import lru_cache
from typing import Dict, NamedTuple, Tuple

SECONDS = 10  # for which a profile may take
_PLACE = "/etc/profile"
_SHELLS = ("/bin/bash", "/bin/sh")
_OF_THE_SHELL = frozenset({"PWD", "OLDPWD", "SHLVL", "_"})
# The shell, /etc/profile and its own output apart: the variables, a zero byte after each, and the profile's status.
_ASK = '. "$0" >/dev/null; set -- $?; exec 2>/dev/null; /usr/bin/env -0; printf "end %d\\0" "$1"'
_MOST_TROUBLE = 1000  # bytes of what a profile says


class Profile(NamedTuple):
    """The variables as they are after the profile, and what was wrong with it; "" for nothing."""

    variables: Dict[str, str]
    trouble: str


@lru_cache()
def profile() -> Profile:
    """Read once: a segment's events have the same. Raises nothing; without a profile it is the environment as it is."""
    path = os.environ.get("STEPDEPLOY_PROFILE") or _PLACE
    own = dict(os.environ)
    if not os.path.isfile(path):
        return Profile(own, "")
    try:
        variables, trouble = _read(path, own)
    except OSError as error:
        return Profile(own, "{} is not read: {}".format(path, error))
    return Profile(variables or own, "{} {}".format(path, trouble) if trouble else "")


def _read(path: str, own: Dict[str, str]) -> Tuple[Dict[str, str], str]:
    shell = next((each for each in _SHELLS if os.path.exists(each)), _SHELLS[-1])
    process = subprocess.Popen(
        [shell, "-a", "-c", _ASK, path],
        cwd="/",
        env=own,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        said, errors, is_late = _collected(process)
        if is_late:
            os.killpg(process.pid, signal.SIGKILL)
            return {}, "took longer than {} seconds: its variables are left out".format(SECONDS)
    if not _is_whole(said):
        return {}, "ended the shell: its variables are left out{}".format(_quoted(errors))
    *pairs, end = os.fsdecode(said).split("\0")[:-1]
    variables = dict(pair.partition("=")[::2] for pair in pairs)
    found = {name: value for name, value in variables.items() if name not in _OF_THE_SHELL}
    found.update({name: own[name] for name in _OF_THE_SHELL & own.keys()})
    return found, "failed{}".format(_quoted(errors)) if errors and end != "end 0" else ""


def _collected(process: "subprocess.Popen[bytes]") -> Tuple[bytes, bytes, bool]:
    """Both outputs, until the variables are whole, and whether they came too late; something that the profile started
    may keep the outputs open."""
    assert process.stdout and process.stderr
    deadline = time.monotonic() + SECONDS
    said = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    waiting = set(said)
    while waiting and not _is_whole(said[process.stdout.fileno()]):
        ready = select.select(list(waiting), [], [], max(deadline - time.monotonic(), 0))[0]
        if not ready:
            return b"", b"", True
        for pipe in ready:
            chunk = os.read(pipe, 1 << 16)
            said[pipe] += chunk
            if not chunk:
                waiting.discard(pipe)
    return said[process.stdout.fileno()], said[process.stderr.fileno()][:_MOST_TROUBLE], False


def _is_whole(said: bytes) -> bool:
    return said.endswith(b"\0") and said[:-1].rpartition(b"\0")[2].startswith(b"end ")


def _quoted(errors: bytes) -> str:
    text = " ".join(errors.decode("utf-8", "replace").split())
    return ": {}".format(text) if text else ""

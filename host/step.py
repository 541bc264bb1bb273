"""The Run Command document: one shell step per lifecycle event, which asks the segment's process to run that event.

A step before them starts that process (host/bootstrap.py, host/posix/segment.py). SSM puts the one parameter into the
script as text. It is base64 with a signature in hexadecimal, fenced by `allowedPattern`, and stands in single quotes,
so that nothing a user wrote can reach the shell as anything but data. There is no here-document: some shells write
those to /tmp, which may be full.

Source: Systems Manager User Guide, "Schemas, features, and examples" (schema 2.2) and "Command document plugin
reference" (aws:runShellScript).
"""

from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from host.bootstrap import MARK_CHARACTERS
from host.lifecycle import START, STEP_SECONDS, LifecycleEvent

INSTRUCTIONS_PATTERN = "^[A-Za-z0-9+/=]+[.][0-9a-f]+$"  # Go compiles it, which takes no repeat over 1,000

_FAILED = (
    '{"stepdeploy": 1, "event": "%s", "status": "Failed", "error_code": "UnknownError", "cause": "%s",'
    ' "exit_code": null, "script_name": "", "message": "%s", "log_tail": ""}'
)
_NO_PYTHON = "the host has no python3, version 3.7 or newer: install a package of it (docs/hosts.md says which)"
_GONE = "the process that runs the deployment on this host is gone: deploy again"
_PYTHONS = "python3 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 python3.7 /usr/local/bin/python3"

# How a step asks, for any POSIX shell and without a program or a second process: it costs a host next to nothing. The
# pipes are opened so that neither side waits for the other, and the step keeps no writing end: where there is no
# process, or when it ends, the answer is the pipe's end. A segment that is over has left its mark for the steps behind
# its last event. The mark is sought by `case`: to cut it off by `%` and `#` takes shells the square of the length.
_ASK = """\
told='{{{{ Instructions }}}}'
here="${{STEPDEPLOY_ROOT:-/opt/stepdeploy}}/segment"
is_ours() {{
  {{ read -r mark || [ "$mark" ]; }} <"$here/$1" || return 1
  case $told in *"$mark") [ "${{#mark}}" = {mark} ] ;; *) return 1 ;; esac
}}
ask() {{
  is_ours over && return 0
  is_ours mark || return 9
  {{ printf '%s\\n' "{event} {seconds}" >&4 && read -r code line <&6; }} \
    4<>"$here/ask" 5<>"$here/answer" 6<"$here/answer" 5>&- || return 9
  [ ! "$line" ] || printf '%s\\n' "$line"
  return "$code"
}}
ask 2>/dev/null
case $? in 0) exit 0 ;; 1) exit 1 ;; esac
printf '%s\\n' '{gone}'
exit 1
"""

# One Python after another, of which some may be too old (exit status 3). Names and texts are UTF-8, whatever the host's
# locale is; what scripts see of it stays as it is.
_START = """\
told='{{{{ Instructions }}}}'
start() {{
  for python in {pythons}; do
    command -v "$python" >/dev/null 2>&1 || continue
    printf %s "$told" | "$python" -I -S -X utf8 -c "$1" {event} {modulus} {exponent} {runner_sha256}
    case $? in 0) return ;; 3 | 126 | 127) ;; *) exit 1 ;; esac
  done
  printf '%s\\n' '{no_python}'
  exit 1
}}
start '{bootstrap}'
"""


# As _START; what runs is in the document itself.
_LOOK = """\
look() {{
  for python in {pythons}; do
    command -v "$python" >/dev/null 2>&1 || continue
    "$python" -I -S -X utf8 -c "$1" '{{{{ GroupId }}}}' '{{{{ DeploymentId }}}}'
    case $? in 0) return ;; 3 | 126 | 127) ;; *) exit 1 ;; esac
  done
  exit 1
}}
look '{verify}'
"""
ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9-]*$"
VERIFY = "Verify"  # the one step of the document that only looks
VERIFY_SECONDS = 600


class Trust(NamedTuple):
    """What the document itself fixes, so that a sender cannot choose it."""

    modulus: str  # of the engine's public RSA key, in lower-case hexadecimal
    exponent: str  # in decimal
    runner_sha256: str


def _quoted(name: str) -> str:
    """The lines of a program beside this one, as they may stand in single quotes."""
    program = Path(__file__).with_name(name).read_text()
    assert "'" not in program, "it stands in single quotes"
    return "\n".join(line for line in program.splitlines() if line)


def begin_script(trust: Trust) -> List[str]:
    """The lines of the first step: it starts the process that runs the segment, with what the document trusts."""
    return _START.format(
        event=START,
        **trust._asdict(),
        pythons=_PYTHONS,
        bootstrap=_quoted("bootstrap.py"),
        no_python=_FAILED % (START, "UNSUPPORTED", _NO_PYTHON),
    ).splitlines()


def step_script(event: LifecycleEvent, max_step_seconds: int = STEP_SECONDS) -> List[str]:
    """The lines of the step of one event, which does nothing in a segment without it. The event ends itself before
    `max_step_seconds`.

    A process that is gone is not started again: it was killed, and what it did is not known well enough to go on.
    """
    return _ASK.format(
        event=event.value,
        seconds=max_step_seconds,
        mark=MARK_CHARACTERS,
        gone=_FAILED % (event.value, "ENGINE", _GONE),
    ).splitlines()


def lifecycle_document(trust: Trust, max_step_seconds: int = STEP_SECONDS) -> Dict[str, Any]:
    """The content of the SSM document that runs any segment: the instructions say which of the events are in it. Each
    step may take that long."""
    scripts = {START: begin_script(trust)}
    scripts.update({event.value: step_script(event, max_step_seconds) for event in LifecycleEvent})
    return {
        "schemaVersion": "2.2",
        "description": "stepdeploy: the lifecycle events of one deployment on one host, as signed by the engine",
        "parameters": {
            "Instructions": {
                "type": "String",
                "description": "Base64 of the JSON that tells the host what to deploy, a dot and a signature",
                "allowedPattern": INSTRUCTIONS_PATTERN,
            }
        },
        "mainSteps": [_step(name, script, max_step_seconds) for name, script in scripts.items()],
    }


def verify_document() -> Dict[str, Any]:
    """The content of the SSM document that only looks (host/verify.py): whoever may send it can change nothing."""
    script = _LOOK.format(pythons=_PYTHONS, verify=_quoted("verify.py")).splitlines()
    return {
        "schemaVersion": "2.2",
        "description": "stepdeploy: what stands on a host of a deployment group; changes nothing",
        "parameters": {
            "GroupId": {"type": "String", "description": "The deployment group", "allowedPattern": ID_PATTERN},
            "DeploymentId": {"type": "String", "description": "A deployment of it", "allowedPattern": ID_PATTERN},
        },
        "mainSteps": [_step(VERIFY, script, VERIFY_SECONDS)],
    }


def _step(name: str, script: List[str], seconds: int) -> Dict[str, Any]:
    return {
        "action": "aws:runShellScript",
        "name": name,
        "precondition": {"StringEquals": ["platformType", "Linux"]},
        "inputs": {"timeoutSeconds": str(seconds), "onFailure": "exit", "runCommand": script},
    }

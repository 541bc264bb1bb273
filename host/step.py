"""The Run Command document: one shell step per lifecycle event, each of which fetches the runner and hands over to it.

SSM puts the one parameter into the script as text. It is base64, fenced by `allowedPattern`, and stands in a quoted
here-document, so that nothing a user wrote can reach the shell as anything but data. Source: Systems Manager User
Guide, "Schemas, features, and examples" (schema 2.2) and "Command document plugin reference" (aws:runShellScript).
"""

from pathlib import Path
from typing import Any, Dict, List, Sequence

from host.lifecycle import LifecycleEvent

INSTRUCTIONS_PATTERN = "^[A-Za-z0-9+/=]+$"  # the agent compiles it with Go, which takes no repeat over 1,000
STEP_SECONDS = 7200

_MISSING = (
    '{"stepdeploy": 1, "event": "%s", "status": "Failed", "error_code": "UnknownError", "cause": "ENGINE",'
    ' "script_name": "", "message": "the host has no python3 of 3.7 or newer", "log_tail": ""}'
)
_PYTHONS = "python3 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 python3.7 /usr/local/bin/python3"


def step_script(event: LifecycleEvent, max_step_seconds: int = STEP_SECONDS) -> List[str]:
    """The lines of one step's script, for any POSIX shell. The runner ends itself before `max_step_seconds`."""
    bootstrap = Path(__file__).with_name("bootstrap.py").read_text().splitlines()
    return [
        "for python in {}; do".format(_PYTHONS),
        """  "$python" -S -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null && break""",
        "  python=",
        "done",
        "[ -n \"$python\" ] || {{ printf '%s\\n' '{}'; exit 1; }}".format(_MISSING % event.value),
        "export STEPDEPLOY_STEP_SECONDS={:d}".format(max_step_seconds),
        """exec "$python" -I -S - {} 3<<'INSTRUCTIONS' <<'BOOTSTRAP'""".format(event.value),
        "{{ Instructions }}",
        "INSTRUCTIONS",
        *(line for line in bootstrap if line),
        "BOOTSTRAP",
    ]


def lifecycle_document(events: Sequence[LifecycleEvent], max_step_seconds: int) -> Dict[str, Any]:
    """The content of the SSM document that runs a segment of these events; each step may take that long."""
    return {
        "schemaVersion": "2.2",
        "description": "stepdeploy: the lifecycle events of one deployment on one host",
        "parameters": {
            "Instructions": {
                "type": "String",
                "description": "Base64 of the JSON that tells the host what to deploy",
                "allowedPattern": INSTRUCTIONS_PATTERN,
            }
        },
        "mainSteps": [
            {
                "action": "aws:runShellScript",
                "name": event.value,
                "precondition": {"StringEquals": ["platformType", "Linux"]},
                "inputs": {
                    "timeoutSeconds": str(max_step_seconds),
                    "onFailure": "exit",
                    "runCommand": step_script(event, max_step_seconds),
                },
            }
            for event in events
        ],
    }

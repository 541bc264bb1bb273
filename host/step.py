"""The Run Command document: one shell step per lifecycle event, each of which fetches the runner and hands over to it.

SSM puts the one parameter into the script as text. It is base64 with a signature in hexadecimal, fenced by
`allowedPattern`, and stands in a quoted here-document, so that nothing a user wrote can reach the shell as anything but
data. Source: Systems Manager User Guide, "Schemas, features, and examples" (schema 2.2) and "Command document plugin
reference" (aws:runShellScript).
"""

import base64
import zlib
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence

from host.lifecycle import STEP_SECONDS, LifecycleEvent

INSTRUCTIONS_PATTERN = "^[A-Za-z0-9+/=]+[.][0-9a-f]+$"  # Go compiles it, which takes no repeat over 1,000

_MISSING = (
    '{"stepdeploy": 1, "event": "%s", "status": "Failed", "error_code": "UnknownError", "cause": "ENGINE",'
    ' "script_name": "", "message": "the host has no python3 of 3.7 or newer", "log_tail": ""}'
)
_PYTHONS = "python3 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 python3.7 /usr/local/bin/python3"


class Trust(NamedTuple):
    """What the document itself fixes, so that a sender cannot choose it."""

    modulus: str  # of the engine's public RSA key, in lower-case hexadecimal
    exponent: str  # in decimal
    runner_sha256: str


def step_script(event: LifecycleEvent, trust: Trust, max_step_seconds: int = STEP_SECONDS) -> List[str]:
    """The lines of one step's script, for any POSIX shell. The runner ends itself before `max_step_seconds`."""
    return [
        "for python in {}; do".format(_PYTHONS),
        """  "$python" -S -c 'import sys; sys.exit(sys.version_info < (3, 7))' 2>/dev/null && break""",
        "  python=",
        "done",
        "[ -n \"$python\" ] || {{ printf '%s\\n' '{}'; exit 1; }}".format(_MISSING % event.value),
        "export STEPDEPLOY_STEP_SECONDS={:d}".format(max_step_seconds),
        """exec "$python" -I -S - {} {} {} {} 3<<'INSTRUCTIONS' <<'BOOTSTRAP'""".format(event.value, *trust),
        "{{ Instructions }}",
        "INSTRUCTIONS",
        *_bootstrap(),
        "BOOTSTRAP",
    ]


def _bootstrap() -> List[str]:
    """host/bootstrap.py, compressed: every step carries it, and a document may have 64 KB."""
    packed = base64.b64encode(zlib.compress(Path(__file__).with_name("bootstrap.py").read_bytes(), 9)).decode()
    return ["import base64, zlib", 'exec(zlib.decompress(base64.b64decode("{}")))'.format(packed)]


def lifecycle_document(events: Sequence[LifecycleEvent], trust: Trust, max_step_seconds: int) -> Dict[str, Any]:
    """The content of the SSM document that runs a segment of these events; each step may take that long."""
    return {
        "schemaVersion": "2.2",
        "description": "stepdeploy: the lifecycle events of one deployment on one host, as signed by the engine",
        "parameters": {
            "Instructions": {
                "type": "String",
                "description": "Base64 of the JSON that tells the host what to deploy, a dot, the engine's signature",
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
                    "runCommand": step_script(event, trust, max_step_seconds),
                },
            }
            for event in events
        ],
    }

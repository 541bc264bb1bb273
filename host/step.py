"""The Run Command document: one shell step per lifecycle event, each of which fetches the runner and hands over to it.

SSM puts the one parameter into the script as text. It is base64, fenced by `allowedPattern`, so that nothing a user
wrote can reach the shell as anything but data. Source: Systems Manager User Guide, "Schemas, features, and examples"
(schema 2.2) and "Command document plugin reference" (aws:runShellScript).
"""

from typing import Any, Dict, List, Sequence

from host.lifecycle import LifecycleEvent

INSTRUCTIONS_PATTERN = "^[A-Za-z0-9+/=]{1,30000}$"

# Runs on whatever Python the host has, before the runner is there: 3.7 is checked here. Single quotes only where the
# shell's heredoc does not care; the heredoc is quoted, so the shell leaves all of it alone.
_FETCH = """
import base64, hashlib, json, os, sys, tempfile, time, urllib.request
event, told = sys.argv[1:3]
def fail(cause, message):
    print(json.dumps({"stepdeploy": 1, "event": event, "status": "Failed", "error_code": "UnknownError", "cause": cause,
                      "script_name": "", "message": message[:1000], "log_tail": ""}))
    sys.exit(1)
if sys.version_info < (3, 7):
    fail("ENGINE", "the host's python3 is %s: stepdeploy needs Python 3.7 or newer" % sys.version.split()[0])
runner = json.loads(base64.b64decode(told))["runner"]
folder = os.path.join(os.environ.get("STEPDEPLOY_ROOT", "/opt/stepdeploy"), "runner")
path = os.path.join(folder, runner["sha256"] + ".pyz")
def is_right():
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest() == runner["sha256"]
try:
    if not (os.path.exists(path) and is_right()):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for pause in (1, 2, 4, None):
            try:
                with urllib.request.urlopen(runner["url"], timeout=30) as answer:
                    body = answer.read()
                break
            except OSError as error:
                if pause is None:
                    fail("DOWNLOAD", "the runner could not be fetched: %s" % error)
                time.sleep(pause)
        if hashlib.sha256(body).hexdigest() != runner["sha256"]:
            fail("DIGEST", "the runner that was fetched is not the one that was published")
        handle, partial = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        os.rename(partial, path)
except OSError as error:
    fail("DISK", "the runner could not be stored: %s" % error)
os.execv(sys.executable, [sys.executable, path, "run", event, told])
"""


def step_script(event: LifecycleEvent) -> List[str]:
    """The lines of one step's shell script."""
    missing = (
        '{"stepdeploy": 1, "event": "%s", "status": "Failed", "error_code": "UnknownError", "cause": "ENGINE",'
        ' "script_name": "", "log_tail": "",'
        ' "message": "the host has no python3: stepdeploy needs Python 3.7 or newer"}'
    )
    return [
        "command -v python3 >/dev/null || {{ echo '{}'; exit 1; }}".format(missing % event.value),
        "exec python3 -c \"$(cat <<'STEPDEPLOY'",
        *_FETCH.strip().splitlines(),
        "STEPDEPLOY",
        ")\" {} '{{{{ Instructions }}}}'".format(event.value),
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
                # The agent reads onFailure among the inputs (SSM Agent, plugin input parsing), not beside them.
                "inputs": {
                    "onFailure": "exit",
                    "timeoutSeconds": str(max_step_seconds),
                    "runCommand": step_script(event),
                },
            }
            for event in events
        ],
    }

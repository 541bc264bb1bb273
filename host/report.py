"""What one lifecycle event left behind: the one JSON line that a host writes and the engine stores as its diagnostics.

SSM shows at most 2,500 characters of a step, so that the line stays below that whatever a script printed. Codes and
texts are the reference agent's (script_error.rb, hook_executor.rb).
"""

import json
from typing import Any, Dict, List, NamedTuple, Optional

LINE_BYTES = 2300
TAIL_CHARACTERS = 2048  # the agent's limit; whole lines only
MESSAGE_CHARACTERS = 900
SCRIPT_CHARACTERS = 100
MARK_CHARACTERS = 40
VERSION = 1  # of the line
INTERRUPTED = "Failed: Failing in-progress lifecycle event after an agent restart."


class Report(NamedTuple):
    """How an event ended. `may_continue`: the later events may run, although this one failed. `exit_code`: of the
    script that failed it, negative for the signal that ended that."""

    event: str
    status: str = "Succeeded"
    error_code: str = "Success"
    cause: Optional[str] = None
    script_name: str = ""
    message: str = "Succeeded"
    log_tail: str = ""
    may_continue: bool = True
    exit_code: Optional[int] = None

    def line(self) -> str:
        """The JSON line, at most LINE_BYTES of ASCII: the log's oldest lines go first, then the message's end."""
        tail = _newest_lines(self.log_tail)
        message = _cut(self.message, MESSAGE_CHARACTERS)
        while True:
            line = json.dumps(
                {
                    "stepdeploy": VERSION,
                    "event": self.event,
                    "status": self.status,
                    "error_code": self.error_code,
                    "cause": self.cause,
                    "exit_code": self.exit_code,
                    "script_name": _cut(self.script_name, SCRIPT_CHARACTERS),
                    "message": message,
                    "log_tail": tail,
                }
            )
            if len(line) < LINE_BYTES:  # and the newline
                return line
            if "\n" in tail:
                tail = tail.partition("\n")[2]
            elif len(tail) > MARK_CHARACTERS:
                tail = tail[len(tail) // 4 + 1 :]  # the end of one long line is more than nothing
            elif len(message) > MARK_CHARACTERS:
                message = _cut(message, len(message) // 2)
            else:
                tail = ""

    @classmethod
    def read(cls, line: str) -> "Optional[Report]":
        """The report that a line is; None for any other line. That later events may run is no part of it: the step's
        exit status says so."""
        try:
            found = json.loads(line)
            if found["stepdeploy"] != VERSION:
                return None
            said = {name: found[name] for name in cls._fields if name not in ("may_continue", "exit_code")}
            return cls(exit_code=found.get("exit_code"), **said)  # only a script has one
        except (ValueError, KeyError, TypeError):
            return None

    def plain(self) -> Dict[str, Any]:
        """For the journal."""
        return dict(self._asdict())


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 3] + "..."


def _newest_lines(text: str) -> str:
    """The newest whole lines whose total stays below the limit; none when the newest alone does not.

    Split at newlines only: a script may print whatever else Unicode calls a line's end.
    """
    kept: List[str] = []
    left = TAIL_CHARACTERS
    for line in reversed(text.split("\n")):
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join(reversed(kept))


class Failed(Exception):
    """An event that cannot succeed, with its cause and the agent's code."""

    def __init__(
        self,
        cause: str,
        message: str,
        error_code: str = "UnknownError",
        script_name: str = "",
        log_tail: str = "",
        exit_code: Optional[int] = None,
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.error_code = error_code
        self.script_name = script_name
        self.log_tail = log_tail
        self.exit_code = exit_code

    def report(self, event: str) -> Report:
        return Report(
            event,
            "Failed",
            self.error_code,
            self.cause,
            self.script_name,
            str(self),
            self.log_tail,
            may_continue=False,
            exit_code=self.exit_code,
        )

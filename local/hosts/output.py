"""What the SSM Agent tells of a step's output, and how much of it."""

from __future__ import annotations

MAXIMUM_OUTPUT = 2_500  # bytes of one step in ListCommandInvocations
MAXIMUM_STDOUT = 24_000  # bytes in GetCommandInvocation
MAXIMUM_STDERR = 8_000
OUTPUT_TRUNCATED = b"\n---Output truncated---"
ERROR_TRUNCATED = b"\n---Error truncated----"
CONTENT_TRUNCATED = b"--output truncated--"
ERROR_TITLE = b"\n----------ERROR-------\n"


def combined(stdout: bytes, stderr: bytes, capacity: int = MAXIMUM_OUTPUT) -> bytes:
    """A step's two outputs as one, cut as the agent cuts them.

    >>> combined(b"ready", b"")
    b'ready'
    >>> combined(b"o" * 3000, b"").endswith(b"o\\n---Output truncated---"), len(combined(b"o" * 3000, b""))
    (True, 2500)
    """
    title = ERROR_TITLE if stderr else b""
    space = capacity - len(title)
    if len(stdout) + len(stderr) < space:
        return stdout + title + stderr
    if len(stdout) > space // 2 and len(stderr) > space // 2:
        half = (space - len(OUTPUT_TRUNCATED) - len(ERROR_TRUNCATED)) // 2
        return stdout[:half] + OUTPUT_TRUNCATED + title + stderr[:half] + ERROR_TRUNCATED
    if len(stdout) < space // 2:
        return stdout + title + stderr[: space - len(ERROR_TRUNCATED) - len(stdout)] + ERROR_TRUNCATED
    return stdout[: space - len(OUTPUT_TRUNCATED) - len(stderr)] + OUTPUT_TRUNCATED + title + stderr


def prefix(content: bytes, maximum: int) -> str:
    """At most `maximum` bytes of an output, the end replaced by the agent's marker when it was longer."""
    if len(content) >= maximum:
        content = content[: maximum - len(CONTENT_TRUNCATED)] + CONTENT_TRUNCATED
    return content.decode(errors="replace")

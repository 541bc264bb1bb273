"""A hook script's first line: which interpreter it names, and whether the kernel can find that.

Source: execve(2), "Interpreter scripts": one argument at most, which is all that follows the interpreter.
"""

import os
from typing import Optional, Tuple

FIRST_LINE_BYTES = 256  # which the kernel reads of it


def first_line(head: bytes) -> bytes:
    """The first line of a script of which `head` is the beginning, without its newline."""
    return head[:FIRST_LINE_BYTES].partition(b"\n")[0]


def interpreter(head: bytes) -> Tuple[str, str]:
    """The interpreter and its argument; "" and "" for a script without one.

    >>> interpreter(b"#!/usr/bin/env python3 -u\\n")
    ('/usr/bin/env', 'python3 -u')
    """
    line = first_line(head)
    if not line.startswith(b"#!"):
        return "", ""
    words = os.fsdecode(line[2:]).strip(" \t").replace("\t", " ").split(" ", 1)
    return words[0], words[1].strip(" ") if len(words) > 1 else ""


def first_line_error(head: bytes) -> str:
    """Why no host can run the script by its first line; "" for any other.

    Perl alone bears a carriage return in its arguments.
    """
    program, argument = interpreter(head)
    if not program:
        return ""
    whole = program + " " + argument if argument else program
    if "\r" in program or ("\r" in argument and not os.path.basename(program).startswith("perl")):
        what = "its first line has a carriage return (Windows line endings), so hosts do not find {!r}: save it with LF"
        return what.format(whole)
    if os.path.basename(program) == "env" and " " in argument and not argument.startswith("-") and "=" not in argument:
        what = "its first line asks env for one program that is called {!r}: write #!{} -S {}"
        return what.format(argument, program, argument)
    return ""


def missing_interpreter(script: str, path: Optional[str]) -> str:
    """What the host lacks of what a script's first line names, with the remedy; "" when it lacks nothing.

    `path` is the script's PATH. Raises nothing.
    """
    try:
        with open(script, "rb") as file:
            head = file.read(FIRST_LINE_BYTES)
    except OSError:
        return ""
    error = first_line_error(head)
    if error:
        return error
    program, argument = interpreter(head)
    if not program:
        return ""
    if os.path.basename(program) == "env" and os.path.isfile(program):
        wanted = argument.split(" ")[0]
        if not wanted or wanted.startswith("-") or "=" in wanted or which(wanted, path):
            return ""
        return "its first line asks {} for {!r}, which is not on this host's PATH{}".format(
            program, wanted, _instead(wanted, path)
        )
    if os.path.isfile(os.path.join("/", program)):
        return ""
    return "its first line names the interpreter {!r}, which this host does not have{}".format(
        program, _instead(os.path.basename(program), path)
    )


def _instead(name: str, path: Optional[str]) -> str:
    """What of the kind the host has."""
    for other in (name, name.rstrip("0123456789."), name.rstrip("0123456789.") + "3"):
        found = which(other, path) if other else None
        if found:
            return ": install it, or write #!{}".format(found)
    return ": install it"


def which(name: str, path: Optional[str] = None) -> Optional[str]:
    import shutil  # seldom needed, and long to import

    return shutil.which(name, path=path)

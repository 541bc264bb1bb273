"""Blocks of the documents that are recorded: their commands are run, and what is shown below them is what they said.

A block with `<!-- recorded: NAME -->` above it is run by the test that asks for NAME. Ids, times and places differ from
run to run and count for nothing; a line `...` stands for any lines. STEPDEPLOY_RECORD=1 writes what was said into the
page where it is not what is shown.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.documents import PAGES, ROOT, Block, blocks

IS_RECORDING = bool(os.environ.get("STEPDEPLOY_RECORD"))
_ANY = "..."
_CHANGING = [
    (r"s3://\S+", "PLACE"),
    (r"stepdeploy-[a-z]*revisions\S*", "BUCKET"),
    (r"\bd-(?:[A-Z0-9]{9})(?:-local)?", "DEPLOYMENT"),
    (r"\bi-[0-9a-f]{8,17}", "INSTANCE"),
    (r"\bweb(?:app)?-\d\b|\bweb-asg\b", "HOST"),
    (r"\b[0-9a-f]{7,64}(?:-dirty)?(?: [\w/-]+)?(?=  |$)", "REVISION"),
    (r"\b[0-9a-f]{12,64}\b", "DIGEST"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S*", "TIME"),
    (r"http://[\d.:]+", "ADDRESS"),
    (r"\bversion \d+ of\b", "VERSION of"),
    (r"\b\d+(?:\.\d+)? ?(?:s|ms|m|h|B|kB|MB)\b(?: \d+s)?(?: ago)?", "LENGTH"),
    (r"/tmp/\S+", "FOLDER"),
    (r"[ ─━]+", " "),
]


def normal(line: str) -> str:
    """A line without what differs from run to run.

    >>> normal("d-0123ABCDE  shop/web  Succeeded  2026-11-23 14:36:22  7s")
    'DEPLOYMENT shop/web Succeeded TIME LENGTH'
    """
    for pattern, word in _CHANGING:
        line = re.sub(pattern, word, line)
    return line.strip()


def fits(shown: Sequence[str], told: Sequence[str]) -> bool:
    """Whether a command said what is shown.

    >>> fits(["a", "...", "z"], ["a", "b", "c", "z"]), fits(["a"], ["a", "b"])
    (True, False)
    """
    if not shown:
        return not told
    if shown[0] == _ANY:
        return any(fits(shown[1:], told[at:]) for at in range(len(told) + 1))
    return bool(told) and normal(shown[0]) == normal(told[0]) and fits(shown[1:], told[1:])


@dataclass(frozen=True)
class Difference:
    command: str
    shown: tuple[str, ...]
    told: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"$ {self.command}", "is shown with", *self.shown, "and says", *self.told])


def differences(name: str, folder: Path, environment: Mapping[str, str]) -> list[Difference]:
    """Runs the blocks of a name, in the order of the pages, with `stepdeploy` on the path."""
    (folder / "bin").mkdir(exist_ok=True)
    command = folder / "bin" / "stepdeploy"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m cli "$@"\n')
    command.chmod(0o755)
    path = (str(command.parent), str(Path(sys.executable).parent), os.environ["PATH"])  # with our `aws`
    ours = {**os.environ, **environment, "PATH": ":".join(path), "COLUMNS": "120"}
    found: list[Difference] = []
    written: list[tuple[Block, list[str]]] = []
    for block in [each for page in PAGES for each in blocks(page) if each.mark == f"recorded: {name}"]:
        lines: list[str] = []
        for one in block.commands:
            ran = subprocess.run(
                one.text,
                shell=True,
                cwd=folder,
                env=ours,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                stdin=subprocess.DEVNULL,
            )
            told = tuple(line.rstrip() for line in ran.stdout.splitlines())
            is_same = fits(one.output, told)
            lines += [f"$ {one.text}", *(one.output if is_same else told)]
            if not is_same:
                found.append(Difference(str(one), one.output, told))
        written.append((block, lines))
    if IS_RECORDING:
        for block, lines in reversed(written):  # from the end of a page, so that the lines above keep their numbers
            _write(block, lines)
    return [] if IS_RECORDING else found


def _write(block: Block, lines: list[str]) -> None:
    page = block.page.read_text().splitlines()
    fence = page[block.line - 1]
    indentation = fence[: fence.index("`")]
    page[block.line : block.line + len(block.lines)] = [f"{indentation}{line}".rstrip() for line in lines]
    block.page.write_text("\n".join(page) + "\n")

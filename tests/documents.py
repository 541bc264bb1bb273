"""The commands that README.md and docs/ show, with the output below them.

A block of commands is fenced as console, sh or nothing; `$ ` begins a command, a backslash at its end goes on with it.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
_SHELL = ("console", "sh", "bash", "")
_CONTINUES = "\\"
_COMMANDS = ("stepdeploy", "aws", "make", "cdk")
_SEPARATORS = {"|", "||", "&&", ";", ">", ">>", "<"}
_INLINE = re.compile(r"(?<!`)`((?:stepdeploy|make) [^`]+)`(?!`)")


@dataclass(frozen=True)
class Command:
    """A command line of a page, and what is shown below it."""

    page: Path
    line: int
    text: str
    output: tuple[str, ...] = ()
    in_sentence: bool = False

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.text}"

    @property
    def calls(self) -> list[list[str]]:
        """The words of each of our commands in it, also behind a pipe, `proxy --` or an `if`."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars=";&|<>()")
        lexer.whitespace_split = True
        found: list[list[str]] = []
        words: list[str] | None = None
        for word in lexer:
            name = word.removeprefix("bin/")
            if word in _SEPARATORS:
                words = None
            elif words is None and name in _COMMANDS:
                words = [name]
                found.append(words)
            elif words is not None:
                words.append(word)
        return found


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int  # of its first fence, from 1
    kind: str
    lines: tuple[str, ...]  # without the indentation of the fence
    mark: str  # of the HTML comment on the line before it

    @property
    def commands(self) -> list[Command]:
        found: list[Command] = []
        goes_on = False
        for number, line in enumerate(self.lines, self.line + 1):
            if goes_on:
                last = found[-1]
                found[-1] = Command(self.page, last.line, f"{last.text.removesuffix(_CONTINUES)}{line.strip()}")
            elif line.startswith("$ "):
                found.append(Command(self.page, number, line[2:]))
            elif found:
                last = found[-1]
                found[-1] = Command(self.page, last.line, last.text, (*last.output, line))
                continue
            goes_on = bool(found) and line.endswith(_CONTINUES)
        return found


def blocks(page: Path) -> Iterator[Block]:
    mark, began, indentation, kind, lines = "", 0, "", "", list[str]()
    for number, line in enumerate(page.read_text().splitlines(), 1):
        stripped = line.strip()
        if not began and stripped.startswith("```"):
            indentation, kind, began, lines = line[: line.index("`")], stripped[3:], number, []
        elif began and stripped == "```":
            yield Block(page, began, kind, tuple(lines), mark)
            began, mark = 0, ""
        elif began:
            lines.append(line.removeprefix(indentation))
        else:
            found = re.fullmatch(r"<!-- (.*) -->", stripped)
            mark = found[1] if found else ""


def commands() -> list[Command]:
    """All of all pages: of blocks, of a pipeline's `run:` and `script:` steps, and between backquotes in the text."""
    return [each for page in PAGES for each in (*_in_blocks(page), *_in_steps(page), *_in_text(page))]


def _in_blocks(page: Path) -> Iterator[Command]:
    for block in blocks(page):
        if block.kind in _SHELL:
            yield from block.commands


def _in_steps(page: Path) -> Iterator[Command]:
    """Lines of YAML and Groovy that run one of our commands."""
    for block in blocks(page):
        if block.kind in ("yaml", "groovy"):
            for number, line in enumerate(block.lines, block.line + 1):
                if found := re.search(
                    r"(?:^\s*(?:- )?(?:run: |sh ['\"]+|script: )?)((?:bin/)?stepdeploy [^'\"]*.*)$", line
                ):
                    yield Command(page, number, found[1].rstrip("'\""))


def _in_text(page: Path) -> Iterator[Command]:
    fenced = {number for each in blocks(page) for number in range(each.line, each.line + len(each.lines) + 2)}
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if number not in fenced:
            for found in _INLINE.finditer(line):
                yield Command(page, number, found[1], in_sentence=True)

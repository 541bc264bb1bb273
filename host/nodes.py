"""The text of an AppSpec as a tree of YAML nodes, which know their places."""

from __future__ import annotations

import re
from typing import Any, Optional, Tuple

from yaml.composer import Composer
from yaml.error import Mark, MarkedYAMLError, YAMLError
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.parser import Parser
from yaml.scanner import Scanner

from host.appspec import AppSpecError, Problem

NULL, INT, FLOAT, BOOL, _TEXT, _MAPPING, _SEQUENCE = (
    f"tag:yaml.org,2002:{name}" for name in ("null", "int", "float", "bool", "str", "map", "seq")
)
_WORDS = frozenset(("yes", "no", "true", "false", "on", "off", "null"))  # which YAML 1.1 does not take for texts
_NO_LETTERS = frozenset("+-.0123456789=<!&*~")  # what begins all else that it does not,
_OF_TEXTS = frozenset("/ghjklmopqrsuvwy")  # and what nothing of that has in it
MAX_CHARACTERS = 256 * 1024  # of an AppSpec: a real one has a few thousand
_MAX_DEPTH = 100  # of brackets and braces: to find the end of a key, the scanner looks at all of those that are open
_UNUSUAL = "[^\t\n\r -~]"  # beyond what every AppSpec may hold
_BREAK = "\r\n|[\n\r\x85\u2028\u2029]"  # what ends a line, as YAML counts them
_CONFLICT = r"(<{7}|>{7})( |$)"  # what git leaves at the sides of a conflict
_OPENED = r"\s*(?:- +)*(?:[\w.-]+:\s+)?([\"'])"  # a quote where a value begins


class _Text:
    """PyYAML's Reader of a text in memory. To compile what that one checks it by takes longer than to read an AppSpec,
    so it is imported for texts alone that have more than ASCII."""

    encoding = None

    def __init__(self, text: str) -> None:
        if re.search(_UNUSUAL, text):
            from yaml.reader import Reader

            Reader(text)  # raises for characters that YAML does not allow
        self.buffer = text + "\0"
        self.index = self.line = self.column = 0

    def peek(self, index: int = 0) -> str:
        return self.buffer[self.index + index]

    def prefix(self, length: int = 1) -> str:
        return self.buffer[self.index : self.index + length]

    def forward(self, length: int = 1) -> None:
        for _ in range(length):
            character = self.buffer[self.index]
            self.index += 1
            if character in "\n\x85\u2028\u2029" or (character == "\r" and self.buffer[self.index] != "\n"):
                self.line += 1
                self.column = 0
            elif character != "\ufeff":
                self.column += 1

    def get_mark(self) -> Mark:
        return Mark("<unicode string>", self.index, self.line, self.column, self.buffer, self.index)


class _Tags:
    """PyYAML's Resolver, which is asked only for what a look cannot tell: to compile its expressions takes longer than
    to read an AppSpec."""

    def descend_resolver(self, node: Any, index: Any) -> None: ...

    def ascend_resolver(self) -> None: ...

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is not ScalarNode:
            return _MAPPING if kind is MappingNode else _SEQUENCE
        if implicit[0] and not value:
            return NULL
        if not implicit[0] or _is_text(value.lower()):
            return _TEXT
        whole, point, part = value.partition(".")
        if (whole + part).isdigit() and value.isascii() and whole[:1].isdigit():
            if point:
                return FLOAT
            if value == "0" or value[0] != "0":
                return INT
        from yaml.resolver import Resolver

        resolver: Any = Resolver()
        return str(resolver.resolve(kind, value, implicit))


def _is_text(lowered: str) -> bool:
    """Whether that is sure at first sight."""
    return lowered not in _WORDS if lowered[0] not in _NO_LETTERS else not _OF_TEXTS.isdisjoint(lowered)


class _Nodes(_Text, Scanner, Parser, Composer, _Tags):
    """PyYAML as far as the tree of nodes: what builds objects of them is neither needed nor imported."""

    def __init__(self, text: str) -> None:
        _Text.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)

    def fetch_flow_collection_start(self, kind: Any) -> None:
        if self.flow_level >= _MAX_DEPTH:
            raise RecursionError
        super().fetch_flow_collection_start(kind)


def compose(text: str, name: str) -> Tuple[Node, Any]:
    """The first document as a tree of nodes, which know their places; nothing is constructed, aliases stay aliases.

    And the mark where a second one begins, None without one.
    """
    if len(text) > MAX_CHARACTERS:
        raise AppSpecError(
            [Problem(1, 1, "", f"has {len(text)} characters, at most {MAX_CHARACTERS} are allowed")], name
        )
    node: Optional[Node] = None
    try:
        loader = _Nodes(text)
        if loader.check_node():
            node = loader.get_node()
    except MarkedYAMLError as error:
        raise AppSpecError([_explained(text, error)], name) from error
    except YAMLError as error:
        raise AppSpecError([Problem(1, 1, "", f"is not YAML: {error}".replace("\n", " "))], name) from error
    except (ValueError, OverflowError) as error:  # PyYAML on "\UFFFFFFFF" and on endless version numbers
        raise AppSpecError([Problem(1, 1, "", f"is not YAML: {error}")], name) from error
    except RecursionError as error:
        raise AppSpecError([Problem(1, 1, "", "is nested too deeply")], name) from error
    if node is None or node.tag == NULL:
        raise AppSpecError([Problem(1, 1, "", "is empty: at least version and os are needed")], name)
    peek: Any = loader.peek_event
    try:
        return node, peek().start_mark if loader.check_node() else None
    except (YAMLError, ValueError, OverflowError, RecursionError):  # who reads only the first document never sees it
        return node, node.end_mark


def _explained(text: str, error: MarkedYAMLError) -> Problem:
    """What YAML says of a mistake that people make is often far from it: first look for those."""
    mark: Any = error.problem_mark or error.context_mark
    begin: Any = error.context_mark or mark
    lines = re.split(_BREAK, text)
    conflict = next((number for number, line in enumerate(lines, 1) if re.match(_CONFLICT, line)), 0)
    if conflict:
        what = "a merge conflict was not resolved: choose one side, and remove the lines <<<<<<<, ======= and >>>>>>>"
        return Problem(conflict, 1, "", f"is not YAML: {what}")
    if mark is None:
        return Problem(1, 1, "", f"is not YAML: {error.problem}")
    for number, line in enumerate(lines[begin.line : mark.line + 1], begin.line + 1):
        indentation = line[: len(line) - len(line.lstrip(" \t"))]
        if "\t" in indentation and line.strip():
            what = "a tab indents this line: use spaces only"
            return Problem(number, indentation.index("\t") + 1, "", f"is not YAML: {what}")
    for number, line in enumerate(lines[: mark.line + 1], 1):
        opened = re.match(_OPENED, line)
        if opened and not _closes(opened[1], line[opened.end() :]):
            closing = next((n for n, each in enumerate(lines[number:], number) if _closes(opened[1], each)), None)
            if closing in (None, mark.line):  # at the next value's quote: YAML stumbles over what follows that
                what = f"the quote {opened[1]} that opens here is not closed in its line: close it after the value"
                return Problem(number, opened.end(), "", f"is not YAML: {what}")
    what = "; ".join(part for part in (error.context, error.problem) if part)
    return Problem(mark.line + 1, mark.column + 1, "", f"is not YAML: {what}")


def _closes(quote: str, rest: str) -> bool:
    """Whether what follows an opening quote has a closing one."""
    return quote in (re.sub(r"\\.", "", rest) if quote == '"' else rest)

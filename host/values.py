"""Values of an AppSpec, whatever they are of: texts, paths, lists and mappings, each with its place in the file."""

from __future__ import annotations

import posixpath
import re
from typing import Any, Dict, Iterable, List, Optional, Tuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from host.appspec import AppSpecError, Problem
from host.forms import BLANKS, unexpanded
from host.nodes import NULL

MAX_VALUES = 50_000  # read, aliases followed: more than MAX_CHARACTERS can hold without any
MAX_MERGES = 50  # within each other
MAX_NAME_BYTES = 255  # of one part of a path, as file systems have it
MAX_TOLD = 100  # problems, and warnings: who has more made one mistake a hundred times
MAX_MESSAGE = 500  # characters of one
_STRIPPED = ("location", "object")  # paths without the blanks around them, as the agent takes them
_TYPOGRAPHIC = "\u201c\u201d\u201e\u2018\u2019\u201a"  # quotes that word processors make
Entries = Dict[str, Tuple[Node, Node]]  # of a mapping: the node of each key, and of its value


class Values:
    """Turns nodes into values; collects what is wrong instead of stopping."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values = 0
        self.problems: List[Problem] = []
        self.warnings: List[Problem] = []
        self._merging: List[Node] = []

    def _inside(self, entries: Entries, key: str, field: str) -> Optional[str]:
        """A path below the archive's root, where / and ./ both mean that root; "" is the root."""
        value = self._path(entries, key, field)
        if value is None:
            return None
        path = posixpath.normpath("./" + value.lstrip("/"))
        if path == ".." or path.startswith("../"):
            self._refuse(entries[key][1], f"{field}.{key}", f"{value!r} leads out of the revision")
            return None
        return "" if path == "." else path

    def _absolute(self, entries: Entries, key: str, field: str) -> Optional[str]:
        value = self._path(entries, key, field)
        if value is None:
            return None
        if any(len(part.encode()) > MAX_NAME_BYTES for part in value.split("/")):
            what = f"has a name longer than {MAX_NAME_BYTES} bytes, which no file system takes: {value!r}"
            self._refuse(entries[key][1], f"{field}.{key}", what)
        meant = unexpanded(value) or unexpanded(value.lstrip(BLANKS))
        if meant or value.startswith(tuple(BLANKS)) or re.match(r"(\./+)*\.\.(/|$)", value):
            what = f"{value!r}: {meant or 'this is not below any folder that is known: write it from / on'}"
            self._refuse(entries[key][1], f"{field}.{key}", what)
        elif not value.startswith("/"):
            self._warn(entries[key][1], f"{field}.{key}", f"{value!r} is not absolute: taken below /")
        return posixpath.normpath("/" + value.lstrip("/"))

    def _path(self, entries: Entries, key: str, field: str) -> Optional[str]:
        value = self._optional(entries, key, field)
        if value is None or value == "" or (key in _STRIPPED and not value.strip(BLANKS)):
            if key in entries:
                self._refuse(entries[key][1], f"{field}.{key}", f"has no {key} value: give a path")
            return None
        return value.strip(BLANKS) if key in _STRIPPED else value

    def _mapping(
        self, node: Node, field: str, known: Optional[Tuple[str, ...]], *, required: Tuple[str, ...] = ()
    ) -> Entries:
        """Key to key node and value node; a key that is not `known` gives a warning only; without `known` all are."""
        if not isinstance(node, MappingNode):
            keys = f" with the keys {', '.join(known)}" if known else ""
            remedy = ": leave out the - before its names" if isinstance(node, SequenceNode) and not known else ""
            self._refuse(node, field, f"must be a mapping{keys}, not {kind_of(node)}{remedy}")
            return {}
        entries = self._merged(node, field)
        for key in entries:
            if known and key not in known and key != "role" and len(self.warnings) < MAX_TOLD:
                self._warn(entries[key][0], f"{field}.{key}" if field else key, f"is ignored{nearest(key, known)}")
        for key in required:
            if key not in entries:
                other = next((each for each in entries if each.lower() == key.lower()), "")
                remedy = f": write {key}, not {other}" if other else ""
                self._refuse(node, f"{field}.{key}" if field else key, f"is missing: has no {key} value{remedy}")
        return entries

    def _merged(self, node: MappingNode, field: str) -> Entries:
        entries: Entries = {}
        inherited: Entries = {}
        for key, value in node.value:
            self._count(key)
            if key.tag == "tag:yaml.org,2002:merge":
                for part in value.value if isinstance(value, SequenceNode) else [value]:
                    self._count(part)
                    if len(self._merging) == MAX_MERGES:
                        self._refuse(key, field, f"merges mappings more than {MAX_MERGES} deep")
                    elif isinstance(part, MappingNode) and part not in self._merging:
                        self._merging.append(part)
                        inherited = {**self._merged(part, field), **inherited}
                        self._merging.pop()
                continue
            name = self._text(key, field) or ""
            if name in entries:
                self._warn(key, f"{field}.{name}" if field else name, "is given twice: the last one counts")
            entries[name] = (key, value)
        return {**inherited, **entries}

    def _list(self, entries: Entries, key: str, field: str) -> List[Tuple[Node, str]]:
        """The items of a list and their places; absent and null are an empty list."""
        if key not in entries or entries[key][1].tag == NULL:
            return []
        node, field = entries[key][1], f"{field}.{key}" if field else key
        if not isinstance(node, SequenceNode):
            self._refuse(node, field, f"must be a list, not {kind_of(node)}: begin each of its entries with -")
            return []
        for item in node.value:
            self._count(item)
        return [(item, f"{field}[{index}]") for index, item in enumerate(node.value)]

    def _texts(self, node: Node, field: str) -> List[str]:
        value = self._text(node, field)
        return [] if value is None else [value]

    def _optional(self, entries: Entries, key: str, field: str) -> Optional[str]:
        return self._text(entries[key][1], f"{field}.{key}") if key in entries else None

    def _text(self, node: Node, field: str) -> Optional[str]:
        """A scalar as it is written (so that 0644 and 0.0 stay what they are); None for null."""
        if not isinstance(node, ScalarNode):
            self._refuse(node, field, f"must be a single value, not {kind_of(node)}")
            return None
        if any(each == "\0" or "\ud800" <= each <= "\udfff" for each in node.value):
            self._refuse(node, field, "has a NUL character or half a surrogate pair, which no path or name can have")
            return None
        if node.value.startswith(tuple(_TYPOGRAPHIC)):
            self._refuse(node, field, f"{node.value!r} has a typographic quote: write \" or '")
            return None
        return None if node.tag == NULL else str(node.value)

    def _count(self, node: Node) -> None:
        """Aliases make a small file large, and merges make it exponential: bound what is read, not what is written."""
        self._values += 1
        if self._values > MAX_VALUES:
            self._refuse(node, "", f"has more than {MAX_VALUES} values, aliases followed")
            raise AppSpecError(self.problems, self._name)

    def _refuse(self, node: Node, field: str, message: str) -> None:
        """Of two problems of one value, the first says it."""
        problem = problem_at(node, field, message)
        if any((p.line, p.column, p.field) == (problem.line, problem.column, problem.field) for p in self.problems):
            return
        self.problems.append(problem)
        if len(self.problems) == MAX_TOLD:
            raise AppSpecError(self.problems, self._name)

    def _warn(self, node: Node, field: str, message: str) -> None:
        if len(self.warnings) < MAX_TOLD:
            self.warnings.append(problem_at(node, field, message))


def problem_at(node: Node, field: str, message: str) -> Problem:
    mark: Any = node.start_mark
    return Problem(mark.line + 1, mark.column + 1, printable(field), printable(message))


def printable(text: str) -> str:
    """On one line and not too long, whatever of the file is in it.

    >>> printable("hooks.a\\nb")
    'hooks.a\\\\nb'
    """
    half = MAX_MESSAGE // 2
    short = text if len(text) <= MAX_MESSAGE else text[:half] + "..." + text[-half:]
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in short)


def kind_of(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, SequenceNode) else f"{node.value!r}"


def nearest(name: str, known: Iterable[str]) -> str:
    other = next((each for each in known if each.lower() == name.lower()), "")
    if other:
        return f": write {other}, names are case-sensitive"
    import difflib  # only here: most files have nothing to correct

    near = difflib.get_close_matches(name, list(known), n=1)
    return f": did you mean {near[0]}?" if near else ""

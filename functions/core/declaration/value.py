"""A value of the file, with its place: reading it notes what is wrong with it."""

import json
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

import yaml

from functions.core.errors import InvalidInput
from functions.core.text.names import ALLOWED, is_name


@dataclass(frozen=True, slots=True)
class Problem:
    at: tuple[int, int]  # line and column, from 1
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.at[0]}:{self.at[1]}: {f'{self.path}: ' if self.path else ''}{self.text}"


_Word = TypeVar("_Word", bound=StrEnum)
_Made = TypeVar("_Made")


class Value:
    """One value of the file. Reading it as the wrong kind notes a problem and answers with a stand-in, so that one
    run finds every problem; `load` throws the stand-ins away."""

    def __init__(self, node: yaml.Node, path: str, problems: list[Problem], key: yaml.Node | None = None) -> None:
        self.node, self.path, self.problems = node, path, problems
        self._key = key  # where a complaint about the key itself points

    def refuse(self, text: str) -> None:
        self._note(self.node, self.path, text)

    def made(self, make: Callable[[], _Made]) -> _Made | None:
        """What `make` makes of this value; None where that refuses it (InvalidInput)."""
        try:
            return make()
        except InvalidInput as error:
            self.refuse(str(error))
            return None

    def refuse_key(self, text: str) -> None:
        self._note(self._key or self.node, self.path, text)

    def _note(self, node: yaml.Node, path: str, text: str) -> None:
        self.problems.append(Problem((node.start_mark.line + 1, node.start_mark.column + 1), path, text))

    def _below(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def members(self) -> "dict[str, Value]":
        """A mapping by its keys. `<<` merges as in YAML 1.1: the mapping's own keys win."""
        if not isinstance(self.node, yaml.MappingNode):
            self.refuse(f"{self.shown} is not a mapping of keys to values")
            return {}
        merged: dict[str, Value] = {}
        own: dict[str, Value] = {}
        for key, value in self.node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for source in sources:
                    merged = Value(source, self.path, self.problems).members() | merged
            elif not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                shown = Value(key, self.path, self.problems).shown
                self._note(key, self.path, f"the key {shown} is not a text: quote it")
            elif key.value in own:
                self._note(key, self._below(key.value), "this key is there twice")
            else:
                own[key.value] = Value(value, self._below(key.value), self.problems, key)
        return merged | own

    def known(self, *names: str, required: Collection[str] = ()) -> "dict[str, Value]":
        """A mapping that may have only these keys."""
        members = self.members()
        for key in [key for key in members if key not in names]:
            members.pop(key).refuse_key(f"unknown key{did_you_mean(key, names)}")
        if isinstance(self.node, yaml.MappingNode):
            for key in required:
                if key not in members:
                    self.refuse(f"{key} is missing")
        return members

    def items(self, *, most: int | None = None) -> "list[Value]":
        if not isinstance(self.node, yaml.SequenceNode):
            self.refuse(f"{self.shown} is not a list")
            return []
        if most is not None and len(self.node.value) > most:
            self.refuse(f"{len(self.node.value)} entries: at most {most} are allowed")
        return [Value(node, f"{self.path}[{index}]", self.problems) for index, node in enumerate(self.node.value)]

    def text(self, *, shortest: int = 1, longest: int) -> str:
        if not self._is("str"):
            hint = "quote a text that begins with #" if self._is("null") else "quote it"
            self.refuse(f"{self.shown} is not a text: {hint}" if self._is_scalar else f"{self.shown} is not a text")
            return ""
        if not shortest <= len(self.node.value) <= longest:
            self.refuse(f"{len(self.node.value)} characters: give {shortest} to {longest}")
        return str(self.node.value)

    def flag(self) -> bool:
        if not self._is("bool"):
            self.refuse(f"{self.shown} is not true or false")
        return self._is_scalar and self.node.value.lower() in ("true", "yes", "on")

    def number(self) -> int | None:
        if self._is("int") and re.fullmatch("-?(0|[1-9][0-9]*)", self.node.value):
            return int(self.node.value)
        return None

    def decimal(self) -> float:
        """A number, whole or not."""
        given = self.node.value if self._is("int") or self._is("float") else ""
        if not re.fullmatch(r"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?", given):
            self.refuse(f"{self.shown} is not a number")
            return 0.0
        return float(given)

    def name(self, longest: int = 100) -> str:
        """A text that is a name."""
        found = self.text(longest=longest)
        if found and not is_name(found):
            self.refuse(f"{self.shown} is not a name: give {ALLOWED}")
        return found

    def word(self, words: type[_Word]) -> _Word:
        found = self.node.value if self._is_scalar else None
        if found not in set(words):
            allowed = ", ".join(sorted(words))
            self.refuse(f"{self.shown} is not one of {allowed}{did_you_mean(found, list(words), says_all=True)}")
            return next(iter(words))
        return words(found)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    @property
    def word_as_written(self) -> str:
        """The text of what is neither a mapping nor a list."""
        return str(self.node.value) if self._is_scalar else ""

    @property
    def _is_scalar(self) -> bool:
        return isinstance(self.node, yaml.ScalarNode)

    def _is(self, kind: str) -> bool:
        return self._is_scalar and self.node.tag == f"tag:yaml.org,2002:{kind}"

    @property
    def shown(self) -> str:
        """The value as a message shows it."""
        if isinstance(self.node, yaml.MappingNode):
            return "a mapping"
        if isinstance(self.node, yaml.SequenceNode):
            return "a list"
        if self._is("null"):
            return "nothing"
        value = str(self.node.value)
        return json.dumps(value, ensure_ascii=False) if self._is("str") else value


def did_you_mean(given: str | None, known: Iterable[str], *, says_all: bool = False) -> str:
    by_folded = {_folded(name): name for name in known}
    wanted = _folded(given or "")
    ends_so = [name for name in by_folded if wanted and name.endswith(f".{wanted}")]  # without CodeDeployDefault.
    if close := ends_so or get_close_matches(wanted, list(by_folded), n=1):
        return f': did you mean "{by_folded[close[0]]}"?'
    return "" if says_all else f": known are {', '.join(sorted(by_folded.values()))}"


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")

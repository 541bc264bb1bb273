"""The grammar, defaults and limits of an AppSpec file. Pure: text in, a value out.

Source: CodeDeploy User Guide, "AppSpec file reference" (structure, files, permissions, hooks); where the guide is
silent, aws-codedeploy-agent, lib/instance_agent/plugins/codedeploy/application_specification. Unlike the agent, which
stops at the first error, all problems of a file are reported together, each with its line and column.
"""

from __future__ import annotations

import math
import posixpath
import re
from typing import Any, Dict, Iterable, List, Optional, Tuple

from yaml.composer import Composer
from yaml.error import Mark, MarkedYAMLError, YAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.resolver import Resolver
from yaml.scanner import Scanner

from host.appspec import (
    DEFAULT_NAME,
    EVENT_SECONDS,
    AclEntry,
    AppSpec,
    AppSpecError,
    FileExistsBehavior,
    FileMapping,
    Hook,
    ObjectType,
    Permission,
    Problem,
    SecurityContext,
)
from host.forms import BLANKS, unexpanded
from host.lifecycle import WITHOUT_HOOKS, LifecycleEvent

MAX_CHARACTERS = 256 * 1024  # of an AppSpec: a real one has a few thousand
MAX_VALUES = 50_000  # read, aliases followed: more than MAX_CHARACTERS can hold without any
MAX_MERGES = 50  # within each other
MAX_NAME_BYTES = 255  # of one part of a path, as file systems have it
MAX_TOLD = 100  # problems, and warnings: who has more made one mistake a hundred times
MAX_MESSAGE = 500  # characters of one
_INT, _FLOAT, _NULL, _BOOL = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "null", "bool"))
_TOP_KEYS = ("version", "os", "hooks", "files", "permissions", "file_exists_behavior")
# Patterns are compiled where they are used first: most AppSpecs need few of them, and a host waits for it.
_ACCOUNT_NAME = r"[^-\s/:][^\s/:]*"  # of a user or group; never something that su reads as an option
_STRIPPED = ("location", "object")  # paths without the blanks around them, as the agent takes them
_MODE = r"[0-7]{1,4}"
_UNUSUAL = "[^\t\n\r -~]"  # beyond what every AppSpec may hold
_ACL_KINDS = {"u": "user", "user": "user", "g": "group", "group": "group"}
_ACL_KINDS.update({"m": "mask", "mask": "mask", "o": "other", "other": "other"})
_CATEGORIES = r"c[0-9]{1,6}(?:\.c[0-9]{1,6})?"
_RANGE = rf"s([0-9]{{1,6}})(?:-s([0-9]{{1,6}}))?(?::({_CATEGORIES}(?:,{_CATEGORIES})*))?"
_MAX_CATEGORY = 1023
_BREAK = "\r\n|[\n\r\x85\u2028\u2029]"  # what ends a line, as YAML counts them
_CONFLICT = r"(<{7}|>{7})( |$)"  # what git leaves at the sides of a conflict
_OPENED = r"\s*(?:- +)*(?:[\w.-]+:\s+)?([\"'])"  # a quote where a value begins
_TYPOGRAPHIC = "\u201c\u201d\u201e\u2018\u2019\u201a"  # quotes that word processors make
_DURATION = r"(?i)(\d+)\s*(s|m|h)[a-z]*"
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def parse(text: str, name: str = DEFAULT_NAME) -> AppSpec:
    """`name` is what messages call the file. Raises AppSpecError.

    >>> parse("version: 0.0\\nos: linux\\nfiles: [{source: /, destination: /srv/app}]").files
    (FileMapping(source='', destination='/srv/app'),)
    """
    reader = _Reader(name)
    root, second = _compose(text, name)
    spec = reader.spec(root, second, starts_with_mark=text.startswith("\ufeff"))
    if reader.problems:
        raise AppSpecError(reader.problems, name)
    return spec


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


class _Nodes(_Text, Scanner, Parser, Composer, Resolver):
    """PyYAML as far as the tree of nodes: what builds objects of them is neither needed nor imported."""

    def __init__(self, text: str) -> None:
        _Text.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        Resolver.__init__(self)


def _compose(text: str, name: str) -> Tuple[Node, Any]:
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
    if node is None or node.tag == _NULL:
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


_Entries = Dict[str, Tuple[Node, Node]]


class _Reader:
    """Turns nodes into values; collects what is wrong instead of stopping."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values = 0
        self.problems: List[Problem] = []
        self.warnings: List[Problem] = []
        self._merging: List[Node] = []

    def spec(self, root: Node, second: Any, *, starts_with_mark: bool) -> AppSpec:
        """`second` is the mark of a second document."""
        if starts_with_mark:
            self._warn(root, "", "begins with a byte-order mark, which the CodeDeploy agent refuses")
        if second is not None:
            what = "a second YAML document begins here, which is ignored: move what it says into the first"
            self.warnings.append(Problem(second.line + 1, second.column + 1, "", what))
        self._refuse_other_platforms(root)
        entries = self._mapping(root, "", _TOP_KEYS, required=("version", "os"))
        self._version(entries)
        self._os(entries)
        hooks = self._hooks(entries)
        return AppSpec(
            files=tuple(f for n, p in self._list(entries, "files", "") for f in self._file(n, p)),
            permissions=tuple(f for n, p in self._list(entries, "permissions", "") for f in self._permission(n, p)),
            hooks=hooks,
            file_exists_behavior=self._behavior(entries),
            warnings=tuple(self.warnings),
        )

    def _refuse_other_platforms(self, root: Node) -> None:
        """An AppSpec for Lambda or ECS has Resources, and no os: everything else in it means something else, too."""
        pairs = root.value if isinstance(root, MappingNode) else ()
        keys = {key.value: key for key, _ in pairs if isinstance(key, ScalarNode)}
        if "Resources" in keys and "os" not in keys:
            what = "belongs to an AppSpec for Lambda or ECS; one for EC2 and on-premises hosts has os, files and hooks"
            raise AppSpecError([_problem(keys["Resources"], "Resources", what)], self._name)

    def _version(self, entries: _Entries) -> None:
        if "version" not in entries:
            return
        node = entries["version"][1]
        value = self._text(node, "version")
        if value is None or re.fullmatch(r"[+-]?0+(\.0*)?", value) is None:
            self._refuse(node, "version", f"invalid version value ({value}): the only version is 0.0")
        elif node.tag not in (_INT, _FLOAT):
            self._warn(node, "version", "is quoted, which the CodeDeploy agent refuses: write 0.0")

    def _os(self, entries: _Entries) -> None:
        if "os" in entries:
            node = entries["os"][1]
            value = self._text(node, "os")
            if value != "linux":
                self._refuse(node, "os", f"unsupported operating system ({value}): only linux is supported")

    def _behavior(self, entries: _Entries) -> Optional[FileExistsBehavior]:
        if "file_exists_behavior" not in entries:
            return None
        node = entries["file_exists_behavior"][1]
        value = self._text(node, "file_exists_behavior")
        allowed = [behavior.value for behavior in FileExistsBehavior]
        if value not in allowed:
            what = f"invalid file_exists_behavior value ({value}): allowed are {', '.join(allowed)}"
            self._refuse(node, "file_exists_behavior", what)
            return None
        return FileExistsBehavior(value)

    def _file(self, node: Node, field: str) -> List[FileMapping]:
        entries = self._mapping(node, field, ("source", "destination"), required=("source", "destination"))
        source = self._inside(entries, "source", field)
        for key in ("source", "destination"):
            value = entries[key][1].value if key in entries else ""
            if isinstance(value, str) and value.strip(BLANKS) != value:
                what = f"{value!r}: the spaces around it belong to the name, as with the CodeDeploy agent"
                self._warn(entries[key][1], f"{field}.{key}", what)
        destination = self._absolute(entries, "destination", field)
        return [] if source is None or destination is None else [FileMapping(source, destination)]

    def _permission(self, node: Node, field: str) -> List[Permission]:
        known = ("object", "pattern", "except", "type", "owner", "group", "mode", "acls", "context")
        entries = self._mapping(node, field, known, required=("object",))
        target = self._absolute(entries, "object", field)
        permission = Permission(
            object=target or "/",
            pattern=self._pattern(entries, field),
            exceptions=tuple(t for n, p in self._list(entries, "except", field) for t in self._child(n, p)),
            types=tuple(t for n, p in self._list(entries, "type", field) for t in self._type(n, p))
            or (ObjectType.FILE, ObjectType.DIRECTORY),
            owner=self._account(entries, "owner", field),
            group=self._account(entries, "group", field),
            mode=self._mode(entries, field),
            acls=tuple(t for n, p in self._list(entries, "acls", field) for t in self._acl(n, p)),
            context=self._context(entries, field),
            place=field,
        )
        return [] if target is None else [permission]

    def _pattern(self, entries: _Entries, field: str) -> str:
        value = self._optional(entries, "pattern", field)
        if value is None or value == "":
            return "**"
        if value != "**":
            self._child(entries["pattern"][1], f"{field}.pattern")
        return value

    def _child(self, node: Node, field: str) -> List[str]:
        """A glob of direct children."""
        values = self._texts(node, field)
        if any("/" in value for value in values):
            what = f"{values[0]!r} matches nothing, because it has a slash: it is held against names of direct children"
            self._warn(node, field, what)
        return values

    def _type(self, node: Node, field: str) -> List[ObjectType]:
        value = self._text(node, field)
        if value in [kind.value for kind in ObjectType]:
            return [ObjectType(value)]
        self._refuse(node, field, f"{value!r} is not a type: allowed are file and directory")
        return []

    def _mode(self, entries: _Entries, field: str) -> Optional[int]:
        value = self._optional(entries, "mode", field)
        if value is None:
            return None
        node, field = entries["mode"][1], f"{field}.mode"
        if re.fullmatch(_MODE, value) is None:
            self._refuse(node, field, f"{value!r} is not a mode: one to four octal digits are allowed, such as 755")
            return None
        if node.tag == _INT and value.startswith("0") and value.strip("0"):
            agent = f"the CodeDeploy agent reads an unquoted {value} as {int(value, 8)}"
            self._warn(node, field, f"is taken as octal {value}; {agent}: leave out the leading zero")
        return int(value, 8)

    def _acl(self, node: Node, field: str) -> List[AclEntry]:
        value = self._text(node, field) or ""
        parts = value.split(":")
        default = len(parts) > 1 and parts[0] in ("d", "default")
        rest = parts[1:] if default else parts
        if len(rest) == 2:
            rest = [rest[0], "", rest[1]] if _ACL_KINDS.get(rest[0]) in ("mask", "other") else ["user", *rest]
        kind = _ACL_KINDS.get(rest[0]) if len(rest) == 3 else None
        if kind is None:
            form = "[default:](user|group|mask|other):[name]:permissions or name:permissions"
            self._refuse(node, field, f"Invalid acl entry {value!r}: the form is {form}")
            return []
        name, permissions = rest[1], _acl_permissions(rest[2])
        if permissions is None:
            self._refuse(node, field, f"Invalid acl entry {value!r}: permissions are letters of rwx- or a digit 0-7")
        elif kind in ("mask", "other") and name:
            self._refuse(node, field, f"Invalid acl entry {value!r}: {kind} takes no name")
        elif not name and not default and kind != "mask":
            self._refuse(node, field, f"Invalid acl entry {value!r}: without a name, use mode instead of an acl")
        elif name and re.fullmatch(_ACCOUNT_NAME, name) is None:
            self._refuse(node, field, f"Invalid acl entry {value!r}: {name!r} is not a name")
        else:
            return [AclEntry(kind, name, permissions, default)]
        return []

    def _context(self, entries: _Entries, field: str) -> Optional[SecurityContext]:
        if "context" not in entries or entries["context"][1].tag == _NULL:
            return None
        field = f"{field}.context"
        found = self._mapping(entries["context"][1], field, ("user", "name", "type", "range"), required=("type",))
        if "role" in found:
            self._refuse(found["role"][0], f"{field}.role", "is not supported: allowed are user, type and range")
        values = {key: self._label(found, key, field) for key in ("user", "name", "type")}
        level = self._optional(found, "range", field)
        if level is not None:
            error = _range_error(level)
            if error:
                self._refuse(found["range"][1], f"{field}.range", f"{level!r}: {error}")
        return SecurityContext(values["type"] or "", values["user"] or values["name"], level)

    def _label(self, entries: _Entries, key: str, field: str) -> Optional[str]:
        value = self._optional(entries, key, field)
        if value is not None and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value) is None:
            self._refuse(entries[key][1], f"{field}.{key}", f"{value!r} is not an SELinux name")
        return value

    def _hooks(self, entries: _Entries) -> Dict[LifecycleEvent, Tuple[Hook, ...]]:
        if "hooks" not in entries or entries["hooks"][1].tag == _NULL:
            return {}
        names = [event.value for event in LifecycleEvent]
        hooks = {}
        events = self._mapping(entries["hooks"][1], "hooks", None)
        for name, (key, _) in events.items():
            field = f"hooks.{name}"
            if name not in names:
                allowed = ", ".join(e.value for e in LifecycleEvent if e not in WITHOUT_HOOKS)
                hint = _nearest(name, names)
                self._refuse(key, field, f"unknown lifecycle event{hint}; events with hooks are {allowed}")
                continue
            if LifecycleEvent(name) in WITHOUT_HOOKS:
                self._warn(key, field, "cannot be scripted: its scripts are never run")
            found = [(n, h) for n, p in self._list(events, name, "hooks") for h in self._hook(n, p)]
            # A script without a timeout of its own has what the others leave: only stated timeouts count.
            stated = sum(hook.timeout for _, (hook, has_timeout) in found if has_timeout)
            if stated > EVENT_SECONDS:
                self._refuse(
                    key, field, f"its timeouts add up to {stated} seconds, at most {EVENT_SECONDS} are allowed"
                )
            hooks[LifecycleEvent(name)] = tuple(hook for _, (hook, _) in found)
        return hooks

    def _hook(self, node: Node, field: str) -> List[Tuple[Hook, bool]]:
        """The hook, and whether it states a timeout."""
        entries = self._mapping(node, field, ("location", "timeout", "runas", "sudo"), required=("location",))
        location = self._inside(entries, "location", field)
        if location == "":
            self._refuse(entries["location"][1], f"{field}.location", "names the revision's root, not a script")
        timeout = self._timeout(entries, field)
        runas = self._account(entries, "runas", field)
        sudo = self._optional(entries, "sudo", field)
        if sudo is not None and entries["sudo"][1].tag != _BOOL:
            self._refuse(entries["sudo"][1], f"{field}.sudo", f"{sudo!r} is neither true nor false")
        if not location:
            return []
        as_written = entries["location"][1].value.strip(BLANKS)
        is_sudo = (sudo or "").lower() in ("true", "yes", "on")
        return [(Hook(as_written, timeout or EVENT_SECONDS, runas, is_sudo), timeout is not None)]

    def _timeout(self, entries: _Entries, field: str) -> Optional[int]:
        value = self._optional(entries, "timeout", field)
        if value is None:
            return None
        minutes, colon, seconds = value.partition(":")
        is_clock = bool(colon) and entries["timeout"][1].tag == _INT  # 5:00 is 300 in YAML 1.1, which the agent reads
        try:
            number = 60.0 * int(minutes) + int(seconds) if is_clock else float(value)
        except ValueError:
            number = math.nan
        if not 1 <= number < math.inf:
            what = f"{value} is not a positive whole number of seconds"
            duration = re.fullmatch(_DURATION, value)
            if duration:
                what += f": write {int(duration[1]) * _SECONDS[duration[2].lower()]}"
            self._refuse(entries["timeout"][1], f"{field}.timeout", what)
            return None
        return int(number)

    def _account(self, entries: _Entries, key: str, field: str) -> Optional[str]:
        value = self._optional(entries, key, field)
        if value is None:
            return None
        if key == "runas":
            value = value.strip(BLANKS)
        kind = "group" if key == "group" else "user"
        if re.fullmatch(_ACCOUNT_NAME, value) is None:
            self._refuse(entries[key][1], f"{field}.{key}", f"{value!r} is not the name of a {kind}")
        elif value.isdigit():
            self._refuse(entries[key][1], f"{field}.{key}", f"{value} is a number: give the {kind}'s name")
        return value

    def _inside(self, entries: _Entries, key: str, field: str) -> Optional[str]:
        """A path below the archive's root, where / and ./ both mean that root; "" is the root."""
        value = self._path(entries, key, field)
        if value is None:
            return None
        path = posixpath.normpath("./" + value.lstrip("/"))
        if path == ".." or path.startswith("../"):
            self._refuse(entries[key][1], f"{field}.{key}", f"{value!r} leads out of the revision")
            return None
        return "" if path == "." else path

    def _absolute(self, entries: _Entries, key: str, field: str) -> Optional[str]:
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

    def _path(self, entries: _Entries, key: str, field: str) -> Optional[str]:
        value = self._optional(entries, key, field)
        if value is None or value == "" or (key in _STRIPPED and not value.strip(BLANKS)):
            if key in entries:
                self._refuse(entries[key][1], f"{field}.{key}", f"has no {key} value: give a path")
            return None
        return value.strip(BLANKS) if key in _STRIPPED else value

    def _mapping(
        self, node: Node, field: str, known: Optional[Tuple[str, ...]], *, required: Tuple[str, ...] = ()
    ) -> _Entries:
        """Key to key node and value node; a key that is not `known` gives a warning only; without `known` all are."""
        if not isinstance(node, MappingNode):
            keys = f" with the keys {', '.join(known)}" if known else ""
            remedy = ": leave out the - before its names" if isinstance(node, SequenceNode) and not known else ""
            self._refuse(node, field, f"must be a mapping{keys}, not {_kind(node)}{remedy}")
            return {}
        entries = self._merged(node, field)
        for key in entries:
            if known and key not in known and key != "role" and len(self.warnings) < MAX_TOLD:
                self._warn(entries[key][0], f"{field}.{key}" if field else key, f"is ignored{_nearest(key, known)}")
        for key in required:
            if key not in entries:
                other = next((each for each in entries if each.lower() == key.lower()), "")
                remedy = f": write {key}, not {other}" if other else ""
                self._refuse(node, f"{field}.{key}" if field else key, f"is missing: has no {key} value{remedy}")
        return entries

    def _merged(self, node: MappingNode, field: str) -> _Entries:
        entries: _Entries = {}
        inherited: _Entries = {}
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

    def _list(self, entries: _Entries, key: str, field: str) -> List[Tuple[Node, str]]:
        """The items of a list and their places; absent and null are an empty list."""
        if key not in entries or entries[key][1].tag == _NULL:
            return []
        node, field = entries[key][1], f"{field}.{key}" if field else key
        if not isinstance(node, SequenceNode):
            self._refuse(node, field, f"must be a list, not {_kind(node)}: begin each of its entries with -")
            return []
        for item in node.value:
            self._count(item)
        return [(item, f"{field}[{index}]") for index, item in enumerate(node.value)]

    def _texts(self, node: Node, field: str) -> List[str]:
        value = self._text(node, field)
        return [] if value is None else [value]

    def _optional(self, entries: _Entries, key: str, field: str) -> Optional[str]:
        return self._text(entries[key][1], f"{field}.{key}") if key in entries else None

    def _text(self, node: Node, field: str) -> Optional[str]:
        """A scalar as it is written (so that 0644 and 0.0 stay what they are); None for null."""
        if not isinstance(node, ScalarNode):
            self._refuse(node, field, f"must be a single value, not {_kind(node)}")
            return None
        if any(each == "\0" or "\ud800" <= each <= "\udfff" for each in node.value):
            self._refuse(node, field, "has a NUL character or half a surrogate pair, which no path or name can have")
            return None
        if node.value.startswith(tuple(_TYPOGRAPHIC)):
            self._refuse(node, field, f"{node.value!r} has a typographic quote: write \" or '")
            return None
        return None if node.tag == _NULL else str(node.value)

    def _count(self, node: Node) -> None:
        """Aliases make a small file large, and merges make it exponential: bound what is read, not what is written."""
        self._values += 1
        if self._values > MAX_VALUES:
            self._refuse(node, "", f"has more than {MAX_VALUES} values, aliases followed")
            raise AppSpecError(self.problems, self._name)

    def _refuse(self, node: Node, field: str, message: str) -> None:
        """Of two problems of one value, the first says it."""
        problem = _problem(node, field, message)
        if any((p.line, p.column, p.field) == (problem.line, problem.column, problem.field) for p in self.problems):
            return
        self.problems.append(problem)
        if len(self.problems) == MAX_TOLD:
            raise AppSpecError(self.problems, self._name)

    def _warn(self, node: Node, field: str, message: str) -> None:
        if len(self.warnings) < MAX_TOLD:
            self.warnings.append(_problem(node, field, message))


def _problem(node: Node, field: str, message: str) -> Problem:
    mark: Any = node.start_mark
    return Problem(mark.line + 1, mark.column + 1, _printable(field), _printable(message))


def _printable(text: str) -> str:
    """On one line and not too long, whatever of the file is in it.

    >>> _printable("hooks.a\\nb")
    'hooks.a\\\\nb'
    """
    half = MAX_MESSAGE // 2
    short = text if len(text) <= MAX_MESSAGE else text[:half] + "..." + text[-half:]
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in short)


def _kind(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, SequenceNode) else f"{node.value!r}"


def _nearest(name: str, known: Iterable[str]) -> str:
    other = next((each for each in known if each.lower() == name.lower()), "")
    if other:
        return f": write {other}, names are case-sensitive"
    import difflib  # only here: most files have nothing to correct

    near = difflib.get_close_matches(name, list(known), n=1)
    return f": did you mean {near[0]}?" if near else ""


def _acl_permissions(text: str) -> Optional[str]:
    """Letters of rwx- or one octal digit, as three letters; None for anything else.

    >>> _acl_permissions("rx"), _acl_permissions("6"), _acl_permissions("rz")
    ('r-x', 'rw-', None)
    """
    if re.fullmatch("[0-7]", text):
        digit = int(text)
        return "".join(letter if digit & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
    if re.fullmatch("[rwx-]*", text):
        return "".join(letter if letter in text else "-" for letter in "rwx")
    return None


def _range_error(text: str) -> str:
    """What is wrong with an SELinux range such as s0-s1:c0.c3,c7; "" when it is right."""
    match = re.fullmatch(_RANGE, text)
    if match is None:
        return "the form is s#[-s#][:c#[.c#][,c#[.c#]]...]"
    low, high, categories = match.groups()
    if high is not None and int(high) < int(low):
        return "the high sensitivity is below the low one"
    seen = set()
    for part in (categories or "").split(","):
        ends = [int(end) for end in re.findall(r"\d+", part)]
        if ends and ends[-1] > _MAX_CATEGORY:
            return f"categories end at c{_MAX_CATEGORY}"
        if ends and ends[-1] < ends[0]:
            return f"the category range {part} runs backwards"
        for category in range(ends[0], ends[-1] + 1) if ends else ():
            if category in seen:
                return f"the category c{category} is given twice"
            seen.add(category)
    return ""

"""The grammar, defaults and limits of an AppSpec file. Pure: text in, a value out.

Source: CodeDeploy User Guide, "AppSpec file reference" (structure, files, permissions, hooks); where the guide is
silent, aws-codedeploy-agent, lib/instance_agent/plugins/codedeploy/application_specification. Unlike the agent, which
stops at the first error, all problems of a file are reported together, each with its line and column.
"""

from __future__ import annotations

import math
import re
from typing import Any, Dict, List, Optional, Tuple

from yaml.nodes import MappingNode, Node, ScalarNode

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
from host.forms import BLANKS
from host.lifecycle import WITHOUT_HOOKS, LifecycleEvent
from host.nodes import BOOL, FLOAT, INT, NULL, compose
from host.values import Entries, Values, nearest, problem_at

_TOP_KEYS = ("version", "os", "hooks", "files", "permissions", "file_exists_behavior")
# Patterns are compiled where they are used first: most AppSpecs need few of them, and a host waits for it.
_ACCOUNT_NAME = r"[^-\s/:][^\s/:]*"  # of a user or group; never something that su reads as an option
_MODE = r"[0-7]{1,4}"
_ACL_KINDS = {"u": "user", "user": "user", "g": "group", "group": "group"}
_ACL_KINDS.update({"m": "mask", "mask": "mask", "o": "other", "other": "other"})
_CATEGORIES = r"c[0-9]{1,6}(?:\.c[0-9]{1,6})?"
_RANGE = rf"s([0-9]{{1,6}})(?:-s([0-9]{{1,6}}))?(?::({_CATEGORIES}(?:,{_CATEGORIES})*))?"
_MAX_CATEGORY = 1023
_DURATION = r"(?i)(\d+)\s*(s|m|h)[a-z]*"
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def parse(text: str, name: str = DEFAULT_NAME) -> AppSpec:
    """`name` is what messages call the file. Raises AppSpecError.

    >>> parse("version: 0.0\\nos: linux\\nfiles: [{source: /, destination: /srv/app}]").files
    (FileMapping(source='', destination='/srv/app'),)
    """
    reader = _Reader(name)
    root, second = compose(text, name)
    spec = reader.spec(root, second, starts_with_mark=text.startswith("\ufeff"))
    if reader.problems:
        raise AppSpecError(reader.problems, name)
    return spec


class _Reader(Values):
    """Turns nodes into what an AppSpec has."""

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
            raise AppSpecError([problem_at(keys["Resources"], "Resources", what)], self._name)

    def _version(self, entries: Entries) -> None:
        if "version" not in entries:
            return
        node = entries["version"][1]
        value = self._text(node, "version")
        if value is None or re.fullmatch(r"[+-]?0+(\.0*)?", value) is None:
            self._refuse(node, "version", f"invalid version value ({value}): the only version is 0.0")
        elif node.tag not in (INT, FLOAT):
            self._warn(node, "version", "is quoted, which the CodeDeploy agent refuses: write 0.0")

    def _os(self, entries: Entries) -> None:
        if "os" in entries:
            node = entries["os"][1]
            value = self._text(node, "os")
            if value != "linux":
                self._refuse(node, "os", f"unsupported operating system ({value}): only linux is supported")

    def _behavior(self, entries: Entries) -> Optional[FileExistsBehavior]:
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

    def _pattern(self, entries: Entries, field: str) -> str:
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

    def _mode(self, entries: Entries, field: str) -> Optional[int]:
        value = self._optional(entries, "mode", field)
        if value is None:
            return None
        node, field = entries["mode"][1], f"{field}.mode"
        if re.fullmatch(_MODE, value) is None:
            self._refuse(node, field, f"{value!r} is not a mode: one to four octal digits are allowed, for example 755")
            return None
        if node.tag == INT and value.startswith("0") and value.strip("0"):
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

    def _context(self, entries: Entries, field: str) -> Optional[SecurityContext]:
        if "context" not in entries or entries["context"][1].tag == NULL:
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

    def _label(self, entries: Entries, key: str, field: str) -> Optional[str]:
        value = self._optional(entries, key, field)
        if value is not None and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value) is None:
            self._refuse(entries[key][1], f"{field}.{key}", f"{value!r} is not an SELinux name")
        return value

    def _hooks(self, entries: Entries) -> Dict[LifecycleEvent, Tuple[Hook, ...]]:
        if "hooks" not in entries or entries["hooks"][1].tag == NULL:
            return {}
        names = [event.value for event in LifecycleEvent]
        hooks = {}
        events = self._mapping(entries["hooks"][1], "hooks", None)
        for name, (key, _) in events.items():
            field = f"hooks.{name}"
            if name not in names:
                allowed = ", ".join(e.value for e in LifecycleEvent if e not in WITHOUT_HOOKS)
                hint = nearest(name, names)
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
        if sudo is not None and entries["sudo"][1].tag != BOOL:
            self._refuse(entries["sudo"][1], f"{field}.sudo", f"{sudo!r} is neither true nor false")
        if not location:
            return []
        as_written = entries["location"][1].value.strip(BLANKS)
        is_sudo = (sudo or "").lower() in ("true", "yes", "on")
        return [(Hook(as_written, timeout or EVENT_SECONDS, runas, is_sudo), timeout is not None)]

    def _timeout(self, entries: Entries, field: str) -> Optional[int]:
        value = self._optional(entries, "timeout", field)
        if value is None:
            return None
        minutes, colon, seconds = value.partition(":")
        is_clock = bool(colon) and entries["timeout"][1].tag == INT  # 5:00 is 300 in YAML 1.1, which the agent reads
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

    def _account(self, entries: Entries, key: str, field: str) -> Optional[str]:
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

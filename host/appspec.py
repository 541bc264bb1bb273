"""The AppSpec file of EC2/on-premises deployments: its grammar, and every problem of a file reported at once.

Pure: text in, values out. Prepare, the host runner and the command line all read AppSpecs with this module.
Source: CodeDeploy User Guide, "AppSpec file structure", "files", "permissions" and "hooks" sections; the reference
agent's application_specification/*.rb. docs/appspec.md lists where this is deliberately stricter.
"""

import posixpath
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Callable, Dict, List, Optional, Tuple

import yaml

from host.lifecycle import WITHOUT_HOOKS, LifecycleEvent

MAX_BYTES = 1024 * 1024
MAX_NODES = 50_000  # aliases counted as often as they are used: what a small file can grow to is bounded
EVENT_SECONDS = 3600  # all scripts of one event together
FILE_EXISTS_BEHAVIORS = ("DISALLOW", "OVERWRITE", "RETAIN")
PERMISSION_TYPES = ("file", "directory")

_MODE = re.compile(r"^[0-7]{1,4}$")
_ACL_TYPES = {"u": "user", "user": "user", "g": "group", "group": "group", "m": "mask", "mask": "mask", "o": "other"}
_ACL_TYPES["other"] = "other"
_ACL_PERMISSIONS = re.compile(r"^([rwx-]{1,3}|[0-7])$")


@dataclass(frozen=True)
class FileEntry:
    """One entry of `files`. `source` is relative to the revision ("" is all of it), `destination` a directory."""

    source: str
    destination: str


@dataclass(frozen=True)
class Hook:
    """One script of an event: its path in the revision, its time limit in seconds, the user it runs as."""

    location: str
    timeout: int = EVENT_SECONDS
    runas: Optional[str] = None


@dataclass(frozen=True)
class Permission:
    """One entry of `permissions`; None leaves the attribute as it is."""

    object: str
    pattern: str = "**"
    except_: Tuple[str, ...] = ()
    type: Tuple[str, ...] = PERMISSION_TYPES
    owner: Optional[str] = None
    group: Optional[str] = None
    mode: Optional[int] = None
    acls: Optional[Tuple[str, ...]] = None
    context: Optional[Dict[str, str]] = None


@dataclass(frozen=True)
class AppSpec:
    """A valid AppSpec."""

    files: Tuple[FileEntry, ...]
    permissions: Tuple[Permission, ...]
    hooks: Dict[LifecycleEvent, Tuple[Hook, ...]]
    file_exists_behavior: Optional[str] = None


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where, and what is allowed instead."""

    line: int
    column: int
    field: str
    message: str


class AppSpecError(Exception):
    """An AppSpec that cannot be used. Its text has one line for each problem."""

    def __init__(self, filename: str, problems: Tuple[Problem, ...]) -> None:
        self.filename = filename
        self.problems = problems
        lines = (
            "{}:{}:{}: {}{}".format(filename, p.line, p.column, p.field + ": " if p.field else "", p.message)
            for p in problems
        )
        super().__init__("\n".join(lines))


def parse(text: str, filename: str = "appspec.yml") -> AppSpec:
    """The AppSpec that a file holds. Raises AppSpecError with all of its problems."""
    return _Parser(filename).parse(text)


class _Parser:
    """Walks the YAML nodes, which know their line and column, and collects problems."""

    def __init__(self, filename: str) -> None:
        self.filename = filename
        self.problems: List[Problem] = []
        self.nodes = 0

    def parse(self, text: str) -> AppSpec:
        root = self._compose(text)
        spec = self._root(root) if root is not None else None
        if self.problems or spec is None:
            self.problems.sort(key=lambda problem: (problem.line, problem.column))
            raise AppSpecError(self.filename, tuple(self.problems))
        return spec

    def _compose(self, text: str) -> Optional[yaml.MappingNode]:
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            self._report(None, "", "is larger than {} bytes".format(MAX_BYTES))
            return None
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            what = getattr(error, "problem", None) or str(error) or type(error).__name__
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self.problems.append(Problem(line, column, "", "is not valid YAML: {}".format(what)))
            return None
        if root is None:
            self._report(None, "", "is empty: it needs at least version and os")
            return None
        if not isinstance(root, yaml.MappingNode):
            self._report(root, "", "is not a mapping: it needs at least version and os")
            return None
        return root

    # -- the sections

    def _root(self, root: yaml.MappingNode) -> AppSpec:
        keys = self._mapping(root, "")
        self._version(keys.get("version"), root)
        self._os(keys.get("os"), root)
        behavior = None
        if "file_exists_behavior" in keys:
            behavior = self._choice(keys["file_exists_behavior"], "file_exists_behavior", FILE_EXISTS_BEHAVIORS)
        return AppSpec(
            files=self._list(keys.get("files"), "files", self._file),
            permissions=self._list(keys.get("permissions"), "permissions", self._permission),
            hooks=self._hooks(keys.get("hooks")),
            file_exists_behavior=behavior,
        )

    def _version(self, node: Optional[yaml.Node], root: yaml.Node) -> None:
        if node is None:
            self._report(root, "version", "is missing: write version: 0.0")
        elif not isinstance(node, yaml.ScalarNode) or node.value not in ("0.0", "0") or node.style in ("'", '"'):
            self._report(node, "version", "{} is not the number 0.0 (without quotes)".format(_shown(node)))

    def _os(self, node: Optional[yaml.Node], root: yaml.Node) -> None:
        if node is None:
            self._report(root, "os", "is missing: write os: linux")
        elif _text(node) == "windows":
            self._report(node, "os", "windows hosts are not supported: use linux")
        elif _text(node) != "linux":
            self._report(node, "os", "{} is not linux".format(_shown(node)))

    def _file(self, node: yaml.Node, field: str) -> Optional[FileEntry]:
        keys = self._mapping(node, field)
        source = self._required(keys, node, field, "source")
        destination = self._required(keys, node, field, "destination")
        if source is None or destination is None:
            return None
        inside = _inside(source)
        if inside is None:
            self._report(keys["source"], field + ".source", "{!r} leaves the revision".format(source))
        if not destination.startswith("/"):
            message = "{!r} is not an absolute path: begin it with /".format(destination)
            self._report(keys["destination"], field + ".destination", message)
        return FileEntry(inside or "", posixpath.normpath(destination))

    def _hooks(self, node: Optional[yaml.Node]) -> Dict[LifecycleEvent, Tuple[Hook, ...]]:
        found: Dict[LifecycleEvent, Tuple[Hook, ...]] = {}
        if node is None or _is_null(node):
            return found
        for name, scripts in self._mapping(node, "hooks").items():
            field = "hooks.{}".format(name)
            event = self._event(name, node, field)
            if event is None or _is_null(scripts):
                continue
            hooks = self._list(scripts, field, self._hook)
            total = sum(hook.timeout for hook in hooks)
            if total > EVENT_SECONDS:
                message = "its scripts' timeouts sum to {} seconds: the event may take {}".format(total, EVENT_SECONDS)
                self._report(scripts, field, message)
            found[event] = hooks
        return found

    def _event(self, name: str, node: yaml.Node, field: str) -> Optional[LifecycleEvent]:
        where = self._key_node(node, name)
        known = [event.value for event in LifecycleEvent if event not in WITHOUT_HOOKS]
        if name in known:
            return LifecycleEvent(name)
        if any(name == event.value for event in WITHOUT_HOOKS):
            self._report(where, field, "{} takes no scripts: stepdeploy runs it itself".format(name))
        else:
            self._report(where, field, "there is no such lifecycle event{}".format(_did_you_mean(name, known)))
        return None

    def _hook(self, node: yaml.Node, field: str) -> Optional[Hook]:
        keys = self._mapping(node, field)
        location = self._required(keys, node, field, "location")
        timeout = EVENT_SECONDS
        if "timeout" in keys:
            timeout = self._seconds(keys["timeout"], field + ".timeout")
        if "sudo" in keys:
            self._report(keys["sudo"], field + ".sudo", "is not supported: use runas")
        runas = self._optional(keys, field, "runas")
        if location is None:
            return None
        inside = _inside(location)
        if not inside:
            self._report(keys["location"], field + ".location", "{!r} leaves the revision".format(location))
            return None
        return Hook(inside, timeout, runas)

    def _seconds(self, node: yaml.Node, field: str) -> int:
        text = _text(node) or ""
        if not re.match(r"^[0-9]{1,6}$", text) or int(text) == 0:
            self._report(node, field, "{} is not a whole number of seconds greater than 0".format(_shown(node)))
            return 1
        return int(text)

    def _permission(self, node: yaml.Node, field: str) -> Optional[Permission]:
        keys = self._mapping(node, field)
        target = self._required(keys, node, field, "object")
        if target is not None and not target.startswith("/"):
            message = "{!r} is not an absolute path: begin it with /".format(target)
            self._report(keys["object"], field + ".object", message)
        types = PERMISSION_TYPES
        if "type" in keys:
            types = self._list(keys["type"], field + ".type", lambda n, f: self._choice(n, f, PERMISSION_TYPES))
        acls = self._list(keys["acls"], field + ".acls", self._acl) if "acls" in keys else None
        return Permission(
            object=posixpath.normpath(target or "/"),
            pattern=self._optional(keys, field, "pattern") or "**",
            except_=self._list(keys.get("except"), field + ".except", self._string),
            type=types,
            owner=self._name(keys, field, "owner"),
            group=self._name(keys, field, "group"),
            mode=self._mode(keys["mode"], field + ".mode") if "mode" in keys else None,
            acls=acls,
            context=self._context(keys["context"], field + ".context") if "context" in keys else None,
        )

    def _name(self, keys: Dict[str, yaml.Node], field: str, key: str) -> Optional[str]:
        name = self._optional(keys, field, key)
        if name is not None and name.isdigit():
            self._report(keys[key], "{}.{}".format(field, key), "{} is a number: give a name".format(name))
        return name

    def _mode(self, node: yaml.Node, field: str) -> Optional[int]:
        text = _text(node) or ""
        if not _MODE.match(text):
            message = '{} is not 1 to 4 octal digits such as 644 or "4755"'.format(_shown(node))
            self._report(node, field, message)
            return None
        if node.tag == "tag:yaml.org,2002:int" and text.startswith("0") and len(text) > 1:
            # The reference agent gets YAML's octal number, 420 for 0644, and sets that mode.
            self._report(node, field, '{} without quotes is another number to YAML: write "{}"'.format(text, text))
            return None
        return int(text, 8)

    def _acl(self, node: yaml.Node, field: str) -> Optional[str]:
        text = self._string(node, field)
        if text is None:
            return None
        parts = text.split(":")
        is_default = parts[0] in ("d", "default")
        if is_default:
            parts = parts[1:]
        if len(parts) == 2:
            parts = ["user", *parts] if parts[0] not in _ACL_TYPES else [parts[0], "", parts[1]]
        kind = _ACL_TYPES.get(parts[0]) if len(parts) == 3 else None
        if kind is None or not _ACL_PERMISSIONS.match(parts[-1]):
            allowed = "[default:][user|group|mask|other]:[name]:permissions, for example user:bob:rw"
            self._report(node, field, "{!r} is not {}".format(text, allowed))
        elif kind in ("user", "group") and not parts[1] and not is_default:
            self._report(node, field, "{!r} has no name: use mode for the file's own {}".format(text, kind))
        elif kind in ("mask", "other") and parts[1]:
            self._report(node, field, "{!r}: {} takes no name".format(text, kind))
        return text

    def _context(self, node: yaml.Node, field: str) -> Optional[Dict[str, str]]:
        keys = self._mapping(node, field)
        found = {}
        for key in keys:
            if key not in ("user", "name", "type", "range"):
                self._report(keys[key], "{}.{}".format(field, key), "is not one of user, type, range")
            value = self._optional(keys, field, key)
            if value is not None:
                found["user" if key == "name" else key] = value
        if "type" not in found:
            self._report(node, field + ".type", "is missing")
        return found

    # -- nodes

    def _mapping(self, node: yaml.Node, field: str) -> Dict[str, yaml.Node]:
        self._count(node)
        if not isinstance(node, yaml.MappingNode):
            self._report(node, field, "{} is not a mapping of keys to values".format(_shown(node)))
            return {}
        found: Dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = _text(key_node)
            if key is None:
                self._report(key_node, field, "a key that is no text")
            elif key in found:
                self._report(key_node, "{}.{}".format(field, key) if field else key, "is given twice")
            else:
                found[key] = value
        return found

    def _list(self, node: Optional[yaml.Node], field: str, read: Callable[[yaml.Node, str], Any]) -> Tuple[Any, ...]:
        if node is None or _is_null(node):
            return ()
        self._count(node)
        if not isinstance(node, yaml.SequenceNode):
            self._report(node, field, "{} is not a list: begin each entry with -".format(_shown(node)))
            return ()
        items = (read(item, "{}[{}]".format(field, number)) for number, item in enumerate(node.value))
        return tuple(item for item in items if item is not None)

    def _string(self, node: yaml.Node, field: str) -> Optional[str]:
        self._count(node)
        text = _text(node)
        if not text or "\0" in text:
            self._report(node, field, "{} is not a text".format(_shown(node)))
            return None
        return text

    def _required(self, keys: Dict[str, yaml.Node], node: yaml.Node, field: str, key: str) -> Optional[str]:
        name = "{}.{}".format(field, key)
        if key not in keys or _is_null(keys[key]):
            self._report(keys.get(key, node), name, "is missing")
            return None
        return self._string(keys[key], name)

    def _optional(self, keys: Dict[str, yaml.Node], field: str, key: str) -> Optional[str]:
        if key not in keys or _is_null(keys[key]):
            return None
        return self._string(keys[key], "{}.{}".format(field, key))

    def _choice(self, node: yaml.Node, field: str, allowed: Tuple[str, ...]) -> Optional[str]:
        text = _text(node)
        if text in allowed:
            return text
        self._report(node, field, "{} is not one of {}".format(_shown(node), ", ".join(allowed)))
        return None

    def _key_node(self, node: yaml.Node, name: str) -> yaml.Node:
        return next((key for key, _ in node.value if _text(key) == name), node)

    def _count(self, node: yaml.Node) -> None:
        """Aliases make a small file large: every visit counts. Raises AppSpecError when there are too many."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._report(node, "", "has more than {} entries".format(MAX_NODES))
            raise AppSpecError(self.filename, tuple(self.problems))

    def _report(self, node: Optional[yaml.Node], field: str, message: str) -> None:
        mark = node.start_mark if node is not None else None
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        self.problems.append(Problem(line, column, field, message))


def _text(node: yaml.Node) -> Optional[str]:
    """A scalar as it is written; None for anything else."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _shown(node: yaml.Node) -> str:
    """A value as a message quotes it."""
    if isinstance(node, yaml.ScalarNode):
        text = node.value if len(node.value) <= 60 else node.value[:60] + "..."
        return '"{}"'.format(text) if node.style in ("'", '"') or not text else str(text)
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"


def _inside(path: str) -> Optional[str]:
    """A path relative to the revision's root, "" for the root; None when it leaves the revision."""
    clean = posixpath.normpath("/" + path).lstrip("/")
    walked = posixpath.normpath(path.lstrip("/") or ".")
    if walked == ".." or walked.startswith("../"):
        return None
    return clean


def _did_you_mean(name: str, known: List[str]) -> str:
    close = get_close_matches(name, known, 1)
    return ": did you mean {}?".format(close[0]) if close else "; there are {}".format(", ".join(known))

"""What is wrong with a bundle before it is pushed: the host's own checks, where the bundle is made.

A folder is packed first, because an archive is what is pushed, and not all that a folder may hold is taken in one.
"""

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from cli.bundle.kinds import is_declaration
from cli.bundle.pack import look, pack, refusal
from functions.core import declaration
from functions.core.errors import InvalidInput
from functions.core.revision import SUFFIXES, bundle_type
from functions.core.statuses import BundleType
from host.appspec import DEFAULT_NAME as APPSPEC
from host.appspec import AppSpec, AppSpecError, FileExistsBehavior, FileMapping, Problem, names_of
from host.bundle.archive import MAX_APPSPEC_BYTES, read_appspec
from host.bundle.entries import ArchiveError
from host.forms import why_missing
from host.grammar import parse
from host.lifecycle import WITHOUT_HOOKS
from host.plan import Listed, plan
from host.posix.install import tree  # what Install sees of a source, links and all
from host.posix.unpack import unpack
from host.report import Failed
from host.scripts import first_line_error

_FIELD = re.compile(r"((?:files|permissions|hooks)[\w.\[\]]*): ")  # what a message begins with if it is about one
_FIRST_LINE_BYTES = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ELF = b"\x7fELF"  # a program needs no interpreter


class Severity(StrEnum):
    ERROR = "error"  # the deployment would fail
    WARNING = "warning"  # it may not be meant


@dataclass(frozen=True)
class Finding:
    severity: Severity
    message: str
    file: str  # below the path that was checked
    line: int | None = None  # from 1
    column: int | None = None  # from 1


def findings(path: Path) -> list[Finding]:
    """Of a folder, an archive, an AppSpec or a deployments.yaml, by file and line. Raises OSError for what cannot be
    read."""
    return _in_order(_findings(path))


def findings_in(archive: BinaryIO, kind: BundleType, path: Path) -> list[Finding]:
    """Of an archive that is open; `path` is what it was made of, for messages."""
    return _in_order(_in_archive(path, archive, kind))


def appspec_of(path: Path) -> AppSpec | None:
    """The AppSpec of a folder or an archive; None when there is none that holds."""
    try:
        if path.is_dir():
            file = next((path / name for name in names_of(APPSPEC) if (path / name).is_file()), None)
            return _grammar(file.read_text(encoding="utf-8"), file)[0] if file else None
        with path.open("rb") as archive:
            return _grammar(read_appspec(archive, bundle_type(path.name)), path)[0]
    except (ArchiveError, InvalidInput, UnicodeDecodeError):
        return None


def _in_order(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda each: (each.file, each.line or 0, each.column or 0))


def _findings(path: Path) -> list[Finding]:
    if path.is_dir():
        try:
            refused = [Finding(Severity.ERROR, why, str(path)) for why in map(refusal, look(path)) if why]
            if refused:
                return refused
            with tempfile.TemporaryFile() as packed:
                pack(path, packed)
                return _in_archive(path, packed, BundleType.ZIP)
        except ArchiveError as error:
            return [Finding(Severity.ERROR, str(error), str(path))]
    try:
        kind = bundle_type(path.name)
    except InvalidInput:
        return _in_file(path)
    with path.open("rb") as file:
        return _in_archive(path, file, kind)


def _in_file(path: Path) -> list[Finding]:
    """Of an AppSpec, or of a deployments.yaml: what `cdk synth` says of it."""
    with path.open("rb") as file:
        content = file.read(MAX_APPSPEC_BYTES + 1)
    if len(content) > MAX_APPSPEC_BYTES:
        return [Finding(Severity.ERROR, f"is larger than {MAX_APPSPEC_BYTES} bytes", str(path))]
    try:
        text = content.decode()
    except UnicodeDecodeError:
        message = f"is not UTF-8 text, as an AppSpec is; an archive's name ends in one of {', '.join(SUFFIXES)}"
        return [Finding(Severity.ERROR, message, str(path))]
    if is_declaration(text, path.name):
        return [_error(problem, path) for problem in declaration.read(text)[1]]
    return _grammar(text, path)[1]


def _error(problem: declaration.Problem, file: Path) -> Finding:
    message = f"{problem.path}: {problem.text}" if problem.path else problem.text
    return Finding(Severity.ERROR, message, str(file), *problem.at)


def _in_archive(path: Path, archive: BinaryIO, kind: BundleType) -> list[Finding]:
    try:
        text = read_appspec(archive, kind)
        with tempfile.TemporaryDirectory() as folder:
            unpack(archive, kind, folder)
            root = Path(folder)
            name = next(name for name in names_of(APPSPEC) if (root / name).is_file())
            appspec, found = _grammar(text, path / name)
            if appspec is None:
                return found
            bundle = _Bundle(path, root, path / name, text, appspec)
            return [*found, *bundle.scripts(), *bundle.files(), *bundle.links()]
    except ArchiveError as error:
        return [Finding(Severity.ERROR, str(error), str(path))]


def _grammar(text: str, file: Path) -> tuple[AppSpec | None, list[Finding]]:
    """The AppSpec, unless it breaks the grammar, and what is to be said about it."""
    try:
        appspec = parse(text, file.name)
    except AppSpecError as error:
        return None, [_told(Severity.ERROR, problem, file) for problem in error.problems]
    return appspec, [_told(Severity.WARNING, problem, file) for problem in appspec.warnings]


def _told(severity: Severity, problem: Problem, file: Path) -> Finding:
    message = f"{problem.field}: {problem.message}" if problem.field else problem.message
    return Finding(severity, message, str(file), problem.line, problem.column)


@dataclass(frozen=True)
class _Bundle:
    """An unpacked bundle whose AppSpec is right by itself: does the rest of the bundle agree with it?"""

    path: Path  # as it was given
    root: Path  # where it is unpacked
    file: Path  # its AppSpec, for messages
    text: str  # of the AppSpec
    appspec: AppSpec

    def scripts(self) -> Iterator[Finding]:
        seen = set()
        for event, hooks in self.appspec.hooks.items():
            if event in WITHOUT_HOOKS:  # never run, which is a warning of the grammar's
                continue
            for number, hook in enumerate(hooks):
                location = hook.location.lstrip("/")
                script = self.root / location
                if not os.path.isfile(script):  # noqa: PTH113 - Path.is_file raises when a name is too long
                    field = f"hooks.{event.value}[{number}].location"
                    yield self._finding(Severity.ERROR, f"{field}: {self._missing('script ', location)}")
                elif not script.resolve().is_relative_to(self.root.resolve()):
                    field = f"hooks.{event.value}[{number}].location"
                    yield self._finding(Severity.ERROR, f"{field}: {location!r} leads out of the revision")
                elif location not in seen:
                    seen.add(location)
                    yield from self._script(script, str(self.path / location))

    def _script(self, script: Path, file: str) -> Iterator[Finding]:
        mode = script.stat().st_mode
        if not mode & stat.S_IXUSR:
            yield Finding(Severity.WARNING, "is not executable: the host makes it so before it runs it", file)
        script.chmod(stat.S_IMODE(mode) | stat.S_IRUSR)  # the host's root reads it anyway
        with script.open("rb") as content:
            first = content.readline(_FIRST_LINE_BYTES)
        error = first_line_error(first)
        if error:
            yield Finding(Severity.ERROR, error, file, 1)
        elif first.endswith(b"\r\n"):
            message = "has Windows line endings (CRLF), which interpreters do not accept: save it with LF"
            yield Finding(Severity.WARNING, message, file, 1)
        if first.startswith(_BYTE_ORDER_MARK):
            message = "begins with a byte-order mark, so its #! line is ignored: save it as UTF-8 without one"
            yield Finding(Severity.WARNING, message, file, 1)
        elif not first.startswith((b"#!", _ELF)):
            message = "has no interpreter line (for example #!/bin/bash): the host runs it with /bin/sh"
            yield Finding(Severity.WARNING, message, file, 1)

    def _missing(self, kind: str, path: str) -> str:
        names = [
            Path(folder, name).relative_to(self.root).as_posix()
            for folder, folders, files in os.walk(self.root)
            for name in (*folders, *files)
        ]
        meant = why_missing(path, names)
        return f"the revision has no {kind}{path!r}{': ' if meant else ''}{meant}"

    def files(self) -> Iterator[Finding]:
        trees: dict[str, list[Listed]] = {}
        there: list[FileMapping] = []
        for number, mapping in enumerate(self.appspec.files):
            field, source = f"files[{number}].source", mapping.source
            try:
                found_there = tree(str(self.root), source)
                listed = None if found_there is None else list(found_there)
            except Failed as error:
                yield self._finding(Severity.ERROR, str(error))
                continue
            if listed is None:
                yield self._finding(Severity.ERROR, f"{field}: {self._missing('', source)}")
                continue
            if [entry.kind for entry in listed] == ["directory"]:
                yield self._finding(Severity.WARNING, f"{field}: {source!r} is an empty folder")
            trees[source] = listed
            there.append(mapping)
        try:
            found = self.appspec._replace(files=tuple(there))
            decided = plan(found, trees.get, _nothing_stands, FileExistsBehavior.DISALLOW)
        except Failed as error:
            yield self._finding(Severity.ERROR, str(error))
            return
        if len(there) < len(self.appspec.files):  # what is missing may be what a permission is for
            return
        used = {permission.place for _, permission in decided.permissions}
        for permission in self.appspec.permissions:
            if permission.place not in used:
                message = f"{permission.place}: matches nothing that this revision installs"
                yield self._finding(Severity.WARNING, message)

    def links(self) -> Iterator[Finding]:
        for folder, folders, files in os.walk(self.root):
            for path in (Path(folder, name) for name in (*folders, *files)):
                if path.is_symlink() and not path.exists():
                    message = f"links to {str(path.readlink())!r}, which the revision does not hold"
                    yield Finding(Severity.WARNING, message, str(self.path / path.relative_to(self.root)))

    def _finding(self, severity: Severity, message: str) -> Finding:
        """About the AppSpec, with its place there when the message begins with a field."""
        field = _FIELD.match(message)
        line, column = _place(self.text, field[1]) if field else (None, None)
        return Finding(severity, message, str(self.file), line, column)


def _nothing_stands(path: str) -> str:
    """Install's plan on an empty host."""
    return "directory" if path == "/" else ""


def _place(text: str, field: str) -> tuple[int, int]:
    """Line and column of a field of an AppSpec, or of what is nearest above it: YAML may merge in the rest.

    >>> _place("hooks:\\n  AfterInstall:\\n    - location: start.sh", "hooks.AfterInstall[0].location")
    (3, 17)
    """
    loader = yaml.SafeLoader(text)
    loader.check_node()
    node: Any = loader.get_node()
    for step in re.findall(r"\w+", field):
        inner = None
        if isinstance(node, yaml.MappingNode):
            inner = next((value for key, value in reversed(node.value) if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode):
            inner = dict(enumerate(node.value)).get(int(step)) if step.isdecimal() else None
        if inner is None:
            break
        node = inner
    return node.start_mark.line + 1, node.start_mark.column + 1

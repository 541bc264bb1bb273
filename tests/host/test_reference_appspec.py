"""The AppSpec rules of the CodeDeploy agent, section E of the reference (codedeploy.md): rule -> test.

REFERENCE lists the rules. A test says which it shows by `rule`, a case of a table by its id; what follows a colon is a
detail. RULES names the tests of other files. "Differs" is on purpose, see docs/appspec.md and host/posix/install.py.

Not ours: the Windows parts (`os: windows`, permissions and runas there).
"""

import ast
import grp
import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest

from host.appspec import FileExistsBehavior, FileMapping, Hook
from host.grammar import parse
from host.lifecycle import LifecycleEvent
from tests.host.conftest import Host, appspec, revision, script
from tests.host.test_appspec import HEAD, permission, problems
from tests.host.test_archive import member, tar

REFERENCE = (
    "E.1 YAML",
    "E.1 root of the revision",
    "E.1 only folder stripped",
    "E.1 lookup by event",
    "E.1 missing",
    "E.1 parsed at every event",
    "E.2 whole file",
    "E.2 version",
    "E.2 os",
    "E.2 files, permissions and hooks are optional",
    "E.2 file_exists_behavior",
    "E.2 result of a broken file",
    "E.2 unknown keys",
    "E.2 file_exists_behavior beats the deployment's",
    "E.2 which error is told",
    "E.3 source or destination missing",
    "E.3 source path",
    "E.3 source is a directory",
    "E.3 source is a file",
    "E.3 missing source",
    "E.3 destination",
    "E.3 parents of destination",
    "E.3 attributes",
    "E.3 links to files",
    "E.3 links to directories",
    "E.3 same destination twice",
    "E.3 file and directory clash",
    "E.3 existing directory",
    "E.3 files absent",
    "E.4 step 1, parse",
    "E.4 step 2, removals in reverse order",
    "E.4 step 3, judged after the removals",
    "E.4 step 4, install.json",
    "E.4 step 5, cleanup file",
    "E.4 step 6, marker",
    "E.4 DISALLOW",
    "E.4 OVERWRITE",
    "E.4 RETAIN",
    "E.4 removals and conflicts",
    "E.4 own files never exist",
    "E.4 files of another group",
    "E.4 RETAIN and the next deployment",
    "E.4 OVERWRITE by a link",
    "E.4 what exists",
    "E.4 half an Install",
    "E.4 cleanup of files",
    "E.4 cleanup of directories",
    "E.4 cleanup of links",
    "E.4 cleanup of contexts",
    "E.4 cleanup's last line",
    "E.4 files of hooks",
    "E.5 object",
    "E.5 pattern",
    "E.5 except",
    "E.5 type",
    "E.5 owner and group",
    "E.5 mode",
    "E.5 object is a copied file",
    "E.5 object is a directory",
    "E.5 object is anything else",
    "E.5 never applied",
    "E.5 direct children",
    "E.5 any depth",
    "E.5 matched twice",
    "E.5 order",
    "E.5 unquoted leading zero",
    "E.5 ACL grammar",
    "E.5 ACL errors",
    "E.5 ACL execution",
    "E.5 context user",
    "E.5 context type",
    "E.5 context range",
    "E.5 context role",
    "E.5 context range grammar",
    "E.5 context execution",
    "E.6 location",
    "E.6 timeout",
    "E.6 runas",
    "E.6 sudo",
    "E.6 scripts in order",
    "E.6 null event",
    "E.6 one location is one path",
    "E.6 sum of timeouts",
    "E.6 unknown events",
    "E.6 same script twice",
)

RULES = {
    "E.1 root of the revision": "test_archive.py::test_the_appspec_is_found_at_the_root_or_in_the_only_folder",
    "E.2 files, permissions and hooks are optional": "test_appspec.py::test_the_smallest_appspec",
    "E.2 file_exists_behavior beats the deployment's": "test_events.py::test_the_appspec_beats_the_deployment",
    "E.2 which error is told": "test_appspec.py::test_all_problems_of_a_file_are_told_together_each_with_its_place",
    "E.3 source is a directory": "test_events.py::test_install_copies_with_mode_time_links_and_empty_folders",
    "E.3 missing source": "test_events.py::test_a_missing_source_is_told_before_the_old_release_goes",
    "E.3 links to files": "test_events.py::test_install_copies_with_mode_time_links_and_empty_folders",
    "E.3 links to directories": "test_events.py::test_links_to_folders_are_followed_and_copied_as_folders",
    "E.3 file and directory clash": (
        "test_events.py::test_a_place_that_is_a_file_and_a_folder_is_told_before_the_old_release_goes"
    ),
    "E.4 DISALLOW": "test_events.py::test_disallow_refuses_a_foreign_file_and_leaves_the_old_release_in_place",
    "E.4 removals and conflicts": (  # differs: conflicts are found before anything is removed
        "test_events.py::test_disallow_refuses_a_foreign_file_and_leaves_the_old_release_in_place"
    ),
    "E.4 OVERWRITE": "test_events.py::test_overwrite_and_retain",
    "E.4 RETAIN": "test_events.py::test_overwrite_and_retain",
    "E.4 RETAIN and the next deployment": "test_events.py::test_overwrite_and_retain",
    "E.4 cleanup of directories": (
        "test_events.py::test_the_next_install_removes_what_the_last_one_put_there_and_only_that"
    ),
    "E.4 cleanup's last line": "test_journal.py::test_an_interrupted_install_is_undone_by_another_deployment",
    "E.4 files of hooks": "test_reinstall.py::test_what_a_hook_has_made_stays_and_what_the_revision_has_made_goes",
    "E.5 object is a directory": "test_events.py::test_permissions_apply_to_what_this_deployment_created_only",
    "E.5 any depth": "test_events.py::test_permissions_apply_to_what_this_deployment_created_only",
    "E.5 unquoted leading zero": "test_appspec.py::test_a_mode_is_octal_however_it_is_written",  # differs
    "E.6 null event": "test_appspec.py::test_hooks_in_order_with_their_defaults",
    "E.6 same script twice": "test_events.py::test_a_whole_deployment_succeeds_on_every_python_here",
}

Marked = TypeVar("Marked", bound=Callable[..., None])


def rule(*names: str) -> Callable[[Marked], Marked]:
    """The rules that a test shows."""

    def mark(test: Marked) -> Marked:
        test.rules = names  # type: ignore[attr-defined]
        return test

    return mark


def case(name: str, *values: object) -> Any:
    """A case of a table; its id names the rule."""
    return pytest.param(*values, id=name)


def shown(module: ModuleType) -> set[str]:
    """The rules that the tests of a module name."""
    names: list[str] = []
    for test in vars(module).values():
        names += getattr(test, "rules", ())
        for mark in getattr(test, "pytestmark", ()):
            names += [each.id for each in mark.args[1] if getattr(each, "id", None)] if len(mark.args) > 1 else []
    return {name.partition(":")[0] for name in names}


def functions_of(file: str) -> set[str]:
    tree = ast.parse((Path(__file__).parent / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def check(module: ModuleType, reference: Sequence[str], rules: Mapping[str, str]) -> None:
    """Every rule has a test, and every test that is named is there."""
    have = shown(module) | set(rules)
    assert (set(reference) - have, have - set(reference)) == (set(), set()), "without a test, and not in the reference"
    assert not [where for where in rules.values() if where.partition("::")[2] not in functions_of(where.split("::")[0])]


def test_every_rule_has_a_test() -> None:
    check(sys.modules[__name__], REFERENCE, RULES)


# What the tests share


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def instructions(host: Host, name: str) -> Path:
    (found,) = (host.deployments / "deployment-instructions").glob(f"*{name}")
    return found


def tools(host: Host, folder: Path, **scripts: str) -> Path:
    """Executables of that name and content come first in the host's PATH; `$LOG` in them is the file returned."""
    (folder / "tools").mkdir(exist_ok=True)
    for name, content in scripts.items():
        (folder / "tools" / name).write_text(f"#!/bin/sh\nLOG={folder}/tools.log\n{content}\n")
        (folder / "tools" / name).chmod(0o755)
    host.environment["PATH"] = f"{folder / 'tools'}{os.pathsep}{os.environ['PATH']}"
    return folder / "tools.log"


RECORD = 'echo "${0##*/} $*" >>"$LOG"'
ME = pwd.getpwuid(os.getuid()).pw_name
MY_GROUP = grp.getgrgid(os.getgid()).gr_name


# E.1 File location


@rule("E.1 YAML: JSON is YAML, too")
def test_an_appspec_may_be_json() -> None:
    spec = parse(json.dumps({"version": 0.0, "os": "linux", "files": [{"source": "a", "destination": "/b"}]}))
    assert spec.files == (FileMapping("a", "/b"),)


@rule("E.1 only folder stripped")
@pytest.mark.parametrize("name", ["appspec.yml", "MyAppSpecs.yml"])
def test_the_only_folder_is_stripped_when_an_appspec_is_in_it(host: Host, name: str) -> None:
    files = {f"top/{name}": appspec(), "top/app/x": ""}
    assert host.run("DownloadBundle", host.told("d-1", revision(files), appspec_filename=name)).exit == 0
    assert names(host.archive("d-1")) == sorted([name, "app", "app/x"])
    two = host.run("DownloadBundle", host.told("d-2", revision({**files, "x": ""}), appspec_filename=name))
    assert two.exit == 1 and "did not find an AppSpec" in two.message


@rule("E.1 lookup by event: differs, each event looks for the given name, appspec.yaml and appspec.yml")
@pytest.mark.parametrize(
    ("given", "held"),
    [("appspec.yml", ["appspec.yaml"]), ("deploy.yml", ["appspec.yml"]), ("deploy.yml", ["deploy.yml", "appspec.yml"])],
)
def test_hooks_find_the_appspec_where_install_does(host: Host, given: str, held: list[str]) -> None:
    files = {name: appspec(hooks={"BeforeInstall": [{"location": f"{name}.sh"}]}) for name in held}
    files |= {f"{name}.sh": script("echo", "exit 3") for name in held}
    step = host.deploy(host.told("d-1", revision(files), appspec_filename=given))
    assert (step.event, step.script_name) == ("BeforeInstall", f"{held[0]}.sh")


@rule("E.1 missing: differs, told at DownloadBundle")
def test_a_missing_appspec_is_told_with_its_name_folder_and_path(host: Host) -> None:
    step = host.deploy(host.told("d-1", revision({"a.txt": ""})))
    assert (step.event, step.error_code, step.script_name) == ("DownloadBundle", "UnknownError", "")
    begin = (
        "The CodeDeploy agent did not find an AppSpec file within the unpacked revision directory"
        ' at revision-relative path "appspec.yml". The revision was unpacked to directory '
    )
    assert step.message.startswith(f'{begin}"{host.archive("d-1")}')
    assert '/appspec.yml"' in step.message.partition(begin)[2]


@rule("E.1 parsed at every event: differs, DownloadBundle is the first")
@pytest.mark.parametrize("event", ["BeforeInstall", "Install"])
def test_the_appspec_is_read_anew_at_each_event(host: Host, event: str) -> None:
    told = host.told("d-1", revision({"appspec.yml": appspec()}))
    assert host.run("DownloadBundle", told).exit == 0
    (host.archive("d-1") / "appspec.yml").write_text("version: 0.0\nos: beos\n")
    step = host.run(event, told)
    assert (step.exit, step.cause, step.error_code) == (1, "APPSPEC", "UnknownError")


# E.2 Top-level keys


@pytest.mark.parametrize(
    ("text", "said"),
    [
        case("E.2 whole file: empty", "", "is empty: at least version and os are needed"),
        case("E.2 whole file: not a mapping", "- version", "must be a mapping"),
        case("E.2 version: missing", "os: linux", "version: is missing"),
        case("E.2 version: another", "version: 0.1\nos: linux", "invalid version value (0.1)"),
        case("E.2 os: missing", "version: 0.0", "os: is missing"),
        case("E.2 os: windows", "version: 0.0\nos: windows", "unsupported operating system (windows)"),
        case("E.2 os: another", "version: 0.0\nos: macos", "unsupported operating system (macos)"),
        case(
            "E.2 file_exists_behavior: lower case",
            HEAD + "file_exists_behavior: retain",
            "invalid file_exists_behavior value (retain)",
        ),
        case("E.3 source or destination missing: source", HEAD + "files: [{destination: /a}]", "has no source value"),
        case(
            "E.3 source or destination missing: destination",
            HEAD + "files: [{source: a}]",
            "has no destination value",
        ),
        case("E.5 object: missing", HEAD + "permissions: [{mode: 644}]", "has no object value"),
        case("E.5 object: empty", HEAD + "permissions: [{object: ''}]", "has no object value"),
        case("E.5 type: another", permission("type: [link]"), "allowed are file and directory"),
        case("E.5 owner and group: a number as owner", permission("owner: 0"), "give the user's name"),
        case("E.5 owner and group: a number as group", permission("group: '0'"), "give the group's name"),
        case("E.5 mode: symbolic", permission("mode: u+x"), "'u+x' is not a mode"),
        case("E.5 mode: five digits", permission("mode: 10644"), "'10644' is not a mode"),
        case("E.5 mode: no octal digit", permission("mode: 0789"), "'0789' is not a mode"),
        case("E.5 ACL errors: too few parts", permission("acls: [rw]"), "Invalid acl entry 'rw'"),
        case("E.5 ACL errors: too many parts", permission("acls: ['d:u:bob:rw:x']"), "Invalid acl entry"),
        case("E.5 ACL errors: unknown type", permission("acls: ['w:bob:rw']"), "Invalid acl entry 'w:bob:rw'"),
        case("E.5 ACL errors: base entry", permission("acls: ['u::rw']"), "use mode instead"),
        case("E.5 ACL errors: base entry of others", permission("acls: ['o::r']"), "use mode instead"),
        case("E.5 ACL errors: mask with a name", permission("acls: ['m:bob:r']"), "mask takes no name"),
        case("E.5 ACL errors: other with a name", permission("acls: ['d:o:bob:r']"), "other takes no name"),
        case("E.5 ACL errors: unknown letter", permission("acls: ['bob:rs']"), "letters of rwx- or a digit 0-7"),
        case("E.5 ACL errors: digit 8", permission("acls: ['bob:8']"), "letters of rwx- or a digit 0-7"),
        case("E.5 context type: missing", permission("context: {user: u}"), "context.type: is missing"),
        case("E.5 context role: refused", permission("context: {type: t, role: r}"), "role: is not supported"),
        case(
            "E.5 context range grammar: no range",
            permission("context: {type: t, range: c1}"),
            "the form is s#[-s#]",
        ),
        case("E.5 context range grammar: high below low", permission("context: {type: t, range: s2-s1}"), "below"),
        case(
            "E.5 context range grammar: last category",
            permission("context: {type: t, range: 's0:c1024'}"),
            "categories end at c1023",
        ),
        case(
            "E.5 context range grammar: category twice",
            permission("context: {type: t, range: 's0:c1.c4,c4'}"),
            "c4 is given twice",
        ),
        case("E.6 location: missing", HEAD + "hooks: {BeforeInstall: [{timeout: 1}]}", "has no location value"),
        case("E.6 location: null", HEAD + "hooks: {BeforeInstall: [{location: }]}", "has no location value"),
        case("E.6 location: empty", HEAD + "hooks: {BeforeInstall: [{location: ''}]}", "has no location value"),
        case(
            "E.6 timeout: zero",
            HEAD + "hooks: {BeforeInstall: [{location: a, timeout: 0}]}",
            "0 is not a positive whole number",
        ),
        case(
            "E.6 timeout: a word",
            HEAD + "hooks: {BeforeInstall: [{location: a, timeout: long}]}",
            "long is not a positive whole number",
        ),
        case(
            "E.6 sum of timeouts: more than the hour",
            HEAD + "hooks: {BeforeInstall: [{location: a, timeout: 1800}, {location: b, timeout: 1801}]}",
            "add up to 3601 seconds, at most 3600",
        ),
        case(
            "E.6 unknown events: differs, always an error",
            HEAD + "hooks: {BeforInstall: []}",
            "unknown lifecycle event: did you mean BeforeInstall?",
        ),
    ],
)
def test_what_the_grammar_refuses(text: str, said: str) -> None:
    assert said in problems(text)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        case("E.2 version: 0.0", "version: 0.0\nos: linux", None),
        case("E.2 version: 0", "version: 0\nos: linux", None),
        case("E.2 version: differs, quoted is a warning", 'version: "0.0"\nos: linux', "is quoted"),
        case("E.2 unknown keys: differs, a warning", HEAD + "resources: []", "resources: is ignored"),
        case("E.5 context user: as documented", permission("context: {type: t, user: u}"), None),
        case("E.5 context user: by the key name", permission("context: {type: t, name: u}"), None),
        case("E.5 context range: differs, optional", permission("context: {type: t}"), None),
        case(
            "E.5 context range grammar: all of it", permission("context: {type: t, range: 's0-s15:c0.c9,c1023'}"), None
        ),
    ],
)
def test_what_the_grammar_takes(text: str, warning: str | None) -> None:
    warnings = list(map(str, parse(text).warnings))
    assert not warnings if warning is None else warning in warnings[0]


@pytest.mark.parametrize("behavior", FileExistsBehavior)
@rule("E.2 file_exists_behavior")
def test_the_behaviors_are_upper_case(behavior: FileExistsBehavior) -> None:
    assert parse(f"{HEAD}file_exists_behavior: {behavior.value}").file_exists_behavior is behavior


@rule("E.2 result of a broken file")
def test_a_broken_file_is_an_unknown_error_with_the_text(host: Host) -> None:
    step = host.run("DownloadBundle", host.told("d-1", revision({"appspec.yml": "version: 2\nos: linux\n"})))
    assert (step.status, step.error_code, step.script_name, step.log_tail) == ("Failed", "UnknownError", "", "")
    assert "invalid version value (2)" in step.message


# E.3 files


@rule("E.3 source path: a leading / and ./ are the root")
def test_sources_are_relative_to_the_revision_s_root(host: Host, tmp_path: Path) -> None:
    sources = {"/": "all", "/app/x": "slash", "./app/x": "dot", "app/x": "bare"}
    spec = appspec({source: tmp_path / place for source, place in sources.items()})
    assert host.install("d-1", revision({"appspec.yml": spec, "app/x": "", "run.sh": ""})).exit == 0
    assert names(tmp_path / "all") == ["app", "app/x", "appspec.yml", "run.sh"]
    assert [names(tmp_path / place) for place in ("slash", "dot", "bare")] == [["x"]] * 3


@rule("E.3 source is a file: no rename")
def test_a_destination_is_a_folder_even_if_it_looks_like_a_file(host: Host, tmp_path: Path) -> None:
    spec = appspec({"conf/site.conf": tmp_path / "srv" / "default.conf"})
    assert host.install("d-1", revision({"appspec.yml": spec, "conf/site.conf": "x"})).exit == 0
    assert (tmp_path / "srv" / "default.conf" / "site.conf").read_text() == "x"


@rule("E.3 destination: differs, a relative one is below / and a warning")
def test_destinations_are_absolute() -> None:
    spec = parse(HEAD + "files: [{source: a, destination: /srv/app}, {source: b, destination: srv/app}]")
    assert [mapping.destination for mapping in spec.files] == ["/srv/app", "/srv/app"]
    assert [warning.field for warning in spec.warnings] == ["files[1].destination"]


@rule("E.3 parents of destination", "E.3 existing directory")
def test_parents_are_made_and_folders_that_are_there_are_taken(host: Host, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o700)
    spec = appspec({"app": tmp_path / "there" / "a" / "b" / "c"})
    assert host.install("d-1", revision({"appspec.yml": spec, "app/x": ""})).exit == 0
    made = [tmp_path / "there" / "a", tmp_path / "there" / "a" / "b", tmp_path / "there" / "a" / "b" / "c"]
    assert [(path.stat().st_mode & 0o777, path.stat().st_uid) for path in made] == [(0o755, os.getuid())] * 3
    assert (tmp_path / "there").stat().st_mode & 0o777 == 0o700
    assert host.install("d-2", revision({"appspec.yml": spec, "app/y": ""})).exit == 0
    assert names(made[-1]) == ["y"]


@rule("E.3 attributes: mode, time and, as root, the owner")
def test_attributes_come_from_the_archive(host: Host, tmp_path: Path) -> None:
    spec = appspec({"app": tmp_path / "srv"}).encode()
    by = {"uid": 1, "gid": 1, "uname": "", "gname": "", "mtime": 1_600_000_000}
    entries = [(member("appspec.yml"), spec), (member("app/x", mode=0o4710, **by), b"x")]
    assert host.install("d-1", tar(*entries), type="tar").exit == 0
    made = (tmp_path / "srv" / "x").stat()
    assert (made.st_mode & 0o7777, made.st_mtime) == (0o4710, 1_600_000_000)
    assert (made.st_uid, made.st_gid) == ((1, 1) if os.geteuid() == 0 else (os.getuid(), os.getgid()))


@rule("E.3 same destination twice")
def test_two_sources_for_one_destination_are_told_before_any_copy(host: Host, tmp_path: Path) -> None:
    spec = appspec({"a/x": tmp_path / "srv", "b/x": tmp_path / "srv", "c": tmp_path / "other"})
    step = host.install("d-1", revision({"appspec.yml": spec, "a/x": "", "b/x": "", "c/y": ""}))
    assert "specifies two source files named a/x and b/x for the same destination" in step.message
    assert step.error_code == "UnknownError" and not (tmp_path / "other").exists()


@rule("E.3 files absent")
def test_an_appspec_without_files_removes_what_was_installed(host: Host, tmp_path: Path) -> None:
    assert host.install("d-1", revision({"appspec.yml": appspec({"app": tmp_path / "srv"}), "app/x": ""})).exit == 0
    assert host.install("d-2", revision({"appspec.yml": HEAD})).exit == 0
    assert not (tmp_path / "srv").exists()


# E.4 Install, step by step


def release(srv: Path, *files: str, **keys: Any) -> bytes:
    """A revision that installs these files into `srv`."""
    return revision({"appspec.yml": appspec({"app": srv}, **keys), **{f"app/{name}": "new" for name in files}})


@rule("E.4 step 1, parse: a broken AppSpec leaves the old files")
def test_an_install_that_cannot_read_its_appspec_removes_nothing(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    assert host.install("d-1", release(srv, "x")).exit == 0
    told = host.told("d-2", release(srv, "y"))
    assert host.run("DownloadBundle", told).exit == 0
    (host.archive("d-2") / "appspec.yml").write_text(HEAD + "hooks: {NoEvent: [{location: a}]}\n")
    assert host.run("Install", told).cause == "APPSPEC"
    assert names(srv) == ["x"]


@rule("E.4 step 2, removals in reverse order: differs, the cleanup file is emptied", "E.4 step 5, cleanup file")
def test_the_cleanup_file_names_what_was_made_and_is_read_backwards(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    assert host.install("d-1", release(srv, "a/b/x")).exit == 0
    cleanup = instructions(host, "-cleanup")
    made = [json.loads(line) for line in cleanup.read_text().splitlines()]
    assert made == [f"{srv}/", f"{srv}/a/", f"{srv}/a/b/", f"{srv}/a/b/x"]
    assert host.install("d-2", revision({"appspec.yml": HEAD})).exit == 0
    assert not srv.exists() and cleanup.read_bytes() == b""


@rule("E.4 step 3, judged after the removals", "E.4 own files never exist")
def test_what_the_group_has_installed_itself_is_no_conflict(host: Host, tmp_path: Path) -> None:
    for number in range(2):
        assert host.install(f"d-{number}", release(tmp_path / "srv", "x"), file_exists_behavior="DISALLOW").exit == 0


@rule("E.4 step 4, install.json")
def test_what_is_made_is_listed_folders_first(host: Host, tmp_path: Path) -> None:
    assert host.install("d-1", release(tmp_path / "srv", "a/x")).exit == 0
    listed = json.loads(instructions(host, "-install.json").read_text())["instructions"]
    srv = str(tmp_path / "srv")
    assert [each["destination"] for each in listed] == [srv, f"{srv}/a", f"{srv}/a/x"]


@rule("E.4 step 6, marker")
def test_only_an_install_that_ended_well_is_marked(host: Host, tmp_path: Path) -> None:
    assert host.install("d-1", release(tmp_path / "srv", "x")).exit == 0
    marker = instructions(host, "_last_successful_install")
    assert marker.read_text() == str(host.folder("d-1"))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "x").write_text("")
    assert host.install("d-2", release(tmp_path / "foreign", "x")).cause == "CONFLICT"
    assert marker.read_text() == str(host.folder("d-1"))


@rule("E.4 files of another group")
def test_another_group_s_file_is_a_conflict(host: Host, tmp_path: Path) -> None:
    assert host.install("d-1", release(tmp_path / "srv", "x")).exit == 0
    told = host.told("d-2", release(tmp_path / "srv", "x"))
    told["deployment_group_id"] = "another"
    step = host.deploy(told, ("DownloadBundle", "Install"))
    assert step.message.endswith(f"a specified file already exists at this location: {tmp_path}/srv/x")


@rule("E.4 OVERWRITE by a link: differs, it works")
def test_a_link_overwrites_too(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    srv.mkdir()
    (srv / "current").write_text("mine")
    files = {"appspec.yml": appspec({"app": srv}), "app/x": "new", "app/current": "-> x"}
    assert host.install("d-1", revision(files), file_exists_behavior="OVERWRITE").exit == 0
    assert (srv / "current").is_symlink() and (srv / "current").read_text() == "new"


@pytest.mark.parametrize(
    ("behavior", "there", "cause"),
    [
        case("E.4 what exists: a directory where a file goes", "DISALLOW", "directory", "CONFLICT"),
        case("E.4 what exists: a directory where a file goes is retained", "RETAIN", "directory", None),
        case("E.4 what exists: not a dangling link", "DISALLOW", "dangling", None),
    ],
)
def test_what_is_in_the_way_of_a_file(host: Host, tmp_path: Path, behavior: str, there: str, cause: str | None) -> None:
    place = tmp_path / "srv" / "x"
    place.parent.mkdir()
    if there == "directory":
        place.mkdir()
    else:
        place.symlink_to("nowhere")
    assert host.install("d-1", release(place.parent, "x"), file_exists_behavior=behavior).cause == cause
    assert place.is_dir() if there == "directory" else place.read_text() == "new" and not place.is_symlink()


@rule("E.4 half an Install", "E.4 cleanup of contexts")
def test_what_a_failed_install_had_made_stays_until_the_next_removes_it(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    log = tools(host, tmp_path, semanage=RECORD, restorecon="exit 1")
    labels = [{"object": str(srv), "context": {"type": "t"}}]
    assert host.install("d-1", release(srv, "x", permissions=labels)).exit == 1
    assert names(srv) == ["x"]
    log.unlink()
    assert host.install("d-2", revision({"appspec.yml": HEAD})).exit == 0
    assert not srv.exists()
    assert log.read_text() == f"semanage fcontext -d {srv}/x\n"


@rule("E.4 cleanup of files: one that is gone already", "E.4 cleanup of links: not what they name")
def test_files_and_links_are_removed_if_they_are_there(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    files = {"appspec.yml": appspec({"app": srv}), "app/x": "", "app/link": "-> data"}
    assert host.install("d-1", revision(files)).exit == 0
    (srv / "x").unlink()
    (srv / "data").write_text("of a hook")
    assert host.install("d-2", revision({"appspec.yml": HEAD})).exit == 0
    assert names(srv) == ["data"]


# E.5 permissions


def modes(
    host: Host, srv: Path, files: Sequence[str], *permissions: dict[str, object], **changes: Any
) -> dict[str, int]:
    """The modes below `srv` once these files were installed with these permissions."""
    step = host.install("d-1", release(srv, *files, permissions=list(permissions)), **changes)
    assert step.exit == 0, step.message
    return {name: (srv / name).stat().st_mode & 0o7777 for name in names(srv)}


@rule("E.5 object is a copied file")
def test_an_object_may_be_a_file_that_was_copied(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    of_x, of_y = ({"object": str(srv / name), "mode": 600} for name in "xy")
    assert modes(host, srv, ["x", "y"], of_x, {**of_y, "type": ["directory"]}) == {"x": 0o600, "y": 0o644}
    for more in ({"pattern": "*"}, {"except": ["a"]}):
        step = host.install("d-2", release(srv, "x", permissions=[{**of_x, **more}]))
        assert f"{srv}/x is a file: it takes neither pattern nor except" in step.message


@rule("E.5 object is anything else")
def test_an_object_that_this_deployment_has_nothing_of_is_ignored(host: Host, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_text("")
    (tmp_path / "other" / "x").chmod(0o604)
    others = [{"object": str(tmp_path / name), "mode": 600} for name in ("other", "other/x", "gone", "sr")]
    assert modes(host, tmp_path / "srv", ["x"], *others) == {"x": 0o644}
    assert (tmp_path / "other" / "x").stat().st_mode & 0o777 == 0o604


@rule("E.5 never applied: to the object itself, what was there, and what is retained")
def test_only_what_this_deployment_made_gets_permissions(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    (srv / "before").mkdir(parents=True)
    (srv / "kept").write_text("")
    for path, mode in ((srv, 0o701), (srv / "before", 0o711), (srv / "kept", 0o604)):
        path.chmod(mode)
    found = modes(
        host, srv, ["kept", "new", "before/new"], {"object": str(srv), "mode": 700}, file_exists_behavior="RETAIN"
    )
    assert found == {"before": 0o711, "before/new": 0o700, "kept": 0o604, "new": 0o700}
    assert srv.stat().st_mode & 0o777 == 0o701


@pytest.mark.parametrize(
    ("keys", "changed"),
    [
        case("E.5 pattern: ** is the default", {}, {"d", "d/x.py", "x.py", "y.txt"}),
        case("E.5 pattern: **", {"pattern": "**"}, {"d", "d/x.py", "x.py", "y.txt"}),
        case("E.5 pattern: * is the only wildcard", {"pattern": "?.py"}, set()),
        case("E.5 direct children: pattern", {"pattern": "*.py"}, {"x.py"}),
        case("E.5 direct children: a name with a slash", {"pattern": "d/*"}, set()),
        case("E.5 direct children: except", {"except": ["x.py"]}, {"d", "d/x.py", "y.txt"}),
        case("E.5 except: globs", {"except": ["*.txt", "d"]}, {"d/x.py", "x.py"}),
        case("E.5 type: both are the default", {"pattern": "*"}, {"d", "x.py", "y.txt"}),
        case("E.5 type: file", {"type": ["file"]}, {"d/x.py", "x.py", "y.txt"}),
        case("E.5 type: directory", {"type": ["directory"]}, {"d"}),
    ],
)
def test_what_a_permission_applies_to(host: Host, tmp_path: Path, keys: dict[str, object], changed: set[str]) -> None:
    srv = tmp_path / "srv"
    found = modes(host, srv, ["x.py", "y.txt", "d/x.py"], {"object": str(srv), "mode": 770, **keys})
    assert {name for name, mode in found.items() if mode == 0o770} == changed


@rule("E.5 matched twice")
def test_a_path_that_two_permissions_match_is_an_error(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    twice = [{"object": str(srv), "mode": 700}, {"object": str(srv / "x"), "owner": ME}]
    step = host.install("d-1", release(srv, "x", permissions=twice))
    assert f"the permissions setting for ({srv}/x) is specified more than once" in step.message


@pytest.mark.parametrize(
    ("written", "mode"),
    [
        case("E.5 mode: a number", 644, 0o644),
        case("E.5 mode: text", "644", 0o644),
        case("E.5 mode: text with a zero", "0640", 0o640),
        case("E.5 mode: setuid", 4755, 0o4755),
        case("E.5 mode: padded", 7, 0o007),
        case("E.5 mode: unchanged by default", None, 0o644),
    ],
)
def test_modes(host: Host, tmp_path: Path, written: object, mode: int) -> None:
    assert modes(host, tmp_path / "srv", ["x"], {"object": str(tmp_path / "srv"), "mode": written}) == {"x": mode}


@rule("E.5 owner and group: names")
@pytest.mark.parametrize(
    "keys",
    [
        {"owner": ME},
        {"group": MY_GROUP},
        pytest.param(
            {"owner": "daemon", "group": "daemon"},
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away"),
        ),
    ],
)
def test_owners_are_names_and_unchanged_by_default(host: Host, tmp_path: Path, keys: dict[str, str]) -> None:
    modes(host, tmp_path / "srv", ["x"], {"object": str(tmp_path / "srv"), **keys})
    made = tmp_path / "srv" / "x"
    assert (made.owner(), made.group()) == (keys.get("owner", ME), keys.get("group", MY_GROUP))


@rule("E.5 order: differs, the owner comes first so that setuid stays")
def test_permissions_come_after_the_copies_in_the_list_s_order(host: Host, tmp_path: Path) -> None:
    srv, owner = tmp_path / "srv", "daemon" if os.geteuid() == 0 else ME
    record = f'for last; do :; done; echo "${{0##*/}} $(stat -c "%n %a %U" "$last") $(ls {srv} | wc -l)" >>"$LOG"'
    log = tools(host, tmp_path, setfacl=record, restorecon=record, semanage=record)
    each: dict[str, object] = {"mode": 4750, "owner": owner, "acls": ["daemon:r"], "context": {"type": "t"}}
    modes(host, srv, ["x", "y"], {"object": str(srv / "y"), **each}, {"object": str(srv / "x"), **each})
    assert log.read_text().splitlines() == [
        f"{tool} {srv}/{name} 4750 {owner} 2" for name in "yx" for tool in ("setfacl", "semanage", "restorecon")
    ]


# E.5 ACLs


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        case("E.5 ACL grammar: two parts are a user", "bob:rw", "user:bob:rw-"),
        case("E.5 ACL grammar: short types", "g:ops:r-x", "group:ops:r-x"),
        case("E.5 ACL grammar: long types", "user:bob:x", "user:bob:--x"),
        case("E.5 ACL grammar: a digit", "u:bob:5", "user:bob:r-x"),
        case("E.5 ACL grammar: no permission at all", "u:bob:", "user:bob:---"),
        case("E.5 ACL grammar: mask", "m::rx", "mask::r-x"),
        case("E.5 ACL grammar: default", "default:user:bob:7", "default:user:bob:rwx"),
        case("E.5 ACL grammar: short default", "d:bob:0", "default:user:bob:---"),
        case("E.5 ACL grammar: base entry of a default", "d:o::r", "default:other::r--"),
    ],
)
def test_acl_entries(written: str, entry: str) -> None:
    assert [str(acl) for acl in parse(permission(f"acls: ['{written}']")).permissions[0].acls] == [entry]


@rule("E.5 ACL errors: a default entry on a file")
def test_default_entries_are_for_directories(host: Host, tmp_path: Path) -> None:
    tools(host, tmp_path, setfacl=RECORD)
    acls: dict[str, object] = {"object": str(tmp_path / "srv"), "acls": ["d:bob:r"]}
    step = host.install("d-1", release(tmp_path / "srv", "x", permissions=[acls]))
    assert step.cause == "APPSPEC" and "x is a file: only folders take default entries" in step.message


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        case(
            "E.5 ACL execution: base entries and mask by the mode",
            ["daemon:rw"],
            "user::7,group::5,other::0,mask::5,user:daemon:rw-",
        ),
        case(
            "E.5 ACL execution: a mask of its own",
            ["g:daemon:r", "m::7"],
            "user::7,group::5,other::0,group:daemon:r--,mask::rwx",
        ),
        case("E.5 ACL execution: nobody is named", ["m::r"], "user::7,group::5,other::0,mask::r--"),
        case(
            "E.5 ACL execution: default entries",
            ["d:daemon:r", "d:o::x"],
            "user::7,group::5,other::0,default:user::7,default:group::5,default:mask::5,"
            "default:user:daemon:r--,default:other::--x",
        ),
        case(
            "E.5 ACL execution: a default mask by the default group",
            ["d:g::rwx", "d:daemon:r"],
            "user::7,group::5,other::0,default:user::7,default:other::0,default:mask::rwx,"
            "default:group::rwx,default:user:daemon:r--",
        ),
    ],
)
def test_setfacl_gets_the_whole_acl(host: Host, tmp_path: Path, written: list[str], whole: str) -> None:
    log = tools(host, tmp_path, setfacl=RECORD)
    acls: dict[str, object] = {"object": str(tmp_path / "srv"), "type": ["directory"], "mode": 750, "acls": written}
    modes(host, tmp_path / "srv", ["d/x"], acls)
    assert log.read_text() == f"setfacl --set {whole} -- {tmp_path}/srv/d\n"


@rule("E.5 ACL execution: by setfacl itself")
@pytest.mark.skipif(shutil.which("setfacl") is None, reason="needs setfacl")
def test_an_acl_is_replaced(host: Host, tmp_path: Path) -> None:
    acls: dict[str, object] = {"object": str(tmp_path / "srv"), "mode": 750, "acls": ["nobody:rw", "g:daemon:x"]}
    modes(host, tmp_path / "srv", ["x"], acls)
    acl = subprocess.run(["getfacl", "-cE", tmp_path / "srv" / "x"], capture_output=True, text=True).stdout.split()
    assert acl == ["user::rwx", "user:nobody:rw-", "group::r-x", "group:daemon:--x", "mask::r-x", "other::---"]


# E.5 SELinux contexts


@pytest.mark.parametrize(
    ("context", "options"),
    [
        case("E.5 context execution: all keys", {"user": "u", "type": "t", "range": "s0:c1"}, "-s u -t t -r s0:c1"),
        case("E.5 context user: the key name is taken, too", {"name": "u", "type": "t"}, "-s u -t t"),
        case("E.5 context range: differs, none is passed on", {"type": "t"}, "-t t"),
    ],
)
def test_contexts_are_set_on_the_real_path(host: Host, tmp_path: Path, context: dict[str, str], options: str) -> None:
    log = tools(host, tmp_path, semanage=RECORD, restorecon=RECORD)
    (tmp_path / "real").mkdir()
    (tmp_path / "srv").symlink_to("real")
    modes(host, tmp_path / "srv", ["x"], {"object": str(tmp_path / "srv"), "context": context})
    real = tmp_path / "real" / "x"
    assert log.read_text() == f"semanage fcontext -a {options} {real}\nrestorecon -v {real}\n"


# E.6 hooks


def hooks_of(text: str) -> Sequence[Hook]:
    return parse(f"{HEAD}hooks: {{BeforeInstall: [{text}]}}").hooks[LifecycleEvent.BEFORE_INSTALL]


@pytest.mark.parametrize(
    ("text", "hook"),
    [
        case("E.6 timeout: default", "{location: a}", Hook("a", timeout=3600)),
        case("E.6 timeout: null", "{location: a, timeout: }", Hook("a", timeout=3600)),
        case("E.6 timeout: text", "{location: a, timeout: '60'}", Hook("a", timeout=60)),
        case("E.6 timeout: an integer is made of it", "{location: a, timeout: 1.9}", Hook("a", timeout=1)),
        case("E.6 timeout: differs, not octal", "{location: a, timeout: 010}", Hook("a", timeout=10)),
        case("E.6 runas: default", "{location: a}", Hook("a", runas=None)),
        case("E.6 runas: a user", "{location: a, runas: www-data}", Hook("a", runas="www-data")),
        case("E.6 sudo: default", "{location: a}", Hook("a", sudo=False)),
        case("E.6 sudo: true", "{location: a, sudo: true}", Hook("a", sudo=True)),
    ],
)
def test_keys_of_a_hook(text: str, hook: Hook) -> None:
    assert hooks_of(text) == (hook,)


@rule("E.6 sum of timeouts: the hour and no more")
def test_timeouts_may_add_up_to_an_hour() -> None:
    assert len(hooks_of("{location: a, timeout: 1800}, {location: b, timeout: 1800}, {location: c}")) == 3


@rule("E.6 location: relative to the revision's root")
@pytest.mark.parametrize("location", ["bin/say.sh", "/bin/say.sh", "./bin/say.sh"])
def test_a_location_is_below_the_revision(host: Host, location: str) -> None:
    files = {"appspec.yml": appspec(hooks={"BeforeInstall": [{"location": location}]}), "bin/say.sh": script("exit 3")}
    step = host.deploy(host.told("d-1", revision(files)))
    assert (step.error_code, step.script_name) == ("ScriptFailed", location)


@rule("E.6 scripts in order: the first failure ends the event")
def test_scripts_run_one_after_the_other_up_to_the_first_failure(host: Host, tmp_path: Path) -> None:
    said = tmp_path / "said"
    spec = appspec(hooks={"BeforeInstall": [{"location": f"{name}.sh"} for name in "abc"]})
    files = {
        f"{name}.sh": script(f"echo {name} >>{said}", f"exit {end}") for name, end in (("a", 0), ("b", 5), ("c", 0))
    }
    step = host.deploy(host.told("d-1", revision({"appspec.yml": spec, **files})))
    assert (step.script_name, said.read_text().split()) == ("b.sh", ["a", "b"])


@rule("E.6 one location is one path: no arguments")
def test_a_location_with_a_space_is_one_path(host: Host) -> None:
    spec = appspec(hooks={"BeforeInstall": [{"location": "say.sh hello"}]})
    files = {"appspec.yml": spec, "say.sh": script("exit 3")}
    assert host.deploy(host.told("d-1", revision(files))).error_code == "ScriptMissing"
    files["say.sh hello"] = script("exit 4")
    assert host.deploy(host.told("d-2", revision(files))).message.endswith("exit code 4")

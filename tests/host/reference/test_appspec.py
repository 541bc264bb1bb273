"""The AppSpec rules of the CodeDeploy agent, section E of the reference: the file, and what it installs.

Not ours: the Windows parts (`os: windows`, permissions and runas there).
"""

import grp
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from host.appspec import FileExistsBehavior, FileMapping
from host.grammar import parse
from tests.host.archive.archives import member, tar
from tests.host.conftest import Host, appspec, revision, script
from tests.host.reference.rules import case, rule
from tests.host.test_appspec import HEAD, permission, problems

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

"""`stepdeploy validate`: every finding, all formats, exit statuses; bundles are made as a person would make them."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.bundle.findings import Finding, Severity, findings

HEAD = "version: 0.0\nos: linux\n"
HOOK = HEAD + "hooks:\n  AfterInstall:\n    - location: start.sh\n"
MISSING = HEAD + "files:\n  - source: app\n    destination: /srv/app\n"  # line 4, column 13


def bundle(folder: Path, appspec: str, files: dict[str, str] | None = None) -> Path:
    """A folder with an AppSpec and files; a name that ends in .sh is executable, one that ends in / is a folder."""
    root = folder / "bundle"
    root.mkdir()
    (root / "appspec.yml").write_text(appspec)
    for name, content in (files or {}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_bytes(content.encode())
            path.chmod(0o755 if name.endswith(".sh") else 0o644)
    return root


def told(path: Path) -> list[str]:
    """The findings as `severity file:line:column message`, the file relative to what was checked."""
    lines = []
    for each in findings(path):
        file = "" if path == Path(each.file) else str(Path(each.file).relative_to(path))
        place = ":".join(str(part) for part in (file, each.line, each.column) if part is not None)
        lines.append(f"{each.severity} {place} {each.message}")
    return lines


def run(*arguments: object) -> int:
    return main(["validate", *map(str, arguments)])


def test_a_bundle_without_a_mistake_has_no_findings(tmp_path: Path) -> None:
    appspec = HOOK + "files:\n  - {source: /, destination: /srv/app}\n"
    appspec += "permissions:\n  - {object: /srv/app, owner: root}\n"
    assert findings(bundle(tmp_path, appspec, {"start.sh": "#!/bin/sh\n"})) == []


def test_without_a_path_it_is_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bundle(tmp_path, MISSING))
    assert run() == 1
    assert capsys.readouterr().out.startswith("appspec.yml:4:13: error: ")


@pytest.mark.parametrize("example", ["webapp", "hooks"])
def test_the_examples_have_no_findings(example: str) -> None:
    assert findings(Path(__file__).parents[4] / "examples" / example) == []


def test_all_problems_of_the_grammar_are_errors_each_with_its_place(tmp_path: Path) -> None:
    assert told(bundle(tmp_path, "version: 1.0\nos: windows\nhooks: {AfterInstal: []}\n")) == [
        "error appspec.yml:1:10 version: invalid version value (1.0): the only version is 0.0",
        "error appspec.yml:2:5 os: unsupported operating system (windows): only linux is supported",
        "error appspec.yml:3:9 hooks.AfterInstal: unknown lifecycle event: did you mean AfterInstall?; events with"
        " hooks are BeforeBlockTraffic, AfterBlockTraffic, ApplicationStop, BeforeInstall, AfterInstall,"
        " ApplicationStart, ValidateService, BeforeAllowTraffic, AfterAllowTraffic",
    ]


def test_timeouts_of_one_event_over_an_hour_are_an_error_of_the_grammar(tmp_path: Path) -> None:
    hooks = "hooks:\n  AfterInstall: [{location: a.sh, timeout: 3000}, {location: b.sh, timeout: 601}]\n"
    message = "hooks.AfterInstall: its timeouts add up to 3601 seconds, at most 3600 are allowed"
    assert told(bundle(tmp_path, HEAD + hooks)) == [f"error appspec.yml:4:3 {message}"]


def test_warnings_of_the_grammar_are_warnings(tmp_path: Path) -> None:
    assert told(bundle(tmp_path, HEAD + "filse: []\n")) == [
        "warning appspec.yml:3:1 filse: is ignored: did you mean files?"
    ]


def test_a_byte_order_mark_is_a_warning(tmp_path: Path) -> None:
    message = "begins with a byte-order mark, which the CodeDeploy agent refuses"
    assert told(bundle(tmp_path, "\ufeff" + HEAD)) == [f"warning appspec.yml:1:1 {message}"]


def test_a_bundle_without_an_appspec_is_an_error_that_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "start.sh").touch()
    assert told(tmp_path) == ["error  has no appspec.yml at its root; it holds start.sh"]


def test_an_appspec_may_end_in_yaml(tmp_path: Path) -> None:
    (tmp_path / "appspec.yaml").write_text(MISSING)
    assert told(tmp_path) == ["error appspec.yaml:4:13 files[0].source: the revision has no 'app'"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\3\4 cut off"])
@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz", "tgz"])
def test_what_is_no_archive_is_an_error(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"bundle.{suffix}"
    path.write_bytes(content)
    (found,) = findings(path)
    assert (found.severity, found.file, found.line) == (Severity.ERROR, str(path), None)


def test_an_archive_that_leaves_its_folder_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("appspec.yml", HEAD)
        archive.writestr("../../evil", "")
    assert told(path) == ["error  entry '../../evil' would leave the revision's folder"]


def test_a_folder_is_refused_for_what_its_archive_would_be_refused_for(tmp_path: Path) -> None:
    root = bundle(tmp_path, HEAD)
    (root / "link").symlink_to("/etc/passwd")
    assert told(root) == ["error  entry 'link' links to '/etc/passwd', an absolute name"]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("inside", ["", "build-42/"])
def test_a_tar_archive_is_checked_like_the_folder_it_holds(mode: str, inside: str, tmp_path: Path) -> None:
    path = tmp_path / ("bundle.tar" if mode == "w" else "bundle.tar.gz")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        archive.add(bundle(tmp_path, MISSING) / "appspec.yml", f"{inside}appspec.yml")
    path.write_bytes(packed.getvalue())
    assert told(path) == ["error appspec.yml:4:13 files[0].source: the revision has no 'app'"]


def test_a_zip_archive_is_checked_like_the_folder_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "bundle.ZIP"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("appspec.yml", MISSING)
    assert told(path) == ["error appspec.yml:4:13 files[0].source: the revision has no 'app'"]


def test_a_folder_is_checked_by_way_of_a_link_to_it(tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(bundle(tmp_path, MISSING))
    assert told(link) == ["error appspec.yml:4:13 files[0].source: the revision has no 'app'"]


def test_a_bare_appspec_is_checked_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "my.yml"
    path.write_text(HOOK)
    assert findings(path) == []
    path.write_text("os: linux")
    message = "version: is missing: has no version value"
    assert findings(path) == [Finding(Severity.ERROR, message, str(path), 1, 1)]


def test_a_file_that_is_neither_archive_nor_text_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bundle.rar"
    path.write_bytes(b"Rar!\xff")
    message = "is not UTF-8 text, as an AppSpec is; an archive's name ends in one of .zip, .tar, .tar.gz, .tgz"
    assert told(path) == [f"error  {message}"]


def test_a_file_too_large_for_an_appspec_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "appspec.yml"
    path.write_text(" " * (1024**2 + 1))
    assert told(path) == ["error  is larger than 1048576 bytes"]


@pytest.mark.parametrize("name", ["scripts/start.sh", "x" * 300])
def test_a_script_that_does_not_exist_is_an_error(name: str, tmp_path: Path) -> None:
    appspec = HEAD + f"hooks:\n  AfterInstall:\n    - {{location: a.sh}}\n    - location: {name}\n"
    assert told(bundle(tmp_path, appspec, {"a.sh": "#!/bin/sh\n"})) == [
        f"error appspec.yml:6:17 hooks.AfterInstall[1].location: the revision has no script {name!r}"
    ]


def test_a_folder_is_no_script(tmp_path: Path) -> None:
    assert told(bundle(tmp_path, HOOK, {"start.sh/": ""})) == [
        "error appspec.yml:5:17 hooks.AfterInstall[0].location: the revision has no script 'start.sh'"
    ]


def test_the_place_of_a_script_that_is_merged_in_is_that_of_its_hook(tmp_path: Path) -> None:
    appspec = HEAD + "base: &base {location: gone.sh}\nhooks:\n  AfterInstall:\n    - <<: *base\n"
    assert told(bundle(tmp_path, appspec)) == [
        "warning appspec.yml:3:1 base: is ignored",
        "error appspec.yml:6:7 hooks.AfterInstall[0].location: the revision has no script 'gone.sh'",
    ]


def test_a_script_of_an_event_that_runs_none_is_not_looked_for(tmp_path: Path) -> None:
    assert told(bundle(tmp_path, HEAD + "hooks: {Install: [{location: gone.sh}]}\n")) == [
        "warning appspec.yml:3:9 hooks.Install: cannot be scripted: its scripts are never run"
    ]


def test_a_script_that_is_not_executable_is_a_warning_once(tmp_path: Path) -> None:
    root = bundle(tmp_path, HOOK + "    - location: /start.sh\n", {"start.sh": "#!/bin/sh\n"})
    (root / "start.sh").chmod(0o644)
    assert told(root) == ["warning start.sh is not executable: the host makes it so before it runs it"]


def test_a_script_without_any_permission_in_its_archive_can_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar"
    with tarfile.open(path, "w") as archive:
        for name, content, mode in (("appspec.yml", HOOK, 0o644), ("start.sh", "#!/bin/sh\n", 0)):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content.encode()))
    assert told(path) == ["warning start.sh is not executable: the host makes it so before it runs it"]


@pytest.mark.parametrize("line", ["#!/bin/sh", "#!/bin/sh -e", "#! /usr/bin/env python3", "#!/usr/bin/perl"])
def test_a_carriage_return_in_the_interpreter_line_is_an_error(line: str, tmp_path: Path) -> None:
    (found,) = told(bundle(tmp_path, HOOK, {"start.sh": f"{line}\r\ntrue\r\n"}))
    wanted = line[2:].strip() + "\r"
    assert found == (
        "error start.sh:1 its first line has a carriage return (Windows line endings), so hosts do not find"
        f" {wanted!r}: save it with LF"
    )


def test_env_with_an_argument_is_an_error(tmp_path: Path) -> None:
    assert told(bundle(tmp_path, HOOK, {"start.sh": "#!/usr/bin/env bash -e\ntrue\n"})) == [
        "error start.sh:1 its first line asks env for one program that is called 'bash -e':"
        " write #!/usr/bin/env -S bash -e"
    ]


@pytest.mark.parametrize(
    "line", ["#!/usr/bin/perl -w\r", "#!/usr/bin/env -S bash -e", "#!/usr/bin/env bash", "#!/bin/sh -e -u"]
)
def test_a_first_line_that_works_is_no_error(line: str, tmp_path: Path) -> None:
    assert not [one for one in told(bundle(tmp_path, HOOK, {"start.sh": line + "\n"})) if one.startswith("error")]


def test_windows_line_endings_without_an_interpreter_line_are_warnings(tmp_path: Path) -> None:
    assert told(bundle(tmp_path, HOOK, {"start.sh": "true\r\ntrue\r\n"})) == [
        "warning start.sh:1 has Windows line endings (CRLF), which interpreters do not accept: save it with LF",
        "warning start.sh:1 has no interpreter line (for example #!/bin/bash): the host runs it with /bin/sh",
    ]


@pytest.mark.parametrize("content", ["", "echo hello\n"])
def test_a_script_without_an_interpreter_line_is_a_warning(content: str, tmp_path: Path) -> None:
    assert told(bundle(tmp_path, HOOK, {"start.sh": content})) == [
        "warning start.sh:1 has no interpreter line (for example #!/bin/bash): the host runs it with /bin/sh"
    ]


def test_a_script_that_begins_with_a_byte_order_mark_is_a_warning(tmp_path: Path) -> None:
    assert told(bundle(tmp_path, HOOK, {"start.sh": "\ufeff#!/bin/sh\n"})) == [
        "warning start.sh:1 begins with a byte-order mark, so its #! line is ignored: save it as UTF-8 without one"
    ]


@pytest.mark.parametrize(
    ("location", "meant"),
    [
        ("scripts\\\\a.sh", "write scripts/a.sh"),
        ("scripts/a.sh prod", "arguments are not possible: write a script that calls scripts/a.sh with them"),
        ("Scripts/A.sh", "it holds scripts/a.sh: names are case-sensitive"),
        ("$HOME/a.sh", "variables are not expanded: write the path itself, for example scripts/start.sh"),
        ("~/a.sh", "~ is not expanded"),
        ("C:/a.sh", "this is how Windows writes paths"),
    ],
)
def test_a_script_that_is_missing_is_told_with_what_was_meant(location: str, meant: str, tmp_path: Path) -> None:
    text = HEAD + f'hooks:\n  AfterInstall:\n    - location: "{location}"\n'
    (found,) = told(bundle(tmp_path, text, {"scripts/a.sh": "#!/bin/sh\n"}))
    assert found.startswith("error appspec.yml:5:17 hooks.AfterInstall[0].location: the revision has no script ")
    assert meant in found


def test_a_source_that_is_missing_is_told_with_what_was_meant(tmp_path: Path) -> None:
    text = HEAD + "files:\n  - {source: 'dist\\app', destination: /srv}\n  - {source: ' dist', destination: /srv}\n"
    assert [one for one in told(bundle(tmp_path, text, {"dist/app/x": ""})) if one.startswith("error")] == [
        "error appspec.yml:4:14 files[0].source: the revision has no 'dist\\\\app': write dist/app",
        "error appspec.yml:5:14 files[1].source: the revision has no ' dist': the spaces around it belong to the"
        " name, as with the CodeDeploy agent: leave them out",
    ]


def test_a_program_needs_no_interpreter_line(tmp_path: Path) -> None:
    assert findings(bundle(tmp_path, HOOK, {"start.sh": "\x7fELF"})) == []


def test_every_source_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    files = "files:\n  - {source: a, destination: /x}\n  - {source: b.txt/c, destination: /x}\n"
    permissions = "permissions:\n  - {object: /x/a}\n"  # not told: a is missing, and was told
    assert told(bundle(tmp_path, HEAD + files + permissions, {"b.txt": ""})) == [
        "error appspec.yml:4:14 files[0].source: the revision has no 'a'",
        "error appspec.yml:5:14 files[1].source: the revision has no 'b.txt/c'",
    ]


def test_a_source_that_goes_round_by_a_link_is_an_error(tmp_path: Path) -> None:
    root = bundle(tmp_path, HEAD + "files: [{source: app, destination: /x}]\n", {"app/a": ""})
    (root / "app" / "again").symlink_to(".")
    assert told(root) == ["error appspec.yml:3:8 files: 'app/again' links to a folder that it lies in"]


def test_two_sources_for_one_destination_are_an_error(tmp_path: Path) -> None:
    files = "files: [{source: a/x, destination: /srv}, {source: b/x, destination: /srv}]\n"
    message = "The deployment specifies two source files named a/x and b/x for the same destination /srv/x"
    assert told(bundle(tmp_path, HEAD + files, {"a/x": "", "b/x": ""})) == [f"error appspec.yml {message}"]


@pytest.mark.parametrize("order", [1, -1])
def test_a_destination_that_is_both_file_and_folder_is_an_error(order: int, tmp_path: Path) -> None:
    entries = ["{source: a, destination: /srv}", "{source: b, destination: /srv/a}"]
    files = f"files: [{', '.join(entries[::order])}]\n"
    message = "The deployment specifies /srv/a both as a file and as a folder"
    assert told(bundle(tmp_path, HEAD + files, {"a": "", "b": ""})) == [f"error appspec.yml {message}"]


def test_permissions_given_twice_are_an_error(tmp_path: Path) -> None:
    files = "files: [{source: a, destination: /srv}]\n"
    permissions = "permissions: [{object: /srv/a}, {object: /srv, pattern: a}]\n"
    message = "the permissions setting for (/srv/a) is specified more than once"
    assert told(bundle(tmp_path, HEAD + files + permissions, {"a": ""})) == [f"error appspec.yml {message}"]


def test_a_pattern_for_a_file_is_an_error_with_its_place(tmp_path: Path) -> None:
    text = HEAD + "files: [{source: a, destination: /srv}]\npermissions:\n  - {object: /srv/a, pattern: x}\n"
    message = "permissions[0]: /srv/a is a file: it takes neither pattern nor except"
    assert told(bundle(tmp_path, text, {"a": ""})) == [f"error appspec.yml:5:5 {message}"]


def test_an_empty_folder_as_a_source_is_a_warning(tmp_path: Path) -> None:
    assert told(bundle(tmp_path, HEAD + "files: [{source: app, destination: /srv}]\n", {"app/": ""})) == [
        "warning appspec.yml:3:18 files[0].source: 'app' is an empty folder"
    ]


def test_permissions_that_match_nothing_are_a_warning(tmp_path: Path) -> None:
    files = "files: [{source: app, destination: /srv/app}]\n"
    permissions = "permissions:\n  - {object: /srv/app}\n  - {object: /srv/ap}\n"
    assert told(bundle(tmp_path, HEAD + files + permissions, {"app/a": ""})) == [
        "warning appspec.yml:6:5 permissions[1]: matches nothing that this revision installs"
    ]

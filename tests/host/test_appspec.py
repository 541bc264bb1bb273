"""The grammar of an AppSpec, rule by rule (reference: AppSpec "files", "permissions" and "hooks" sections)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.appspec import AppSpec, AppSpecError, FileExistsBehavior, Hook, ObjectType
from host.grammar import parse
from host.lifecycle import LifecycleEvent

HEAD = "version: 0.0\nos: linux\n"


def problems(text: str) -> str:
    with pytest.raises(AppSpecError) as error:
        parse(text)
    return str(error.value)


def permission(text: str) -> str:
    return f"{HEAD}permissions:\n  - {{object: /srv, {text}}}\n"


def test_the_smallest_appspec() -> None:
    assert parse(HEAD) == AppSpec(files=(), permissions=(), hooks={}, file_exists_behavior=None)


def test_all_problems_of_a_file_are_told_together_each_with_its_place() -> None:
    text = "version: 1.0\nos: windows\nfiles:\n  - source: a\n"
    text += "hooks:\n  AfterInstall:\n    - location: x\n      timeout: -3\n"
    assert problems(text).splitlines() == [
        "appspec.yml:1:10: version: invalid version value (1.0): the only version is 0.0",
        "appspec.yml:2:5: os: unsupported operating system (windows): only linux is supported",
        "appspec.yml:4:5: files[0].destination: is missing: has no destination value",
        "appspec.yml:8:16: hooks.AfterInstall[0].timeout: -3 is not a positive whole number of seconds",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: is empty"), ("# nothing", "is empty"), ("a: [", "is not YAML"), ("- a", "must be a mapping"),
        ("text", "must be a mapping"), ("[" * 101, "nested too deeply"), ("{" * 3000, "nested too deeply"),
        ("x" * 300_000, "at most 262144"),
        ("os: linux", "version: is missing"), ("version: 0.0", "os: is missing"), ("a: \x00", "is not YAML"),
        (HEAD + "files: {source: a}", "3:8: files: must be a list"),
        (HEAD + "files: [a]", "files[0]: must be a mapping"),
        (HEAD + "files: [{source: ../a, destination: /b}]", "'../a' leads out of the revision"),
        (HEAD + "files: [{source: a/../../b, destination: /b}]", "leads out of the revision"),
        (HEAD + "files: [{source: '', destination: /b}]", "has no source value"),
        (HEAD + "files: [{source: [a], destination: /b}]", "must be a single value, not a list"),
        (HEAD + "file_exists_behavior: overwrite", "allowed are DISALLOW, OVERWRITE, RETAIN"),
        (HEAD + "hooks: {AfterInstal: []}", "did you mean AfterInstall?"),
        (HEAD + "hooks: {AfterInstall: {location: a}}", "hooks.AfterInstall: must be a list"),
        (HEAD + "hooks: {AfterInstall: [{timeout: 3}]}", "hooks.AfterInstall[0].location: is missing"),
        (HEAD + "hooks: {AfterInstall: [{location: }]}", "has no location value"),
        (HEAD + "hooks: {AfterInstall: [{location: ../../bin/sh}]}", "leads out of the revision"),
        (HEAD + "hooks: {AfterInstall: [{location: /}]}", "not a script"),
        (HEAD + "hooks: {AfterInstall: [{location: a, timeout: soon}]}", "soon is not a positive whole number"),
        (HEAD + "hooks: {AfterInstall: [{location: a, timeout: .nan}]}", "not a positive whole number"),
        (HEAD + "hooks: {AfterInstall: [{location: a, timeout: 4000}]}", "add up to 4000 seconds, at most 3600"),
        (HEAD + "hooks: {AfterInstall: [{location: a, timeout: 3000}, {location: a, timeout: 601}]}", "add up to 3601"),
        (HEAD + "hooks: {AfterInstall: [{location: a, runas: -c}]}", "'-c' is not the name of a user"),
        (HEAD + "hooks: {AfterInstall: [{location: a, runas: 'a b'}]}", "is not the name of a user"),
        (permission("mode: 888"), "'888' is not a mode"), (permission("mode: u+x"), "is not a mode"),
        (permission("mode: 12345"), "is not a mode"), (permission("type: [link]"), "allowed are file and directory"),
        (permission("type: file"), "permissions[0].type: must be a list"),
        (permission("owner: 1000"), "1000 is a number"), (permission("acls: ['u::rw']"), "use mode instead"),
        (permission("acls: [r]"), "Invalid acl entry 'r'"), (permission("acls: ['mask:bob:r']"), "takes no name"),
        (permission("acls: ['bob:rq']"), "letters of rwx- or a digit"), (permission("context: {user: a}"), "type"),
        (permission("context: {type: t, role: r}"), "role: is not supported"),
        (permission("context: {type: t, range: s1-s0}"), "below the low one"),
        (permission("context: {type: t, range: 's0:c1024'}"), "end at c1023"),
        (permission("context: {type: t, range: 's0:c1.c3,c2'}"), "given twice"),
        (HEAD + "permissions: [{mode: 644}]", "permissions[0].object: is missing"),
        (HEAD + "files:\n  source: a\n  destination: /b\n", "4:3: files: must be a list, not a mapping: begin"),
        (HEAD + "hooks:\n  - AfterInstall: []\n", "4:3: hooks: must be a mapping, not a list: leave out the -"),
        (HEAD + "hooks: {AfterInstall: [{location: a, timeout: 5m}]}", "whole number of seconds: write 300"),
        (HEAD + "hooks: {AfterInstall: [{location: a, timeout: 1 hour}]}", "number of seconds: write 3600"),
        (HEAD + "hooks: {AfterInstall: [{location: a, timeout: 0s}]}", "0s is not a positive"),
        (HEAD + "hooks: {beforeinstall: []}", "3:9: hooks.beforeinstall: unknown lifecycle event: write Before"),
        (HEAD + "hooks: {BEFOREINSTALL: []}", "write BeforeInstall, names are case-sensitive"),
        (HEAD + "hooks: {AfterInstall: [{Location: a}]}", "has no location value: write location, not Location"),
        ("version: 0.0\nOS: linux\n", "1:1: os: is missing: has no os value: write os, not OS"),
        ("version: 0.0\nResources:\n  - a: {Type: AWS::ECS::Service}\nHooks:\n  - BeforeInstall: f\n",
         "2:1: Resources: belongs to an AppSpec for Lambda or ECS; one for EC2"),
        (HEAD + "hooks:\n\tAfterInstall: []\n", "4:1: is not YAML: a tab indents this line: use spaces only"),
        (HEAD + "hooks:\n  AfterInstall:\n    - location: a\n\t  timeout: 3\n", "6:1: is not YAML: a tab indents"),
        (HEAD + 'files:\n  - source: "a\n    destination: /b\n', "4:13: is not YAML: the quote \" that opens here"),
        (HEAD + "files:\n  - source: 'a\n    destination: '/b'\n", "4:13: is not YAML: the quote ' that opens here"),
        (HEAD + "<<<<<<< HEAD\nfiles: []\n=======\nhooks: {}\n>>>>>>> other\n", "3:1: is not YAML: a merge conflict"),
        ("version: 0.0\nos: \u201clinux\u201d\n", "2:5: os: '\u201clinux\u201d' has a typographic quote: write \""),
        (HEAD + "hooks: {AfterInstall: [{location: \u2018a\u2019}]}", "has a typographic quote"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, said: str) -> None:
    assert said in problems(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('version: "0.0"\nos: linux\n', "1:10: version: is quoted"), ("\ufeff" + HEAD, "byte-order mark"),
        (permission("mode: 0644"), "is taken as octal 0644"), (HEAD + "fils: []", "did you mean files?"),
        (HEAD + "hooks: {Install: [{location: a}]}", "cannot be scripted"),
        (HEAD + "files: [{source: a, destination: srv}]", "'srv' is not absolute"),
        (HEAD + "os: linux", "given twice"),
        (HEAD + "Hooks: {}", "3:1: Hooks: is ignored: write hooks, names are case-sensitive"),
        (HEAD + "---\nhooks: {}\n", "3:1: a second YAML document begins here, which is ignored"),
        (HEAD + "---\n\t[broken", "a second YAML document begins here"),
        (permission("except: [a, b/c]"), "permissions[0].except[1]: 'b/c' matches nothing, because it has a slash"),
        (permission("pattern: b/*"), "permissions[0].pattern: 'b/*' matches nothing, because it has a slash"),
        (HEAD + "files: [{source: ' a', destination: /b}]", "files[0].source: ' a': the spaces around it belong"),
        (HEAD + "files: [{source: a, destination: '/b '}]", "files[0].destination: '/b ': the spaces around it"),
        (HEAD + "Resources: []", "Resources: is ignored"),
    ],
)  # fmt: skip
def test_what_is_taken_with_a_warning(text: str, said: str) -> None:
    assert said in "\n".join(map(str, parse(text).warnings))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("~/app", "~ is not expanded: write the home folder itself"), ("~", "~ is not expanded"),
        ("~ann/app", "~ is not expanded"), ("$HOME/app", "variables are not expanded: write the path itself"),
        ("/srv/${APP}", "variables are not expanded"), ("/srv/$(hostname)", "variables are not expanded"),
        ("/srv/`hostname`", "variables are not expanded"), ("%ProgramFiles%/app", "variables are not expanded"),
        ("C:\\app", "this is how Windows writes paths"), ("C:/app", "this is how Windows"),
        ("\\\\host\\app", "this is how Windows"), ("/srv\\app", "this is how Windows"),
        ("../srv/app", "write it from / on"), ("./../app", "write it from / on"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["destination", "object"])
def test_a_folder_that_only_a_shell_or_windows_would_understand_is_refused(field: str, place: str, said: str) -> None:
    entry = {"destination": {"source": "a", "destination": place}, "object": {"object": place}}[field]
    part = {"destination": "files", "object": "permissions"}[field]
    found = problems(f"{HEAD}{part}: [{json.dumps(entry)}]")
    assert f"{part}[0].{field}: {place!r}: " in found and said in found


def test_a_destination_that_begins_with_a_space_is_refused() -> None:
    assert "files[0].destination: ' /srv': " in problems(HEAD + "files: [{source: a, destination: ' /srv'}]")


@pytest.mark.parametrize("place", ["/srv/app~", "/srv/50%", "/srv/a$", "/srv/a..b", "/srv/x/../app"])
def test_a_folder_of_an_odd_name_is_taken(place: str) -> None:
    assert not parse(HEAD + f"files: [{{source: a, destination: '{place}'}}]").warnings


def test_spaces_are_taken_away_where_the_agent_does_so() -> None:
    """Its application_specification.rb strips location, runas and object, and neither source nor destination."""
    text = HEAD + "files: [{source: ' a ', destination: '/srv '}]\npermissions: [{object: ' /srv '}]\n"
    text += 'hooks: {AfterInstall: [{location: " bin/a.sh\\n", runas: " ann ", timeout: " 60 "}]}\n'
    spec = parse(text)
    assert spec.hooks[LifecycleEvent.AFTER_INSTALL] == (Hook("bin/a.sh", 60, "ann"),)
    assert (spec.files[0].source, spec.files[0].destination, spec.permissions[0].object) == (" a ", "/srv ", "/srv")


@pytest.mark.parametrize("field", ["location", "runas", "object"])
def test_a_value_of_spaces_alone_is_none(field: str) -> None:
    entry = json.dumps({"location": "a", field: "  "})
    part = f"permissions: [{entry}]" if field == "object" else f"hooks: {{AfterInstall: [{entry}]}}"
    assert f"{field}: " in problems(HEAD + part)


def test_a_timeout_in_minutes_and_seconds_is_the_number_that_yaml_makes_of_it() -> None:
    spec = parse(HEAD + "hooks: {AfterInstall: [{location: a, timeout: 5:00}]}")
    assert spec.hooks[LifecycleEvent.AFTER_INSTALL] == (Hook("a", 300),)


def test_quotes_over_more_than_one_line_are_yaml() -> None:
    assert parse(HEAD + "files: [{source: a, destination: '/srv/a\n  b'}]").files[0].destination == "/srv/a b"
    assert "is not YAML: while" in problems(HEAD + "x: 'a\n  b'\ny: [")


@pytest.mark.parametrize("source", ["/", "./", ".", "a/..", "//"])
def test_the_root_has_many_names(source: str) -> None:
    (mapping,) = parse(f"{HEAD}files: [{{source: {source}, destination: /srv/app/}}]").files
    assert (mapping.source, mapping.destination) == ("", "/srv/app")


@pytest.mark.parametrize(
    ("mode", "is_"), [("644", 0o644), ('"0644"', 0o644), ("0644", 0o644), ("4755", 0o4755), ("7", 7)]
)
def test_a_mode_is_octal_however_it_is_written(mode: str, is_: int) -> None:
    assert parse(permission(f"mode: {mode}")).permissions[0].mode == is_


def test_a_permission_and_its_defaults() -> None:
    plain, full = parse(
        f"{HEAD}permissions:\n  - object: /srv/\n  - {{object: /srv, pattern: '*.py', except: [a, b*], type: [file],"
        " owner: root, group: adm, acls: ['bob:6', 'd:g:ops:rx', 'm::r'],"
        " context: {type: t, name: u, range: 's0:c0.c3'}}\n"
    ).permissions
    assert (plain.object, plain.pattern, plain.exceptions) == ("/srv", "**", ())
    assert plain.types == (ObjectType.FILE, ObjectType.DIRECTORY) and plain.mode is None
    assert (full.pattern, full.exceptions, full.types) == ("*.py", ("a", "b*"), (ObjectType.FILE,))
    assert [str(entry) for entry in full.acls] == ["user:bob:rw-", "default:group:ops:r-x", "mask::r--"]
    assert full.context is not None and (full.context.type, full.context.user) == ("t", "u")


def test_hooks_in_order_with_their_defaults() -> None:
    text = HEAD + "hooks:\n  BeforeAllowTraffic:\n"
    text += "  AfterInstall: [{location: a}, {location: b, timeout: '9', runas: www-data}]\n"
    hooks = parse(text).hooks
    assert hooks[LifecycleEvent.AFTER_INSTALL] == (Hook("a", 3600), Hook("b", 9, "www-data"))
    assert hooks[LifecycleEvent.BEFORE_ALLOW_TRAFFIC] == ()


def test_anchors_and_merges_are_yaml() -> None:
    text = HEAD + "x: &x {timeout: 5}\nhooks: {AfterInstall: [{<<: *x, location: a}]}\nfile_exists_behavior: RETAIN\n"
    spec = parse(text)
    assert spec.hooks[LifecycleEvent.AFTER_INSTALL] == (Hook("a", 5),)
    assert spec.file_exists_behavior is FileExistsBehavior.RETAIN


def test_aliases_cannot_make_a_small_file_large() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    assert parse(HEAD + bomb + "m: &m {<<: *m}\n").files == ()


@pytest.mark.parametrize(
    "text",
    [
        'x: "\\UFFFFFFFF"', 'x: "\\U00110000"', f"%YAML 1.{'1' * 5000}\n---\n{HEAD}",
        permission(f"context: {{type: t, range: s{'1' * 5000}-s1}}"),
        permission('owner: "a\\0b"'), HEAD + 'files: [{source: "\\ud800", destination: /a}]',
    ],
)  # fmt: skip
def test_what_python_cannot_take_is_an_error_of_the_file(text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 {x: 1}\n"
        + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 8)}]}}\n" for n in range(1, 12))
        + "hooks: {<<: *a11}",
        "x: &x {object: /a, acls: [" + "b:r," * 1000 + "]}\npermissions: [" + "*x," * 1000 + "]",
    ],
    ids=["merges of merges", "many times a long list"],
)
def test_aliases_are_followed_only_so_far(text: str) -> None:
    assert "more than 50000 values" in problems(HEAD + text)


def test_merges_are_followed_only_so_deep() -> None:
    chain = "".join(f"- &a{number} {{<<: *a{number - 1}}}\n" for number in range(1, 3000))
    assert "merges mappings more than 50 deep" in problems(HEAD + "x:\n- &a0 {}\n" + chain + "hooks: *a2999\n")


def test_the_longest_list_of_files_is_not_too_many_values() -> None:
    entry = "- {source: a, destination: /b}\n"
    text = HEAD + "files:\n" + entry * 2000
    assert len(parse(text).files) == 2000


@pytest.mark.parametrize(
    "text", [HEAD + 'hooks: {"a\\nb\\u2028": []}', 'version: 0.0\nos: "a\\r\\nb"', HEAD + "hooks: [\x85]"]
)
def test_a_problem_is_one_line_whatever_the_file_says(text: str) -> None:
    assert len(problems(text).splitlines()) == 1


def test_what_is_told_of_a_hopeless_file_stays_readable() -> None:
    said = problems(HEAD + "hooks:\n" + "".join(f"  {'k' * 5000}{number}: []\n" for number in range(40)))
    assert max(map(len, said.splitlines())) < 1200
    assert len(problems(HEAD + "hooks:\n" + "".join(f"  k{n}: []\n" for n in range(500))).splitlines()) == 100
    assert len(parse(HEAD + "".join(f"k{n}: 1\n" for n in range(500))).warnings) == 100


def test_a_value_has_one_problem_at_a_time() -> None:
    text = "version: {}\nos: []\nfiles: [{source: [a], destination: /b}]"
    assert [problem.split(": ")[-1] for problem in problems(text).splitlines()] == [
        "must be a single value, not a mapping", "must be a single value, not a list",
        "must be a single value, not a list",
    ]  # fmt: skip


@given(st.text(alphabet="version: 0.os linuxhk[]{}-&*<!|>'\"\n\t#ß", max_size=80))
def test_any_text_is_an_appspec_or_an_error(text: str) -> None:
    for whole in (text, HEAD + text, HEAD + "hooks: " + text, HEAD + "permissions: [{object: /a, " + text):
        try:
            parse(whole)
        except AppSpecError as error:
            assert error.problems

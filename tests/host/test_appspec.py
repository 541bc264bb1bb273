"""The grammar of an AppSpec, rule by rule (reference: AppSpec "files", "permissions" and "hooks" sections)."""

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
        ("text", "must be a mapping"), ("[" * 3000, "nested too deeply"), ("x" * 300_000, "at most 262144"),
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
    ],
)  # fmt: skip
def test_what_is_taken_with_a_warning(text: str, said: str) -> None:
    assert said in "\n".join(map(str, parse(text).warnings))


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

"""The published schema: editors accept what the parser takes without a word, and mark the rest."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from host.appspec import AppSpecError
from host.grammar import parse
from host.lifecycle import WITHOUT_HOOKS, LifecycleEvent

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "appspec.schema.json").read_text())
HEAD = "version: 0.0\nos: linux\n"


def in_editor(text: str) -> bool:
    return bool(jsonschema.Draft7Validator(SCHEMA).is_valid(yaml.safe_load(text)))


def in_parser(text: str) -> bool:
    try:
        return not parse(text).warnings
    except AppSpecError:
        return False


def permission(*lines: str) -> str:
    return HEAD + "permissions:\n  - object: /srv\n" + "".join(f"    {line}\n" for line in lines)


def hook(*lines: str, event: str = "AfterInstall") -> str:
    return HEAD + f"hooks:\n  {event}:\n    - location: a.sh\n" + "".join(f"      {line}\n" for line in lines)


GOOD = [
    HEAD,
    "version: 0\nos: linux\nfiles:\nhooks:\npermissions:\n",
    HEAD + "file_exists_behavior: RETAIN\n",
    HEAD + "files:\n  - {source: /, destination: /srv}\n  - {source: ./a/b, destination: /srv/..c}\n",
    HEAD + "files:\n  - {source: ..a, destination: /srv}\n",
    permission(),
    permission("pattern: '*.py'", "except: [a, b*]", "type: [file]", "owner: ann", "group: web-users", "mode: 755"),
    permission("mode: '0644'"),
    permission("mode: 7"),
    permission("mode: 4755"),
    permission("acls: ['u:ann:rw', 'bob:7', 'default:group:web:r-x', 'm:rwx']"),
    permission("context: {user: system_u, type: httpd_sys_content_t, range: 's0-s15:c0.c1023'}"),
    permission("context:", "owner:", "mode:"),
    hook("timeout: 300", "runas: ann", "sudo: true"),
    hook("timeout:", "runas:"),
    hook("runas: ann@example.org"),
    *(hook(event=event.value) for event in LifecycleEvent if event not in WITHOUT_HOOKS),
    HEAD + "hooks:\n  AfterInstall:\n",
    *((ROOT / path).read_text() for path in ("examples/webapp/appspec.yml", "examples/hooks/appspec.yml")),
]
BAD = [
    "os: linux\n",
    "version: 0.0\n",
    "version: 1.0\nos: linux\n",
    "version: '0.0'\nos: linux\n",
    "version: 0.0\nos: windows\n",
    "- version: 0.0\n",
    HEAD + "file: []\n",
    HEAD + "file_exists_behavior: overwrite\n",
    HEAD + "files: /srv\n",
    HEAD + "files:\n  - source: a\n",
    HEAD + "files:\n  - {source: '', destination: /srv}\n",
    HEAD + "files:\n  - {source: ../a, destination: /srv}\n",
    HEAD + "files:\n  - {source: /../a, destination: /srv}\n",
    HEAD + "files:\n  - {source: a, destination: srv}\n",
    HEAD + "permissions:\n  - {mode: 755}\n",
    permission("type: [link]"),
    permission("except: [a/b]"),
    permission("pattern: a/*"),
    *(
        HEAD + "files:\n  - {source: a, destination: '" + place + "'}\n"
        for place in ("~/app", "$HOME/app", "/srv/${APP}", "/srv/$APP", "/srv/%APP%", "C:\\app", "/srv\\app", "/srv ")
    ),
    HEAD + "files:\n  - {source: ' a', destination: /srv}\n",
    HEAD + "Hooks: {}\n",
    hook("timeout: 5m"),
    permission("owner: 0"),
    permission("owner: '1000'"),
    permission("mode: rwxr-xr-x"),
    permission("mode: '0o755'"),
    permission("mode: 99999"),
    permission("acls: [rw]"),
    permission("acls: ['u:ann:rwq']"),
    permission("context: {user: system_u}"),
    permission("context: {type: t, role: r}"),
    permission("context: {type: t, range: c1}"),
    permission("acl: []"),
    hook(event="AfterInstal"),
    hook(event="Install"),
    hook("timeout: 0"),
    hook("timeout: soon"),
    hook("timeout: 3601"),
    hook("run_as: ann"),
    hook("sudo: please"),
    hook("runas: -c"),
    HEAD + "hooks:\n  AfterInstall:\n    - timeout: 3\n",
    HEAD + "hooks:\n  AfterInstall: a.sh\n",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_the_parser_takes_is_good_in_an_editor(text: str) -> None:
    assert in_parser(text) and in_editor(text)


@pytest.mark.parametrize("text", BAD)
def test_what_the_parser_refuses_or_warns_of_is_marked_in_an_editor(text: str) -> None:
    assert not in_parser(text) and not in_editor(text)


def test_the_schema_is_a_schema_and_describes_every_event() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    events = {event.value for event in LifecycleEvent if event not in WITHOUT_HOOKS}
    assert set(SCHEMA["properties"]["hooks"]["properties"]) == events


def keys(schema: Any) -> set[str]:
    return set(schema["properties"])


def test_the_schema_has_the_parsers_keys() -> None:
    definitions = SCHEMA["definitions"]
    assert keys(SCHEMA) == {"version", "os", "files", "permissions", "hooks", "file_exists_behavior"}
    assert keys(definitions["scripts"]["items"]) == {"location", "timeout", "runas", "sudo"}
    assert len(keys(definitions["permission"])) == 9

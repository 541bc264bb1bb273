"""Every command in README.md and docs/ is one: the verb, its arguments and its options exist."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.session import get_session

from cli.__main__ import ROOMS, stepdeploy
from tests.documents import ROOT, Command, blocks, commands
from tests.recorded import differences

COMMANDS = commands()
OF_THE_CLI_ITSELF = {  # of awscli, beside the services of botocore
    "s3": {"cp"},
    "configure": set[str](),
    "sso": {"login"},
    "deploy": {"push", "wait"},
}
GLOBAL_OPTIONS = {"query", "output", "cli-binary-format", "region", "profile", "recursive"}


def calls(program: str) -> list[Any]:
    found = [(each, call[1:]) for each in COMMANDS for call in each.calls if call[0] == program]
    assert found, f"no page calls {program}"
    return [pytest.param(one, words, id=str(one)) for one, words in found]


@pytest.mark.parametrize(("one", "words"), calls("stepdeploy"))
def test_stepdeploy_takes_it(one: Command, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()
    words = [word for word in words if word != "..."]
    context = click.Context(stepdeploy, info_name="stepdeploy", **stepdeploy.context_settings)
    own = {name: each for each in stepdeploy.get_params(context) for name in each.opts}
    while words and (option := own.get(words[0])):  # those that may stand before the verb
        words = words[1:] if isinstance(option, click.Option) and option.is_flag else words[2:]
    verb, *arguments = words or ["VERB"]
    if verb == "VERB":  # any
        return
    command = stepdeploy.get_command(context, verb)
    assert command, f"there is no verb {verb}"
    if one.in_sentence:  # where arguments may be left out
        known = {name for each in command.get_params(context) for name in (*each.opts, *each.secondary_opts)}
        assert {word for word in arguments if word.startswith("--") and word != "--"} <= known
        return
    with command.make_context(verb, arguments, parent=context):
        pass


def test_the_page_of_the_command_line_has_every_verb_with_its_help() -> None:
    page = (ROOT / "docs/command-line.md").read_text().partition("\n## All verbs\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?:\[`([a-z-]+)`\]\([^)]+\)|`(help)`) \| (.+) \|$", page, re.MULTILINE)
    told = [(verb or other, text) for verb, other, text in rows]
    assert told == [(verb, text) for verbs in ROOMS.values() for verb, text in verbs.items()]


@pytest.mark.parametrize(("one", "words"), calls("make"))
def test_make_has_the_target(one: Command, words: list[str]) -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert next(word for word in words if "=" not in word) in targets


@pytest.mark.parametrize(("one", "words"), calls("aws"))
def test_the_aws_cli_has_the_operation_and_its_options(one: Command, words: list[str]) -> None:
    service, operation, *rest = words
    if operation in OF_THE_CLI_ITSELF.get(service, ()):
        return
    model = service_model("codedeploy" if service == "deploy" else service)
    if model is None:
        assert service == "stepdeploy"
        return
    by_name = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in by_name, f"aws {service} has no {operation}"
    shape = model.operation_model(by_name[operation]).input_shape
    known = {xform_name(name, "-") for name in (shape.members if shape else ())}
    given = {word.removeprefix("--").removeprefix("no-") for word in rest if word.startswith("--")}
    assert given <= known | GLOBAL_OPTIONS


def test_what_is_shown_of_a_new_folder_is_what_the_commands_say(tmp_path: Path) -> None:
    assert list(map(str, differences("a new folder", tmp_path, {}))) == []


def test_the_demo_in_the_readme_is_a_part_of_the_recorded_one() -> None:
    """docs/demo.txt is what `make demo` printed; `make record` writes it anew."""
    (shown,) = [block.lines for block in blocks(ROOT / "README.md") if any("seen" in line for line in block.lines)]
    recorded = iter([line.rstrip() for line in (ROOT / "docs/demo.txt").read_text().splitlines()])
    for line in shown:
        assert line == "..." or line in recorded, f"not in docs/demo.txt, or not in this order: {line}"


@cache
def service_model(service: str) -> Any:
    try:
        return get_session().get_service_model(service)
    except UnknownServiceError:
        return None

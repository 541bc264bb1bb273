"""`pip install .`: the command without the repository, and no other name beside `stepdeploy`."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation that pip made, without the network: nothing is needed to build it."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps", "--quiet"]
    ran = subprocess.run([*pip, "--target", str(folder), str(ROOT)], capture_output=True, text=True, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return folder


def run(installed: Path, *arguments: str, cwd: Path) -> str:
    """The command's output, in a folder that has packages of the same names as ours."""
    for name in ("cli", "functions", "infra"):
        (cwd / name).mkdir(exist_ok=True)
        (cwd / name / "__init__.py").write_text("raise RuntimeError('this is not ours')\n")
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{installed}:{cwd}:{libraries}", "HOME": str(cwd)}
    command = [sys.executable, "-S", str(installed / "bin" / "stepdeploy"), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    return ran.stdout


def test_it_installs_no_other_top_level_name(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()} - {"bin"}
    assert names == {"stepdeploy", f"stepdeploy-{PROJECT['version']}.dist-info"}


def test_the_command_runs_beside_packages_of_the_same_names(installed: Path, tmp_path: Path) -> None:
    assert "Deploy a revision to a deployment group." in run(installed, "--help", cwd=tmp_path)
    run(installed, "init", "site", cwd=tmp_path)
    assert run(installed, "validate", "site", cwd=tmp_path)
    told = run(installed, "simulate", "--hosts", "3", "--config", "AllAtOnce", cwd=tmp_path)
    assert "of the hosts have the revision" in told


def test_every_file_that_a_verb_reads_beside_its_code_is_there(installed: Path) -> None:
    app = installed / "stepdeploy" / "_app"
    for place in (
        "cli/starter",
        "statemachines/deployment.asl.yaml",
        "host/bootstrap.py",
        "functions/handlers/start.py",
    ):
        assert (app / place).exists(), place
    assert not list(app.rglob("test_*")), "no tests"


def test_what_it_requires_is_what_is_pinned_and_tested(installed: Path) -> None:
    texts = [(ROOT / f"requirements{kind}.txt").read_text() for kind in ("", "-cli")]
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", "\n".join(texts), re.MULTILINE))
    required = dict(each.split(">=") for each in PROJECT["dependencies"])
    assert required == {name: pinned[name] for name in required}
    metadata = (installed / f"stepdeploy-{PROJECT['version']}.dist-info" / "METADATA").read_text()
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist")] == [
        f"Requires-Dist: {each}" for each in PROJECT["dependencies"]
    ]

"""The functions' package: what a handler imports is in it, and nothing that depends on the machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.app import ROOT
from infra.bundle import CODEDEPLOY, host_modules, stage_functions

HANDLERS = sorted(path.stem for path in (ROOT / "functions" / "handlers").glob("[!_]*.py"))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runner = tmp_path_factory.mktemp("runner") / "built.pyz"
    runner.write_bytes(b"the runner")
    return stage_functions(ROOT, tmp_path_factory.mktemp("package"), runner)


def test_the_package_holds_python_the_service_model_the_runner_and_nothing_else(package: Path) -> None:
    others = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".py"]
    zones = package / "tzdata" / "zoneinfo"
    assert zones / "Europe" / "Berlin" in others
    others = [path for path in others if zones not in path.parents]
    assert sorted(others) == [package / "functions" / "api" / "models" / CODEDEPLOY, package / "runner.pyz"]
    assert {path.name for path in package.iterdir()} >= {"functions", "host", "aws_lambda_powertools", "yaml"}


def test_host_modules_are_those_that_functions_import_and_no_others(package: Path) -> None:
    packed = {path.relative_to(package / "host").as_posix() for path in (package / "host").rglob("*.py")}
    assert packed >= {"__init__.py", "lifecycle.py", "appspec.py", "bundle/__init__.py", "bundle/archive.py"}
    assert not [name for name in packed if name == "build.py" or name.startswith("posix/")], "the runner's own"


def test_every_handler_imports_from_the_package_alone(package: Path) -> None:
    """-I and no site-packages but boto3's, which Lambda has: whatever the package lacks fails here."""
    program = "\n".join(
        [
            "import sys",
            "import boto3, botocore",
            f"sys.path = [{str(package)!r}] + [each for each in sys.path if 'site-packages' not in each]",
            "import importlib, functions.aws.bucket, host.bundle.archive, yaml",
            "from functions.aws.runner import PACKAGED",
            "assert PACKAGED.read_bytes() == b'the runner'",
            f"for name in {HANDLERS!r}: importlib.import_module('functions.handlers.' + name)",
            f"assert yaml.__file__.startswith({str(package)!r}), yaml.__file__",
        ]
    )
    environment = {"AWS_DEFAULT_REGION": "eu-west-1"}
    run = subprocess.run(
        [sys.executable, "-I", "-B", "-c", program], capture_output=True, text=True, env=environment, cwd=package
    )
    assert (run.stderr, run.returncode) == ("", 0)


def test_the_api_is_held_to_the_packages_own_service_model_whatever_the_runtime_has(package: Path) -> None:
    path = package / "functions" / "api" / "models" / CODEDEPLOY
    program = "\n".join(
        [
            "import sys, gzip, json, pathlib",
            f"path = pathlib.Path({str(path)!r})",
            "known = json.loads(gzip.decompress(path.read_bytes()))",
            "kept = ('GetDeployment', 'CreateDeployment')",
            "known['operations'] = {name: known['operations'][name] for name in kept}",
            "path.write_bytes(gzip.compress(json.dumps(known).encode()))",
            f"sys.path.insert(0, {str(package)!r})",
            "from functions.api import model",
            "assert 'GetDeployment' in model.operations() and 'StopDeployment' not in model.operations()",
        ]
    )
    kept = path.read_bytes()
    try:
        run = subprocess.run([sys.executable, "-I", "-B", "-c", program], capture_output=True, text=True)
    finally:
        path.write_bytes(kept)
    assert (run.stderr, run.returncode) == ("", 0)


def test_imports_of_imports_are_found(tmp_path: Path) -> None:
    files = {
        "functions/a.py": "def f():\n    from host import appspec\n",
        "host/__init__.py": "",
        "host/appspec.py": "import host.values\n",
        "host/values.py": "import os\n",
        "host/posix/hooks.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert [path.name for path in host_modules(tmp_path)] == ["__init__.py", "appspec.py", "values.py"]

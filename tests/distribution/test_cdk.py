"""`pip install ./distribution/cdk`: the CDK library without the repository, alone and beside the command."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "distribution" / "cdk" / "pyproject.toml").read_text())["project"]
LIBRARY = ROOT / "stepdeploy" / "cdk"
APP = """
from aws_cdk import App, Stack
from stepdeploy import cdk as codedeploy

app = App()
tags = codedeploy.InstanceTagSet({"app": ["web"]})
codedeploy.ServerDeploymentGroup(Stack(app, "Site"), "Group", ec2_instance_tags=tags)
print(*app.synth().get_stack_by_name("Site").template["Resources"])
import sys
print(sorted({name.partition(".")[0] for name in sys.modules} & {"cli", "functions", "host", "infra", "simulation"}))
"""


def pip_install(folder: Path, *projects: Path) -> Path:
    """The folder, with what pip made there without the network."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps", "--quiet"]
    ran = subprocess.run(
        [*pip, "--target", str(folder), *map(str, projects)], capture_output=True, text=True, cwd=folder
    )
    assert ran.returncode == 0, ran.stderr
    return folder


def run(installed: Path, code: str) -> str:
    """What a program prints that finds the installation, the libraries of this one, and not the repository."""
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    program = f"import sys; sys.path[:0] = [{str(installed)!r}, {libraries!r}]\n{code}"
    ran = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, cwd=installed)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pip_install(tmp_path_factory.mktemp("installed"), ROOT / "distribution" / "cdk")


def test_it_installs_one_package_and_an_app_synthesizes_with_it(installed: Path) -> None:
    info = f"stepdeploy_cdk-{PROJECT['version']}.dist-info"
    assert {path.name for path in installed.iterdir()} == {"stepdeploy", info}
    assert [path.name for path in (installed / "stepdeploy").iterdir()] == ["cdk"]
    assert (installed / "stepdeploy" / "cdk" / "py.typed").exists()
    resources, ours = run(installed, APP).splitlines()[-2:]
    assert resources.startswith("GroupApplication") and ours == "[]"


def test_it_lies_beside_the_command(tmp_path: Path) -> None:
    both = pip_install(tmp_path, ROOT, ROOT / "distribution" / "cdk")
    printed = run(both, "import stepdeploy, stepdeploy.cdk; print(stepdeploy.__doc__, stepdeploy.cdk.__all__)")
    assert "the command" in printed and "ServerDeploymentGroup" in printed
    assert (both / "bin" / "stepdeploy").exists()


def test_it_imports_the_cdk_and_nothing_else_of_ours() -> None:
    imported = set()
    for path in LIBRARY.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    others = {name.partition(".")[0] for name in imported if not name.startswith("stepdeploy.cdk")}
    assert others - set(sys.stdlib_module_names) == {"aws_cdk", "constructs", "jsii"}  # jsii comes with the CDK


def test_it_requires_what_is_pinned_and_tested_and_has_the_engines_version() -> None:
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    required = dict(each.split(">=") for each in PROJECT["dependencies"])
    assert required == {name: pinned[name] for name in ("aws-cdk-lib", "constructs")}
    assert PROJECT["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

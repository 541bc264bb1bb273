"""The CDK app: the parts of the repository, made ready in a temporary folder, as one stack under cdk-nag's rules."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App, CliCredentialsStackSynthesizer, DefaultStackSynthesizer, Validations
from cdk_nag import AwsSolutionsChecks

from functions.core import declaration
from functions.core.errors import InvalidInput
from host.build import build_runner
from host.step import Trust, lifecycle_document
from infra.bundle import stage_functions
from infra.stack import Options, Parts, StepDeploy

ROOT = Path(__file__).resolve().parent.parent
STACK = "stepdeploy"


@contextmanager
def engine_app(**app: Any) -> Iterator[App]:
    """The app, ready to synth inside of the `with`. Its arguments are those of App.

    Raises InvalidInput for a declaration or a context value that cannot be.
    """
    root = App(analytics_reporting=False, **app)
    options = Options.from_context(root.node)
    with TemporaryDirectory(prefix="stepdeploy-") as folder:
        build = Path(folder)
        StepDeploy(
            root,
            STACK,
            parts=_parts(build, options.declaration),
            options=options,
            synthesizer=CliCredentialsStackSynthesizer() if options.local else DefaultStackSynthesizer(),
        )
        Validations.of(root).add_plugins(AwsSolutionsChecks(root))
        yield root


def _parts(build: Path, declared: Path) -> Parts:
    if not (file := ROOT / declared).is_file():
        raise InvalidInput(f"{declared}: there is no such file; `-c declaration=...` names another one")
    runner = build_runner(build / "runner.pyz")
    sha256 = hashlib.sha256(runner.read_bytes()).hexdigest()
    return Parts(
        code=stage_functions(ROOT, build / "functions", runner),
        runner_sha256=sha256,
        document=lambda modulus, exponent: lifecycle_document(Trust(modulus, exponent, sha256)),
        statemachines=ROOT / "statemachines",
        declaration=declaration.load(file),
    )

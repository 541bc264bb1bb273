"""The CDK app: the parts of the repository, made ready in a temporary folder, as one stack under cdk-nag's rules."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App, CliCredentialsStackSynthesizer, DefaultStackSynthesizer, Validations
from cdk_nag import AwsSolutionsChecks

from functions.core import declaration
from functions.core.errors import InvalidInput
from functions.core.segments import IN_PLACE
from host.build import build_runner
from host.step import lifecycle_document
from infra.bundle import stage_functions
from infra.stack import Options, Parts, StepDeploy

ROOT = Path(__file__).resolve().parent.parent
STACK = "stepdeploy"
MAX_STEP_SECONDS = 2 * 3600  # of a lifecycle event on a host: its hooks' own timeouts, an hour in all, end it first


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
    return Parts(
        code=stage_functions(ROOT, build / "functions"),
        runner=build_runner(build / "runner.pyz"),
        document=lifecycle_document(IN_PLACE, MAX_STEP_SECONDS),
        statemachines=ROOT / "statemachines",
        declaration=declaration.load(file),
        build=build,
    )

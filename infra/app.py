"""The CDK app: the parts of the repository, made ready in a temporary folder, as one stack under cdk-nag's rules."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App, CliCredentialsStackSynthesizer, DefaultStackSynthesizer, Validations
from aws_cdk.aws_autoscaling import IAutoScalingGroup
from aws_cdk.aws_elasticloadbalancingv2 import ITargetGroup
from cdk_nag import AwsSolutionsChecks

from functions.core import declaration
from functions.core.errors import InvalidInput
from host.build import build_runner
from host.step import Trust, lifecycle_document, verify_document
from infra.bundle import stage_functions
from infra.stack import STACK as STACK
from infra.stack import Options, Parts, StepDeploy

ROOT = Path(__file__).resolve().parent.parent
MakeTargetGroups = Callable[[App], Mapping[str, ITargetGroup]]
MakeScalingGroups = Callable[[App], Mapping[str, IAutoScalingGroup]]


@contextmanager
def engine_app(
    target_groups: MakeTargetGroups | None = None, scaling_groups: MakeScalingGroups | None = None, **app: Any
) -> Iterator[App]:
    """The app, ready to synth inside of the `with`. Its other arguments are those of App.

    `target_groups` makes stacks of the user's in the same app, and says by which names of deployments.yaml their target
    groups go, as `scaling_groups` does for Auto Scaling groups, which get their hooks once they are there; cdk-nag
    checks those stacks, too. Raises InvalidInput for a declaration or context value that cannot be.
    """
    root = App(analytics_reporting=False, **app)
    made = target_groups(root) if target_groups else {}
    scaling = scaling_groups(root) if scaling_groups else {}
    options = Options.from_context(root.node)
    with TemporaryDirectory(prefix="stepdeploy-") as folder:
        build = Path(folder)
        StepDeploy(
            root,
            options.stack_name,
            parts=_parts(build, options.declaration, made, scaling),
            options=options,
            synthesizer=CliCredentialsStackSynthesizer() if options.local else DefaultStackSynthesizer(),
        )
        Validations.of(root).add_plugins(AwsSolutionsChecks(root))
        yield root


def _parts(
    build: Path, declared: Path, made: Mapping[str, ITargetGroup], scaling: Mapping[str, IAutoScalingGroup]
) -> Parts:
    if not (file := ROOT / declared).is_file():
        raise InvalidInput(f"{declared}: there is no such file; `-c declaration=...` names another one")
    found = declaration.load(file)
    if unknown := sorted(set(made) - set(found.load_balancers.target_groups)):
        raise InvalidInput(f"{declared}: names no target group {unknown[0]}, which app.py makes: name it in a group")
    if unknown := sorted(set(scaling) - set(found.scaling_groups)):
        raise InvalidInput(
            f"{declared}: names no Auto Scaling group {unknown[0]}, which app.py makes: name it in a group"
        )
    runner = build_runner(build / "runner.pyz")
    sha256 = hashlib.sha256(runner.read_bytes()).hexdigest()
    return Parts(
        code=stage_functions(ROOT, build / "functions", runner),
        runner_sha256=sha256,
        document=lambda modulus, exponent: lifecycle_document(Trust(modulus, exponent, sha256)),
        verify_document=verify_document(),
        statemachines=ROOT / "statemachines",
        declaration=found,
        target_groups={name: each.target_group_arn for name, each in made.items()},
        scaling_groups=scaling,
    )

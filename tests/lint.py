"""cfn-lint in the tests' own process: its modules and its schemas are read once for all templates."""

from contextlib import chdir
from pathlib import Path

from cfnlint.config import ConfigMixIn  # type: ignore[import-untyped]
from cfnlint.runner import Runner  # type: ignore[import-untyped]

from infra.app import ROOT


def complaints(template: Path, *regions: str) -> list[str]:
    """What the command `cfn-lint` says of a template in these Regions, under the repository's .cfnlintrc."""
    with chdir(ROOT):  # it looks for that file in the folder that it runs in
        config = ConfigMixIn(["--regions", *regions, "--", str(template)])
        return [f"{each.path_string}: {each}" for each in Runner(config).run()]

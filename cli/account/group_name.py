"""APPLICATION/GROUP, as the verbs take a deployment group."""

from typing import Any, NamedTuple

import click

from cli.account.completions import groups


class Group(NamedTuple):
    application: str
    name: str

    def __str__(self) -> str:
        return f"{self.application}/{self.name}"

    @property
    def members(self) -> dict[str, str]:
        """As the control API wants it."""
        return {"applicationName": self.application, "deploymentGroupName": self.name}


class _GroupType(click.ParamType[Group]):
    name = "APPLICATION/GROUP"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Group:
        application, _, name = str(value).partition("/")
        if not (application and name):
            self.fail(f"{value!r}: must be APPLICATION/GROUP, for example shop/web", parameter, context)
        return Group(application, name)


GROUP = _GroupType()
group_argument = click.argument("group", type=GROUP, metavar="APPLICATION/GROUP", shell_complete=groups)

"""The templates of users' apps, by CodeDeploy's constructs or by ours."""

from collections.abc import Callable
from typing import Any

from aws_cdk import App, Stack

from tests.infra.conftest import UNCHECKED

Build = Callable[[Stack, Any], object]  # an app by CodeDeploy's module, or by ours


def user_template(build: Build, module: Any, **context: str) -> dict[str, Any]:
    """Of a stack in which references have values, so that both sides can be read."""
    app = App(context=context, **UNCHECKED)
    stack = Stack(app, "Site")
    build(stack, module)
    found: dict[str, Any] = app.synth().get_stack_by_name("Site").template
    return found


def plain(value: Any) -> Any:
    """With the name of what a reference means in its place."""
    if isinstance(value, dict):
        if "Ref" in value:
            return str(value["Ref"]).replace("AWS::", "")
        if "Fn::GetAtt" in value:
            return "".join(value["Fn::GetAtt"])
        if "Fn::Join" in value:
            return value["Fn::Join"][0].join(plain(each) for each in value["Fn::Join"][1])
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value

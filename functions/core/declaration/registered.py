"""A group or configuration of a user's stack: JSON with the keys of deployments.yaml, read by the same code."""

from collections.abc import Collection, Mapping

import yaml

from functions.core.declaration.configs import config_of
from functions.core.declaration.groups import group_of
from functions.core.declaration.model import DeclaredGroup
from functions.core.declaration.value import Problem, Value
from functions.core.errors import InvalidInput
from functions.core.rollout.health import DeploymentConfig
from functions.core.text.names import ALLOWED, is_name, is_reserved


def check_application(name: str) -> None:
    """Raises InvalidInput for a name that no application can have."""
    _check_name("application_name", name)
    if is_reserved(name):
        raise InvalidInput(
            f'application_name: "{name}": a name that begins with a dot is the engine\'s own: choose another'
        )


def registered_group(
    application: str, name: str, text: str, configs: Mapping[str, DeploymentConfig], budgets: Collection[str]
) -> DeclaredGroup:
    """`configs`, `budgets`: those that there are. Raises InvalidInput with all problems, one a line.

    >>> from functions.core.rollout.health import PREDEFINED_CONFIGS
    >>> registered_group("shop", "web", '{"ec2TagFilters": [{"Key": "app"}]}', PREDEFINED_CONFIGS, ()).key
    'shop/web'
    """
    _check_name("deployment_group_name", name)
    value, problems = _read(text)
    group = group_of(application, name, value, configs, budgets)
    _raise(problems)
    return group


def registered_config(name: str, text: str) -> DeploymentConfig:
    """Raises InvalidInput with all problems, one a line."""
    _check_name("deployment_config_name", name)
    value, problems = _read(text)
    config = config_of(name, value)
    _raise(problems)
    return config


def _check_name(field: str, name: str) -> None:
    if not is_name(name):
        raise InvalidInput(f'{field}: "{name}" is not a name: give {ALLOWED}')


def _read(text: str) -> tuple[Value, list[Problem]]:
    """JSON is YAML: what it says is read as the file is."""
    problems: list[Problem] = []
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise InvalidInput("the resource is not JSON: let the constructs of stepdeploy.cdk write it") from error
    return Value(node or yaml.ScalarNode("tag:yaml.org,2002:null", ""), "", problems), problems


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise InvalidInput("\n".join(f"{each.path}: {each.text}" if each.path else each.text for each in problems))

"""The file as a whole: applications, and custom deployment configurations."""

from pathlib import Path

import yaml

from functions.core.declaration.auto_scaling import check_shared, names
from functions.core.declaration.budgets import budgets as read_budgets
from functions.core.declaration.configs import config_of
from functions.core.declaration.groups import group_of
from functions.core.declaration.load_balancers import open_load_balancers
from functions.core.declaration.model import NO_CALENDAR, Declaration
from functions.core.declaration.repositories import repositories
from functions.core.declaration.revision_buckets import revision_buckets
from functions.core.declaration.value import Problem, Value, did_you_mean
from functions.core.declaration.windows import windows
from functions.core.errors import InvalidInput
from functions.core.records import NO_LOAD_BALANCERS
from functions.core.rollout.health import PREDEFINED_CONFIGS, DeploymentConfig
from functions.core.text.names import ALLOWED, is_name, is_reserved
from functions.core.text.packing import pack
from functions.core.text.shapes import to_plain

# Characters, packed. Lambda takes an event of 256 KB, and an update's has the new declaration and the old one.
MAX_PACKED = 100_000
KEYS = (
    "applications",
    "deploymentConfigs",
    "loadBalancerInfo",
    "autoScalingGroups",
    "budgets",
    "revisionBuckets",
    "codeCommitRepositories",
    "windows",
)


def load(source: Path | str) -> Declaration:
    """The declaration in a file (a Path) or in a text (a str).

    Raises InvalidInput with all problems of the file, one a line: `deployments.yaml:12:7: path.of.key: what is wrong`.

    >>> load("applications: {shop: {groups: {web: {ec2TagFilters: [{Key: app}]}}}}").groups[0].key
    'shop/web'
    """
    name = source.name if isinstance(source, Path) else "deployments.yaml"
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    declaration, problems = read(text)
    if problems:
        raise InvalidInput("\n".join(f"{name}:{problem}" for problem in problems))
    return declaration


def read(text: str) -> tuple[Declaration, list[Problem]]:
    """What a file says, and all that is wrong with it, in its order. With problems the declaration is a stand-in."""
    problems: list[Problem] = []
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Declaration(), [Problem(at, "", str(error.problem or error.context))]
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        at = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        return Declaration(), [Problem(at, "", f"the character {chr(error.character)!r} is not allowed in YAML")]
    if node is None:
        return Declaration(), [Problem((1, 1), "", "the file is empty: it needs the key applications")]
    root = Value(node, "", problems)
    declaration = _declaration(root)
    if not problems and (length := len(packed(declaration))) > MAX_PACKED:
        root.refuse(
            f"{length} bytes compressed; at most {MAX_PACKED} can be deployed: make some of the groups by"
            " CreateDeploymentGroup"
        )
    return declaration, sorted(problems, key=lambda each: each.at)


def packed(declaration: Declaration) -> str:
    """As it travels to the function `declare`, in the template."""
    return pack(to_plain(declaration))


def _declaration(root: Value) -> Declaration:
    members = root.members()
    for key in [key for key in members if key.startswith("x-")]:  # a place for YAML anchors
        del members[key]
    for key in [key for key in members if key not in KEYS]:
        members.pop(key).refuse_key(f"unknown key{did_you_mean(key, KEYS)}")
    opened = members.get("loadBalancerInfo")
    configs = _configs(members["deploymentConfigs"]) if "deploymentConfigs" in members else {}
    budgets = read_budgets(members["budgets"]) if "budgets" in members else ()
    if "applications" not in members:
        root.refuse("applications is missing")
        return Declaration()
    applications = members["applications"].members()
    groups = []
    for name, application in applications.items():
        _check_name(application, name)
        if is_reserved(name):
            application.refuse_key("a name that begins with a dot is the engine's own in the revision bucket")
        body = application.known("groups", required=["groups"])
        for group_name, group in (body["groups"].members() if "groups" in body else {}).items():
            _check_name(group, group_name)
            groups.append(
                group_of(name, group_name, group, PREDEFINED_CONFIGS | configs, [each.name for each in budgets])
            )
    check_shared(root, groups)
    keys = [each.key for each in groups]
    buckets, triggers = revision_buckets(members["revisionBuckets"]) if "revisionBuckets" in members else ((), ())
    return Declaration(
        applications=tuple(applications),
        groups=tuple(groups),
        configs=tuple(configs.values()),
        budgets=budgets,
        open_load_balancers=open_load_balancers(opened) if opened else NO_LOAD_BALANCERS,
        calendar=windows(listed, keys) if (listed := members.get("windows")) else NO_CALENDAR,
        revision_buckets=buckets,
        upload_triggers=triggers,
        repositories=repositories(named, keys) if (named := members.get("codeCommitRepositories")) else (),
        open_scaling_groups=names(scaling, most=None) if (scaling := members.get("autoScalingGroups")) else (),
    )


def _check_name(value: Value, name: str) -> None:
    if not is_name(name):
        value.refuse_key(f'"{name}" is not a name: give {ALLOWED}')


def _configs(value: Value) -> dict[str, DeploymentConfig]:
    configs = {}
    for name, body in value.members().items():
        _check_name(body, name)
        configs[name] = config_of(name, body)
    return configs

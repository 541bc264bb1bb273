"""How a deployments.yaml is told from an AppSpec."""

import re
from pathlib import Path

import yaml

_OWN_KEYS = frozenset({"applications", "deploymentConfigs"})
_KEYS_OF_AN_APPSPEC = frozenset({"version", "os", "files", "hooks", "permissions", "Resources", "Hooks"})
_KEY = re.compile(r"^[\"']?([A-Za-z]+)[\"']?\s*:", re.MULTILINE)  # at the top of a file that is not YAML


def is_declaration(text: str, name: str) -> bool:
    """Whether a file declares deployment groups and is not an AppSpec. Its keys decide, else its name.

    >>> is_declaration("applications: {}", "groups.yml"), is_declaration("version: 0.0", "deployments.yaml")
    (True, False)
    """
    keys = _keys(text)
    if keys & _OWN_KEYS or keys & _KEYS_OF_AN_APPSPEC:
        return bool(keys & _OWN_KEYS)
    return Path(name).stem == "deployments"


def _keys(text: str) -> set[str]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return set(_KEY.findall(text))
    return {str(key.value) for key, _ in root.value} if isinstance(root, yaml.MappingNode) else set()

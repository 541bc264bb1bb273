"""Connections to GitHub, which CodeDeploy's console makes. The engine has none: it reads GitHub with the token in its
own secret, or without."""

from typing import Any

from functions.api.operations import Caller
from functions.core.errors import Refused


def list_git_hub_account_token_names(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    if given.get("nextToken"):
        raise Refused("InvalidNextTokenException", "nextToken: is not a token that this request returned")
    return {"tokenNameList": []}


def delete_git_hub_account_token(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    name = given.get("tokenName")
    if not name:
        raise Refused("GitHubAccountTokenNameRequiredException", "tokenName: is missing")
    what = f"tokenName: there is no connection {name[:200]!r}, nor any other: the engine's token is in its own secret"
    raise Refused("GitHubAccountTokenDoesNotExistException", what)

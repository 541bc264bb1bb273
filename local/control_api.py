"""The control API at the cloud's own endpoint, where CodeDeploy's clients look for it.

On AWS the API has an address of its own, and clients reach it by a signing proxy or by a service model. Here one
endpoint is all of AWS, so what a client of CodeDeploy asks there (X-Amz-Target, at "/"), and what our own client asks
(signed for execute-api, at "/<Operation>"), goes to the HTTP API that the stack has made, through its door: the same
signature, the same IAM decision about the same route.
"""

from typing import Any

NAME = "stepdeploy"
_TARGET = "CodeDeploy_20141006."
_SIGNED = "/execute-api/aws4_request"


def install() -> None:
    """Let the emulator take such requests for ones to the API's address."""
    from ministack import app

    handle = app._handle_execute_api_request

    async def with_ours(
        host: str, path: str, method: str, headers: dict[str, str], body: bytes, query: Any, **raw: Any
    ) -> Any:
        operation = asked(method, path, headers)
        address = _address() if operation else None
        if address:
            path, raw = f"{address}/{operation}", {}
        return await handle(host, path, method, headers, body, query, **raw)

    app._handle_execute_api_request = with_ours


def asked(method: str, path: str, headers: dict[str, str]) -> str | None:
    """The operation of the control API that a request asks for, None of any other request.

    >>> asked("POST", "/", {"x-amz-target": "CodeDeploy_20141006.GetDeployment"})
    'GetDeployment'
    """
    target = headers.get("x-amz-target", "")
    if method == "POST" and path == "/" and target.startswith(_TARGET):
        return target.removeprefix(_TARGET)
    is_ours = method == "POST" and path.count("/") == 1 and _SIGNED in headers.get("authorization", "")
    return path.removeprefix("/") if is_ours else None


def _address() -> str | None:
    """The path below which the emulator serves the stack's API."""
    from ministack.services import apigateway

    ids = [api["apiId"] for _, api in apigateway._apis.all_items() if api["name"] == NAME]
    return f"/_aws/execute-api/{ids[-1]}/$default" if ids else None

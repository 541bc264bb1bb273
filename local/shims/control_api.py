"""The control API on the local cloud: at its own address, and at the cloud's endpoint, where CodeDeploy would be.

- The address of an HTTP API: AWS gives it a host name of its own; ministack 1.5.33 does too, below 127.0.0.1, which
  nobody can resolve. Here it is a path of the cloud's endpoint, which the emulator serves as well.
- A request for CodeDeploy at the cloud's endpoint: the emulator knows no CodeDeploy. Here the stack's API answers, by
  the same route and the same decision of IAM, so that a client needs to know nothing but AWS_ENDPOINT_URL.
- Refusals: an HTTP API says {"message":"Forbidden"} and nothing else; the emulator tells why. A request without a
  route is Not Found whoever asks; the emulator asks IAM first. A signature made for another service is refused; the
  emulator takes it. Sources: API Gateway Developer Guide, "Control access to HTTP APIs with IAM authorization";
  IAM User Guide, "Elements of an AWS API request signature".
"""

import re
from collections.abc import Mapping
from typing import Any

API = "stepdeploy"  # the stack's name, which its HTTP API has too
TARGET = "CodeDeploy_20141006."
_ADDRESSES = "/_aws/execute-api/"  # the emulator's path to every API
_SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/[^/]*/([^/]+)/aws4_request")
_FORBIDDEN = (403, {"Content-Type": "application/json"}, b'{"message":"Forbidden"}')


def install(endpoint: str) -> None:
    """Give HTTP APIs an address below the cloud's endpoint, and requests for CodeDeploy to the stack's API."""
    from ministack import app
    from ministack.services import apigateway
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create, execute, enforce = handlers["create"], app._handle_execute_api_request, app._enforce_execute_api

    def create_below_endpoint(*about: Any) -> tuple[str, dict[str, Any]]:
        api_id, attributes = create(*about)
        address = apigateway._apis[api_id]["apiEndpoint"] = f"{endpoint}{_ADDRESSES}{api_id}"
        return api_id, {**attributes, "ApiEndpoint": address}

    async def answer(host: str, path: str, method: str, headers: dict[str, str], *rest: Any, **raw: Any) -> Any:
        # The emulator has kept the request as it was signed: its signature holds whatever the path is here.
        if path == "/" and (operation := _operation(headers)) and (api_id := _api_id(apigateway._apis)):
            service, path, raw = "codedeploy", f"{_ADDRESSES}{api_id}/{operation}", {}
        else:
            service = "execute-api"
        if path.startswith(_ADDRESSES) and not _is_for(service, headers):
            return _FORBIDDEN
        return await execute(host, path, method, headers, *rest, **raw)

    def decide(api_id: str, stage: str, method: str, path: str, *rest: Any, **how: Any) -> Any:
        if apigateway.find_api_scope(api_id) is None:
            return enforce(api_id, stage, method, path, *rest, **how)  # no HTTP API
        if apigateway.route_authorization_type(api_id, stage, method, path) is None:
            return None
        return enforce(api_id, stage, method, path, *rest, **how) and _FORBIDDEN

    handlers["create"] = create_below_endpoint
    app._handle_execute_api_request, app._enforce_execute_api = answer, decide


def _operation(headers: Mapping[str, str]) -> str:
    target = headers.get("x-amz-target", "")
    return target.removeprefix(TARGET) if target.startswith(TARGET) else ""


def _api_id(apis: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The id of the stack's API, in the Region that the request is for."""
    return next((api_id for api_id, api in apis.items() if api["name"] == API), None)


def _is_for(service: str, headers: Mapping[str, str]) -> bool:
    """Whether the signature, if there is one, is made for that service."""
    signed_for = _SIGNED_FOR.search(headers.get("authorization", ""))
    return signed_for is None or signed_for[1] == service

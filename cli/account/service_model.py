"""The service model of the control API for botocore: CodeDeploy's with stepdeploy's additions, at API Gateway.

It differs from CodeDeploy's own in where requests go (`POST /<Operation>`, so that IAM tells the operations apart) and
in what they are signed for (execute-api).
"""

import json
from functools import cache
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from functions.core.extensions import added_to

NAME = "stepdeploy"
API_VERSION = "2014-10-06"


@cache
def files() -> dict[str, dict[str, Any]]:
    """The model's files by their types, as botocore's loader names them."""
    loader = Loader()
    known = {kind: loader.load_service_model("codedeploy", kind) for kind in ("service-2", "paginators-1", "waiters-2")}
    model = added_to(known["service-2"])
    operations = {
        name: {**operation, "http": {**operation["http"], "requestUri": f"/{name}"}}
        for name, operation in model["operations"].items()
    }
    metadata = {
        **model["metadata"],
        "protocol": "rest-json",  # the same JSON, but botocore sends json's own to "/" whatever the model says
        "protocols": ["rest-json"],
        "endpointPrefix": "execute-api",
        "signingName": "execute-api",
        "serviceAbbreviation": NAME,
        "serviceFullName": NAME,
        "serviceId": NAME,
        "uid": f"{NAME}-{API_VERSION}",
    }
    ours = {
        operation: {"input_token": "nextToken", "output_token": "nextToken", "result_key": listed}
        for operation, listed in (("ListGroupInstances", "instances"), ("ListHosts", "hosts"))
    }
    pages = {**known["paginators-1"]["pagination"], **ours}
    return {
        "service-2": {**model, "metadata": metadata, "operations": operations},
        "paginators-1": {"pagination": pages},
        "waiters-2": json.loads(json.dumps(known["waiters-2"])),
    }


class Models(Loader):
    """botocore's loader, which knows this service besides its own."""

    def list_available_services(self, type_name: str) -> list[str]:
        return sorted([*super().list_available_services(type_name), NAME])

    def list_api_versions(self, service_name: str, type_name: str) -> list[str]:
        return [API_VERSION] if service_name == NAME else super().list_api_versions(service_name, type_name)

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        if service_name != NAME:
            return super().load_service_model(service_name, type_name, api_version)
        if type_name not in files():  # it has no endpoint rules: the endpoint is always given
            raise UnknownServiceError(service_name=service_name, known_service_names=NAME)
        return files()[type_name]

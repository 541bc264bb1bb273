"""Requests as a client makes them that signs by itself, with only the standard library to send them."""

import json
import urllib.error
import urllib.request
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from local.server import REGION


def post(url: str, caller: Any = None, *, service: str = "execute-api", **headers: str) -> tuple[int, Any]:
    """Status and body of a request, signed with the credentials of the caller's boto3 client if there is one."""
    request = AWSRequest("POST", url, data=b"{}", headers={"Content-Type": "application/x-amz-json-1.1", **headers})
    if caller:
        SigV4Auth(caller._get_credentials(), service, REGION).add_auth(request)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, b"{}", dict(request.headers))) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)

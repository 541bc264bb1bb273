"""CodePipeline in front of the emulator, which has none."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

from local import json_edge
from local.pipeline.player import Settings
from local.pipeline.service import SERVICE, CodePipeline

_SECONDS = 60


class LocalWorld:
    """The local cloud, as pipelines see it."""

    def __init__(
        self,
        endpoint: str,
        *,
        region: str,
        account: str,
        emit: Callable[[dict[str, Any]], None],
        archive: Callable[[str, str], bytes],
    ) -> None:
        self.region, self.account, self.emit, self.archive = region, account, emit, archive
        self._endpoint = endpoint

    def credentials(self, role_arn: str) -> dict[str, str]:
        """Of a new session of a pipeline's role, which the emulator's STS knows from now on."""
        from ministack.services import sts

        role, session = role_arn.rpartition("/")[2], uuid.uuid4().hex
        key = f"ASIA{session[:16].upper()}"
        known = {
            "Arn": f"arn:aws:sts::{self.account}:assumed-role/{role}/{session}",
            "UserId": f"{role}:{session}",
            "SecretAccessKey": uuid.uuid4().hex,
            "SessionToken": uuid.uuid4().hex,
        }
        sts.register_session(key, known)
        return {
            "accessKeyId": key,
            "secretAccessKey": known["SecretAccessKey"],
            "sessionToken": known["SessionToken"],
        }

    def client(self, service: str, credentials: dict[str, str]) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self._endpoint,
            region_name=self.region,
            aws_access_key_id=credentials["accessKeyId"],
            aws_secret_access_key=credentials["secretAccessKey"],
            aws_session_token=credentials["sessionToken"],
            config=Config(retries={"max_attempts": 2}, read_timeout=_SECONDS),
        )


def install(world: LocalWorld) -> CodePipeline:
    """Take the service."""
    service = CodePipeline(world, Settings())
    json_edge.install(SERVICE, service.operations, service.checks)
    return service

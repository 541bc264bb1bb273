"""Secrets Manager: secrets by their ARNs or names."""

from typing import Any

from tests.fakes.service import Service


class FakeSecrets(Service):
    name = "secretsmanager"

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, str | None] = {}  # by ARN; None: a secret without a value

    def on_create_secret(self, *, Name: str, SecretString: str | None = None) -> dict[str, Any]:
        arn = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{Name}-aBcDeF"
        self._values[arn] = SecretString
        return {"ARN": arn, "Name": Name}

    def on_put_secret_value(self, *, SecretId: str, SecretString: str) -> dict[str, Any]:
        arn = self._arn(SecretId, "PutSecretValue")
        self._values[arn] = SecretString
        return {"ARN": arn}

    def on_get_secret_value(self, *, SecretId: str) -> dict[str, Any]:
        arn = self._arn(SecretId, "GetSecretValue")
        if (value := self._values[arn]) is None:
            raise self.refuse("ResourceNotFoundException", "GetSecretValue")
        return {"ARN": arn, "SecretString": value}

    def _arn(self, secret: str, operation: str) -> str:
        for arn in self._values:
            if secret in (arn, arn.rpartition(":")[2].removesuffix("-aBcDeF")):
                return arn
        raise self.refuse("ResourceNotFoundException", operation)

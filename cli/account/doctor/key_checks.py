"""Whether the account's own key at rest (docs/encryption.md) lets AWS's services use it for the engine."""

import json
from typing import Any

from cli.account.connection import Engine
from cli.account.doctor.checks import Finding, Findings, Level, run_check

_SERVICES = {  # what stops without the key
    "events.amazonaws.com": "uploads start no deployment, and ends of commands are found late",
    "cloudwatch.amazonaws.com": "the engine's alarms reach no topic",
}
_NEEDED = {"kms:Decrypt", "kms:GenerateDataKey"}


def key_findings(engine: Engine) -> list[Finding]:
    """None of a stack without such a key."""
    if not (arn := engine.outputs.get("KeyArn")):
        return []
    return run_check("key", "kms:DescribeKey and kms:GetKeyPolicy", lambda: _key(engine, arn))


def _key(engine: Engine, arn: str) -> Findings:
    kms = engine.client("kms")
    state = kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    if state != "Enabled":
        yield Finding(Level.PROBLEM, "key", f"{arn} is {state}: the engine can read nothing", "enable it")
        return
    policy = json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
    missing = [service for service in _SERVICES if not _allows(policy, service)]
    for service in missing:
        what = f"the policy of {arn} does not let {service} use it: {_SERVICES[service]}"
        yield Finding(Level.PROBLEM, "key", what, "add the statement of docs/encryption.md: aws kms put-key-policy")
    if not missing:
        yield Finding(Level.OK, "key", "AWS's services may use it")


def _allows(policy: dict[str, Any], service: str) -> bool:
    granted = set[str]()
    for statement in _listed(policy["Statement"]):
        principal = statement.get("Principal", {})
        services = _listed(principal.get("Service", ())) if isinstance(principal, dict) else ()
        if statement["Effect"] == "Allow" and service in services:
            granted.update(_listed(statement["Action"]))
    return "kms:*" in granted or all(each in granted or f"{each}*" in granted for each in _NEEDED)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]

"""Writes docs/permissions.md from the synthesized template: who may do what, and why where a `*` is needed.

`make permissions` runs it; tests/infra fails when the page is not current.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from infra.nag import spelled

PAGE = "docs/permissions.md"

_INTRO = """\
# Permissions

What each role of the stack may do. `make permissions` writes this page from the synthesized template, and a test fails
when it is not current; the grants themselves stand in `infra/`, beside the construct that needs them. `<Name>` is a
resource of the stack, `asset` a file that `cdk deploy` has put into the bootstrap bucket.

The engine sends commands with its own SSM document only, and only to hosts that carry the tag of the context values
`hostTagKey` and `hostTagValue`. Nothing in the stack may pass a role, change IAM, or run another document.
`Publish` and `Trigger` may besides publish to the topics that triggers in `deployments.yaml` name.
"""


class Grant(NamedTuple):
    """One statement of a role's policy, for one resource."""

    role: str
    resource: str
    actions: tuple[str, ...]
    condition: str


def grants(template: Mapping[str, Any]) -> list[Grant]:
    """All statements of all roles, one for each resource, sorted. Only Allow statements exist."""
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for role, statement in _statements(template):
        condition = json.dumps(statement["Condition"]) if "Condition" in statement else ""
        for resource in _listed(statement["Resource"]):
            found[role, _readable(spelled(resource)), condition].update(_listed(statement["Action"]))
    return sorted(
        Grant(role, resource, tuple(sorted(actions)), condition)
        for (role, resource, condition), actions in found.items()
    )


def _statements(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    resources = template["Resources"]
    for policy in resources.values():
        if policy["Type"] == "AWS::IAM::Policy":
            for role in policy["Properties"]["Roles"]:
                for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                    yield _role_name(role["Ref"]), statement


def _role_name(logical_id: str) -> str:
    """EngineRunSegmentRoleE3D7A78E -> RunSegment: the construct's own id, without the concern it belongs to."""
    path = _readable(logical_id).removesuffix("Role")
    concern = re.match(
        r"(Engine|Revisions|CommandStatus|AlarmState|ExecutionStatus|FindLost|Notifications|ControlApi|Control|Declaration)",
        path,
    )
    return path[concern.end() :] if concern else path


def _readable(text: str) -> str:
    """Without CDK's hashes and the words that every ARN has."""
    text = re.sub(r"cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/[0-9a-f]{64}\.\w+", "asset", text)
    text = re.sub(r"(?<=[A-Za-z])[0-9A-F]{8}(?=$|[.>])", "", text)
    return re.sub(r"arn:<AWS::Partition>:(\w+):(?:<AWS::Region>)?:(?:<AWS::AccountId>)?:", r"\1 ", text)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def reasons(report: Mapping[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Rule, reason and resources of the findings of cdk-nag that the stack answers for, from validation-report.json."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for plugin in report["pluginReports"]:
        for violation in plugin["suppressedViolations"]:
            rule = _readable(violation["ruleName"].removeprefix("AwsSolutions-").replace("Resource::", ""))
            found[rule, violation["reason"]].add(violation["acknowledgedAt"].rsplit("/", 1)[1])
    return sorted((rule, reason, sorted(resources)) for (rule, reason), resources in found.items())


def page(template: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """The whole of docs/permissions.md."""
    lines = [_INTRO, "| Role | May | On | If |", "|---|---|---|---|"]
    last = ""
    for grant in grants(template):
        role = "" if grant.role == last else f"**{grant.role}**"
        last = grant.role
        may = ", ".join(f"`{action}`" for action in grant.actions)
        lines.append(f"| {role} | {may} | `{grant.resource}` | {f'`{grant.condition}`' if grant.condition else ''} |")
    lines += ["", "## What cdk-nag asks about", "", "| Rule | Reason | Resources |", "|---|---|---|"]
    lines += [f"| `{rule}` | {reason} | {', '.join(named)} |" for rule, reason, named in reasons(report)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Synthesizes the stack as an account gets it, without what deployments.yaml adds, and writes the page."""
    from infra.app import ROOT, STACK, engine_app

    with TemporaryDirectory() as folder:
        nothing, out = Path(folder, "deployments.yaml"), Path(folder, "out")
        nothing.write_text("applications: {}")
        with engine_app(outdir=str(out), context={**context(ROOT), "declaration": str(nothing)}) as app:
            app.synth()
        template = json.loads((out / f"{STACK}.template.json").read_text())
        report = json.loads((out / "validation-report.json").read_text())
    (ROOT / PAGE).write_text(page(template, report))


def context(root: Path) -> dict[str, Any]:
    """cdk.json's context, which the CDK CLI would have given to the app."""
    given: dict[str, Any] = json.loads((root / "cdk.json").read_text())["context"]
    return given


if __name__ == "__main__":
    main()

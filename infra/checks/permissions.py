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

from infra.checks.nag import spelled

PAGE = "docs/permissions.md"
NAMED = """\
loadBalancerInfo: {targetGroupInfoList: [{name: NAME}], elbInfoList: [{name: NAME}]}
autoScalingGroups: [NAME]
codeCommitRepositories: {NAME: {}}
"""

_INTRO = """\
# Permissions

What each role of the stack may do. `make permissions` writes this page from the synthesized template, and a test fails
when it is not current; the grants themselves stand in `infra/`, beside the construct that needs them. `<Name>` is a
resource of the stack. No function reads the bootstrap bucket.

The engine sends commands with its own SSM document only, and only to hosts that carry the tag of the context values
`hostTagKey` and `hostTagValue`. Nothing in the stack may pass a role, change IAM, or run another document.
`Publish` and `Trigger` may besides publish to the topics that triggers in `deployments.yaml` name, and use their keys
for that ([encryption.md](encryption.md)); `Api`, `Prepare` and `RunSegment` may read the buckets of its
`revisionBuckets`, `Start` those with `trigger: uploads` ([other buckets](deploying-from-other-buckets.md)). What is said of
Elastic Load Balancing, Auto Scaling and CodeCommit is only there if `deployments.yaml` names a load balancer, an Auto
Scaling group or a repository, and of those that it names alone: `NAME` stands for each of them.

What a host does runs as root, so these rights of **other** principals in the account matter:

| Who holds | Can |
|---|---|
| the role of `RunSegment` | deploy anything to every host with the tag. It alone may sign instructions: the key's policy denies `kms:Sign` to all others |
| `ssm:SendCommand` on the document `stepdeploy-segment` | make a host refuse. The host takes only instructions that the engine's key has signed, for this host and for the next hours; a second copy runs nothing again |
| `ssm:UpdateDocument` on it | write another document, and send it if he may also send. The engine goes on with its own version, by number and hash; `stepdeploy doctor` names the newer one |
| `ssm:SendCommand` on the document `stepdeploy-verify` | make a host tell how a deployment group stands there: it only reads |
| `ssm:SendCommand` on another document, for example `AWS-RunShellScript` | run what he likes, without stepdeploy |
| `ssm:ListCommands`, `ssm:ListCommandInvocations`, or CloudTrail's or EventBridge's copies of a command | read a command's parameters for as long as they are kept (30 days), and by the presigned URLs in them, until they expire (6 hours at most): fetch that revision, and write to the logs of that one host's deployment |
| `kms:PutKeyPolicy` on the key | let himself sign: he is an administrator of the hosts |
| `lambda:UpdateFunctionCode` on `RunSegment`, or `iam:PassRole` of its role | the same |
| `s3:PutObject` on the revision bucket, or on a bucket with `trigger: uploads` | start deployments of what he uploads (docs/deploying.md), but change no revision that is pinned, and no runner: the document names its digest |
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
        for resource in listed(statement["Resource"]):
            found[role, readable(spelled(resource)), condition].update(listed(statement["Action"]))
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
                    yield role_name(role["Ref"]), statement


def role_name(logical_id: str) -> str:
    """EngineRunSegmentRoleE3D7A78E -> RunSegment: the construct's own id, without the concern it belongs to."""
    path = readable(logical_id).removesuffix("Role")
    concern = re.match(
        r"(Engine|Hosts|Revisions|AutoScaling|CommandStatus|ExecutionStatus|FindLost|Notifications|ControlApi|Control"
        r"|Declaration|Registration|Pipelines|Windows)",
        path,
    )
    return path[concern.end() :] if concern else path


def readable(text: str) -> str:
    """Without CDK's hashes and the words that every ARN has."""
    text = re.sub(r"cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/[0-9a-f]{64}\.\w+", "asset", text)
    text = re.sub(r"(?<=[A-Za-z])[0-9A-F]{8}(?=$|[.>])", "", text)
    return re.sub(r"arn:<AWS::Partition>:(\w+):(?:<AWS::Region>)?:(?:<AWS::AccountId>)?:", r"\1 ", text)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def reasons(report: Mapping[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Rule, reason and resources of the findings of cdk-nag that the stack answers for, from validation-report.json."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for plugin in report["pluginReports"]:
        for violation in plugin["suppressedViolations"]:
            rule = readable(violation["ruleName"].removeprefix("AwsSolutions-").replace("Resource::", ""))
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


def synthesized() -> tuple[dict[str, Any], dict[str, Any]]:
    """The template and cdk-nag's report of the stack as an account gets it. Of what deployments.yaml adds, it has one
    load balancer of each kind, whose name stands for all."""
    from infra.app import ROOT, STACK, engine_app

    with TemporaryDirectory() as folder:
        declared, out = Path(folder, "deployments.yaml"), Path(folder, "out")
        declared.write_text(f"applications: {{}}\n{NAMED}")
        given = {**context(ROOT), "declaration": str(declared)}
        with engine_app(outdir=str(out), context=given, builtin_cloud_formation_validation=False) as app:
            app.synth()
        return (
            json.loads((out / f"{STACK}.template.json").read_text()),
            json.loads((out / "validation-report.json").read_text()),
        )


def main() -> None:
    """Writes the page."""
    from infra.app import ROOT

    (ROOT / PAGE).write_text(page(*synthesized()))


def context(root: Path) -> dict[str, Any]:
    """cdk.json's context, which the CDK CLI would have given to the app."""
    given: dict[str, Any] = json.loads((root / "cdk.json").read_text())["context"]
    return given


if __name__ == "__main__":
    main()

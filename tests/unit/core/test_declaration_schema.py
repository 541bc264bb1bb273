"""docs/deployments.schema.json: editors take what the parser takes, and each key of one is a key of the other."""

import json
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from functions.core import declaration
from functions.core.declaration import file, load
from functions.core.declaration.value import Value
from functions.core.errors import InvalidInput
from tests.unit.core.test_declaration import TOPIC, group

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs" / "deployments.schema.json").read_text())
ROLE = "arn:aws:iam::123456789012:role/release"
_METRIC = "name: m, namespace: n, metricName: m"
BAD_METRICS = (
    _METRIC,
    f"{_METRIC}, compare: other, limit: 1",
    f"{_METRIC}, compare: limit",
    f"{_METRIC}, compare: limit, limit: much",
    f"{_METRIC}, compare: limit, limit: 1, tolerance: {{value: 1}}",
    f"{_METRIC}, compare: oldHosts",
    f"{_METRIC}, compare: oldHosts, limit: 1",
    f"{_METRIC}, compare: oldHosts, tolerance: {{}}",
    f"{_METRIC}, compare: oldHosts, tolerance: {{percent: -1}}",
    f"{_METRIC}, compare: limit, limit: 1, failOn: sideways",
    f"{_METRIC}, compare: limit, limit: 1, statistic: Median",
    f"{_METRIC}, compare: limit, limit: 1, minimumDataPoints: 0",
    f"{_METRIC}, compare: limit, limit: 1, dimensions: {{InstanceId: i-1}}",
    f"{_METRIC}, compare: limit, limit: 1, dimensions: {{':a': b}}",
    "name: m, namespace: ':n', metricName: m, compare: limit, limit: 1",
)
# A file with every mapping that there can be.
EVERY_MAPPING = f"""
x-usual: &usual {{bakeTime: 1h30m}}
deploymentConfigs:
  Most:
    minimumHealthyHosts: {{type: FLEET_PERCENT, value: 90}}
    zonalConfig:
      firstZoneMonitorDuration: 10m
      monitorDuration: 60
      minimumHealthyHostsPerZone: {{type: HOST_COUNT, value: 1}}
  Canary:
    minimumHealthyHosts: {{type: FLEET_PERCENT, value: 75}}
    orderTag: ring
    stages:
      - name: canary
        select: {{count: 1}}
        bake: 10m
        approval: true
        analysis:
          alarms: {{minimumDataPoints: 3}}
          metrics:
            - name: errors
              namespace: Shop
              metricName: Errors
              dimensions: {{Service: web}}
              statistic: p99.5
              period: 1m
              compare: oldHosts
              failOn: below
              tolerance: {{percent: 20, value: 0.5}}
              minimumDataPoints: 5
            - {{name: cpu, namespace: AWS/EC2, metricName: CPUUtilization, compare: limit, limit: -15.5}}
          onInconclusive: stop
      - name: first
        select: {{tag: {{Key: ring, Value: first}}}}
        minimumHealthyHosts: {{type: HOST_COUNT, value: 1}}
      - {{name: tenth, select: {{percent: 10}}, approval: {{approvers: ["{ROLE}"], byAnother: true}}}}
      - {{name: zones, select: {{zone: [us-east-1b]}}}}
      - {{name: all, select: rest}}
budgets:
  fleet:
    ec2TagSet: {{ec2TagSetList: [[{{Key: a}}]]}}
    onPremisesTagSet: {{onPremisesTagSetList: [[{{Key: rack}}]]}}
    autoScalingGroups: [fleet]
    maximumOutOfService: {{type: FLEET_PERCENT, value: 100}}
  racks:
    ec2TagFilters: [{{Key: a}}]
    onPremisesInstanceTagFilters: [{{Key: rack}}]
    maximumOutOfService: {{type: HOST_COUNT, value: 1}}
loadBalancerInfo: {{targetGroupInfoList: [{{name: api}}], elbInfoList: [{{name: old}}]}}
autoScalingGroups: [other fleet]
codeCommitRepositories: {{site: {{main: [shop/web]}}}}
revisionBuckets: [ci-builds, {{name: ci-releases, trigger: uploads, prefix: releases/v2/}}]
windows:
  - {{scope: "*", cron: 0 9 * * MON-FRI, duration: 8h, timeZone: Europe/Berlin}}
  - {{scope: shop, from: 2026-12-24T08:00, to: 2026-12-27T08:00, reason: holidays}}
applications:
  shop:
    groups:
      web:
        <<: *usual
        ec2TagSet: {{ec2TagSetList: [[{{Key: a, Type: KEY_ONLY}}, {{Value: v}}], [{{Key: k, Value: ''}}]]}}
        onPremisesTagSet: {{onPremisesTagSetList: [[{{Key: rack, Value: '7', Type: KEY_AND_VALUE}}]]}}
        deploymentConfigName: Most
        alarmConfiguration: {{enabled: true, ignorePollAlarmFailure: true, alarms: [{{name: errors}}]}}
        autoRollbackConfiguration: {{enabled: true, events: [DEPLOYMENT_FAILURE, DEPLOYMENT_STOP_ON_ALARM]}}
        triggerConfigurations:
          - {{triggerName: own, triggerTargetArn: notifications, triggerEvents: [DeploymentStop]}}
          - {{triggerName: other, triggerTargetArn: "{TOPIC}", triggerEvents: [InstanceFailure]}}
        autoScalingGroups: [fleet]
        terminationHookEnabled: true
        ec2DeploymentOptions: {{processesToSuspend: [AZRebalance]}}
        afterFailedLaunches: ABANDON
        launchOrder: 2
        launchesTakePlaces: true
        loadBalancerInfo:
          targetGroupInfoList: [{{name: web}}]
          elbInfoList: [{{name: web-old}}]
          propagationTime: 20s
          drain: host
          healthyTimeout: 15m
          reregisterOnFailure: true
        deploymentStyle: {{deploymentType: IN_PLACE, deploymentOption: WITHOUT_TRAFFIC_CONTROL}}
        onBusy: reject
        hostBusy: wait 10m
        budgets: [fleet, racks]
        slackChannel: "#shop"
        fileExistsBehavior: RETAIN
        ignoreApplicationStopFailures: true
        allowedPrincipals: ["{ROLE}"]
        sharedWith: [shop/tools]
        serviceRoleArn: {ROLE}
        outdatedInstancesStrategy: IGNORE
      tools: {{ec2TagFilters: [{{Key: app}}], onPremisesInstanceTagFilters: [{{Key: rack}}]}}
"""
NAMED_BY_THE_FILE = {
    "applications",
    "groups",
    "deploymentConfigs",
    "budgets",
}  # whose members have the file's own names


def in_editor(text: str) -> bool:
    return bool(jsonschema.Draft7Validator(SCHEMA).is_valid(yaml.safe_load(text)))


def in_parser(text: str) -> bool:
    try:
        return bool(load(text))
    except InvalidInput:
        return False


GOOD = [
    EVERY_MAPPING,
    group(""),
    *(group(f"bakeTime: {each}") for each in ("0", "90", "5m", "1h1m1s")),
    *(group(f"hostBusy: {each}") for each in ("fail", "wait 90s")),
    group("alarmConfiguration: {enabled: false}"),
    group("autoRollbackConfiguration: {enabled: false, events: [DEPLOYMENT_FAILURE]}"),
    group("loadBalancerInfo: {elbInfoList: [{name: old}], drain: elb}"),
    group("").replace("ec2TagFilters: [{Key: app}]", "autoScalingGroups: [fleet]"),
    "applications: {}",
    (ROOT / "deployments.yaml").read_text(),
    (ROOT / "cli" / "starter" / "deployments.yaml").read_text(),
]
BAD = [
    "{}",
    "[]",
    "application: {}",
    "applications: {shop: {}}",
    "applications: {'a b': {groups: {}}}",
    "applications: {.stepdeploy: {groups: {}}}",
    "applications: {}\ndeploymentConfigs: {CodeDeployDefault.X: {minimumHealthyHosts: {type: HOST_COUNT, value: 1}}}",
    "applications: {}\ndeploymentConfigs: {X: {}}",
    "applications: {}\ndeploymentConfigs: {X: {minimumHealthyHosts: {type: FLEET_PERCENT, value: 100}}}",
    "applications: {}\ndeploymentConfigs: {X: {minimumHealthyHosts: {type: FLEET_PERCENT, value: 50%}}}",
    *(
        f"applications: {{}}\ndeploymentConfigs: {{X: {{minimumHealthyHosts: {{type: HOST_COUNT, value: 1}}, {more}}}}}"
        for more in (
            "stages: []",
            "stages: [{name: a}]",
            "stages: [{select: rest}]",
            "stages: [{name: a b, select: rest}]",
            "stages: [{name: a, select: all}]",
            "stages: [{name: a, select: {}}]",
            "stages: [{name: a, select: {count: 0}}, {name: b, select: rest}]",
            "stages: [{name: a, select: {percent: 101}}]",
            "stages: [{name: a, select: {count: 1, percent: 1}}, {name: b, select: rest}]",
            "stages: [{name: a, select: {zone: []}}, {name: b, select: rest}]",
            "stages: [{name: a, select: {tag: {Value: x}}}, {name: b, select: rest}]",
            "stages: [{name: a, select: rest, approval: {approvers: []}}]",
            "stages: [{name: a, select: rest, approval: {approvers: [ann]}}]",
            "stages: [{name: a, select: rest}], zonalConfig: {}",
            *(
                f"stages: [{{name: a, select: {{count: 1}}, bake: 10m, analysis: {each}}}, {{name: b, select: rest}}]"
                for each in (
                    "{}",
                    "{metrics: 1}",
                    "{alarms: {}}",
                    "{alarms: {minimumDataPoints: 0}}",
                    "{alarms: {minimumDataPoints: 1}, onInconclusive: go on}",
                    *(f"{{metrics: [{{{metric}}}]}}" for metric in BAD_METRICS),
                )
            ),
            "stages: [{name: a, select: rest, analysis: {alarms: {minimumDataPoints: 1}}}]",
            "orderTag: ''",
        )
    ),
    "applications: {}\nloadBalancerInfo: {}",
    *(
        f"applications: {{}}\nbudgets: {{b: {{{body}}}}}"
        for body in (
            "maximumOutOfService: {type: HOST_COUNT, value: 1}",
            "ec2TagFilters: [{Key: a}]",
            "ec2TagFilters: [{Key: a}], maximumOutOfService: {type: HOST_COUNT, value: 0}",
            "ec2TagFilters: [{Key: a}], maximumOutOfService: {type: FLEET_PERCENT, value: 101}",
            "ec2TagFilters: [{Key: a}], maximumOutOfService: {type: HOST_COUNT, value: 10%}",
            "ec2TagFilters: [{Key: a}], ec2TagSet: {ec2TagSetList: [[{Key: a}]]},"
            " maximumOutOfService: {type: HOST_COUNT, value: 1}",
            "ec2TagFilters: [], maximumOutOfService: {type: HOST_COUNT, value: 1}",
            "tags: [{Key: a}], maximumOutOfService: {type: HOST_COUNT, value: 1}",
        )
    ),
    "applications: {}\nautoScalingGroups: [a:b]",
    "applications: {}\nrevisionBuckets: [A_B]",
    *(
        f"applications: {{}}\nrevisionBuckets: [{{{body}}}]"
        for body in (
            "trigger: uploads",
            "name: A_B",
            "name: abc, trigger: upload",
            "name: abc, prefix: releases/",
            "name: abc, trigger: uploads, prefix: releases",
            "name: abc, trigger: uploads, prefix: /releases/",
            "name: abc, trigger: uploads, prefix: ''",
            f"name: abc, trigger: uploads, prefix: {'a' * 50}/",
            "bucket: abc",
        )
    ),
    *(
        group(body)
        for body in (
            "on_busy: queue",
            "onBusy: Queue",
            "bakeTime: soon",
            "bakeTime: -1",
            "bakeTime: 43201",
            "hostBusy: soon",
            "hostBusy: wait",
            "slackChannel: 7",
            "slackChannel: ''",
            "ignoreApplicationStopFailures: 1",
            "fileExistsBehavior: KEEP",
            "ec2TagSet: {ec2TagSetList: [[{Key: a}]]}",
            "ec2TagSet: {}",
            "alarmConfiguration: {enabled: true}",
            "alarmConfiguration: {}",
            "alarmConfiguration: {alarms: [a]}",
            "autoRollbackConfiguration: {enabled: true}",
            "autoRollbackConfiguration: {events: [never]}",
            "triggerConfigurations: [{triggerName: t}]",
            "triggerConfigurations: [{triggerName: t, triggerTargetArn: ops, triggerEvents: [DeploymentStart]}]",
            "triggerConfigurations: [{triggerName: t, triggerTargetArn: notifications, triggerEvents: []}]",
            "loadBalancerInfo: {}",
            "loadBalancerInfo: {elbInfoList: []}",
            "loadBalancerInfo: {elbInfoList: [{name: -old}]}",
            "loadBalancerInfo: {targetGroupInfoList: [{name: arn:aws:x}]}",
            "loadBalancerInfo: {elbInfoList: [{name: a}], drain: slow}",
            "loadBalancerInfo: {elbInfoList: [{name: a}], propagationTime: 7200}",
            "loadBalancerInfo: {elbInfoList: [{name: a}], healthyTimeout: 0}",
            "deploymentStyle: {deploymentType: BLUE_GREEN}",
            "terminationHookEnabled: true",
            "autoScalingGroups: []",
            "autoScalingGroups: [a, a]",
            "autoScalingGroups: [a]\nec2DeploymentOptions: {processesToSuspend: [Launch]}",
            "autoScalingGroups: [a]\nafterFailedLaunches: STOP",
            "allowedPrincipals: []",
            "allowedPrincipals: [ann]",
            "sharedWith: [shop/tools]",
            f"allowedPrincipals: ['{ROLE}']\nsharedWith: [tools]",
            "serviceRoleArn: deploy",
            "outdatedInstancesStrategy: NEVER",
        )
    ),
    *(
        group("").replace("[{Key: app}]", filters)
        for filters in ("[]", "[{}]", "[{key: a}]", "[{Key: app, Value: 1}]", f"[{', '.join(['{Key: a}'] * 11)}]")
    ),
    group("").replace("ec2TagFilters: [{Key: app}]", "onBusy: queue"),
]


@pytest.mark.parametrize("text", GOOD)
def test_what_the_parser_takes_is_good_in_an_editor(text: str) -> None:
    assert in_parser(text) and in_editor(text)


@pytest.mark.parametrize("text", BAD)
def test_what_the_parser_refuses_is_marked_in_an_editor(text: str) -> None:
    assert not in_parser(text) and not in_editor(text)


def test_the_schema_has_the_parsers_keys_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[str, set[str]] = {"": set(file.KEYS)}
    called = set()
    known = Value.known

    def note(self: Value, *names: str, required: Collection[str] = ()) -> dict[str, Value]:
        caller = sys._getframe(1)
        called.add((Path(caller.f_code.co_filename).name, caller.f_lineno))
        taken.setdefault(form(self.path), set()).update(names)
        return known(self, *names, required=required)

    monkeypatch.setattr(Value, "known", note)
    load(EVERY_MAPPING)
    sources = Path(declaration.__file__).parent.glob("*.py")
    there = sum(len(re.findall(r"\.known\(", each.read_text())) for each in sources)
    assert len(called) == there, "EVERY_MAPPING leaves out a mapping that the parser knows"
    assert in_schema(SCHEMA, "") == taken


def form(path: str) -> str:
    """A path of the file with `*` for the names that it chooses, and without the places in lists."""
    steps = re.sub(r"\[\d+\]", "", path).split(".")
    return ".".join("*" if at and steps[at - 1] in NAMED_BY_THE_FILE else step for at, step in enumerate(steps))


def in_schema(schema: Any, path: str) -> dict[str, set[str]]:
    """The keys of each mapping of the schema."""
    found: dict[str, set[str]] = {}
    for part in parts(schema):
        if properties := part.get("properties"):
            found.setdefault(path, set()).update(properties)
        below = dict(properties or {})
        if isinstance(part.get("additionalProperties"), dict):
            below["*"] = part["additionalProperties"]
        for key, each in below.items():
            found |= in_schema(each, f"{path}.{key}".lstrip("."))
        if "items" in part:
            found |= in_schema(part["items"], path)
    return found


def parts(schema: Any) -> list[Any]:
    """A schema and those that it refers to or is made of."""
    if "$ref" in schema:
        return parts(SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]])
    return [schema, *(part for each in schema.get("allOf", []) if "not" not in each for part in parts(each))]


def test_the_schema_is_a_schema_and_the_shipped_file_names_it() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    first = (ROOT / "deployments.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=docs/deployments.schema.json"

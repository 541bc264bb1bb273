"""deployments.yaml: what it says, and every way in which it can be wrong."""
# ruff: noqa: E501 - a table of messages is read line by line

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.declaration import ENGINE_TOPIC, Declaration, load
from functions.core.errors import InvalidInput
from functions.core.records import Alarms, GroupSettings, LoadBalancers, TagFilter, TagGroup
from functions.core.rollout.health import MinimumHealthyHosts, MinimumHealthyHostsType, ZonalConfig
from functions.core.statuses import AutoRollbackEvent, Drain, FileExistsBehavior, OnBusy, TriggerEvent, TriggerFormat
from functions.core.text.shapes import from_plain, to_plain

ROOT = Path(__file__).parents[3]
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ops"


def group(body: str) -> str:
    """A file with one group that has these lines beside its tags."""
    lines = "".join(f"        {line}\n" for line in body.strip("\n").splitlines())
    return f"applications:\n  shop:\n    groups:\n      web:\n        ec2TagFilters: [{{Key: app}}]\n{lines}"


def settings(body: str) -> GroupSettings:
    return load(group(body)).groups[0].settings


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load(text)
    return str(caught.value).splitlines()


def test_the_example_says_what_its_comments_say() -> None:
    declaration = load(ROOT / "deployments.yaml")
    (only,) = declaration.groups
    assert declaration.applications == ("webapp",)
    assert only.key == "webapp/production"
    assert only.settings.tag_groups == (
        TagGroup(filters=(TagFilter(key="app", value="webapp"),)),
        TagGroup(filters=(TagFilter(key="stage", value="production"),)),
    )
    assert only.settings.auto_rollback == (AutoRollbackEvent.DEPLOYMENT_FAILURE,)
    assert only.settings.alarms.watched == ()
    assert only.settings.slack_channel == "#deployments"
    assert [config.name for config in declaration.configs] == ["ThreeQuartersHealthy"]


def test_what_the_example_shows_in_comments_loads_too() -> None:
    text = (ROOT / "deployments.yaml").read_text()
    shown = re.sub(r"(?m)^( +)# ((?:alarmConfiguration|allowedPrincipals|loadBalancerInfo|stages):|  )", r"\1\2", text)
    (only,) = load(shown).groups
    (config,) = load(shown).configs
    assert [each.name for each in config.stages] == ["canary", "all"]
    assert only.settings.alarms.watched == ("webapp-errors",)
    assert only.settings.allowed_principals == ("arn:aws:iam::123456789012:role/release",)
    assert only.settings.load_balancers == LoadBalancers(
        target_groups=("webapp",), classic=("webapp-old",), has_control=True, propagation_seconds=15
    )


def test_the_example_comments_every_key() -> None:
    lines = (ROOT / "deployments.yaml").read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        key = line.strip().removeprefix("- ").partition(":")[0]
        if line.strip() and not line.strip().startswith(("#", "- {", "- - {")) and key not in (
            "webapp", "production", "ec2TagSetList", "minimumHealthyHosts", "value", "name", "triggerName", "- name",
        ):  # fmt: skip
            assert before.strip().startswith("#"), line


def test_the_json_form_comes_back_as_the_same_declaration() -> None:
    declaration = load(ROOT / "deployments.yaml")
    assert from_plain(Declaration, json.loads(json.dumps(to_plain(declaration)))) == declaration


def test_a_group_with_nothing_but_tags_has_the_defaults() -> None:
    expected = GroupSettings(tag_groups=(TagGroup(filters=(TagFilter(key="app"),)),))
    assert settings("") == expected


def test_every_key_is_read() -> None:
    read = settings(
        f"""
deploymentConfigName: CodeDeployDefault.AllAtOnce
alarmConfiguration: {{enabled: false, ignorePollAlarmFailure: true, alarms: [{{name: a}}, {{name: b}}]}}
autoRollbackConfiguration: {{events: [DEPLOYMENT_STOP_ON_REQUEST]}}
triggerConfigurations: [{{triggerName: t, triggerTargetArn: "{TOPIC}", triggerEvents: [InstanceFailure]}}]
bakeTime: 1h30m
onBusy: reject
slackChannel: shop
fileExistsBehavior: OVERWRITE
ignoreApplicationStopFailures: true
"""
    )
    assert read.config.name == "CodeDeployDefault.AllAtOnce"
    assert read.alarms == Alarms(names=("a", "b"), enabled=False, ignore_poll_alarm_failure=True)
    assert read.auto_rollback == (AutoRollbackEvent.DEPLOYMENT_STOP_ON_REQUEST,)
    assert [(t.name, t.topic_arn, t.events) for t in read.triggers] == [("t", TOPIC, (TriggerEvent.INSTANCE_FAILURE,))]
    assert [t.format for t in read.triggers] == [TriggerFormat.CODEDEPLOY]
    assert (read.bake_seconds, read.on_busy, read.slack_channel) == (5400, OnBusy.REJECT, "shop")
    assert read.file_exists_behavior is FileExistsBehavior.OVERWRITE
    assert read.ignore_application_stop_failures


def test_a_custom_configuration_is_found_by_its_name() -> None:
    text = "deploymentConfigs:\n  Most: {minimumHealthyHosts: {type: FLEET_PERCENT, value: 90}}\n"
    (only,) = load(text + group("deploymentConfigName: Most")).groups
    assert only.settings.config.minimum == MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 90)


def test_tag_sets_keep_their_groups_and_filter_kinds() -> None:
    text = group("").replace(
        "ec2TagFilters: [{Key: app}]",
        "ec2TagSet: {ec2TagSetList: [[{Key: a, Type: KEY_ONLY}, {Value: v}], [{Key: k, Value: ''}]]}",
    )
    assert load(text).groups[0].settings.tag_groups == (
        TagGroup(filters=(TagFilter(key="a"), TagFilter(value="v"))),
        TagGroup(filters=(TagFilter(key="k", value=""),)),
    )


def test_on_premises_instances_have_tags_of_their_own_and_may_be_all_of_a_group() -> None:
    racks = "onPremisesInstanceTagFilters: [{Key: rack, Value: '7'}]"
    both = load(group(racks)).groups[0].settings
    alone = load(group("").replace("ec2TagFilters: [{Key: app}]", racks)).groups[0].settings
    wanted = (TagGroup(filters=(TagFilter(key="rack", value="7"),)),)
    assert (len(both.tag_groups), both.on_premises_tag_groups) == (1, wanted)
    assert (alone.tag_groups, alone.on_premises_tag_groups) == ((), wanted)
    sets = load(group("onPremisesTagSet: {onPremisesTagSetList: [[{Key: rack, Value: '7'}]]}")).groups[0].settings
    assert sets.on_premises_tag_groups == wanted


def test_anchors_and_merge_keys_share_settings_and_own_keys_win() -> None:
    text = """
x-usual: &usual {ec2TagFilters: [{Key: app}], onBusy: reject, bakeTime: 5}
applications:
  shop:
    groups:
      web: {<<: *usual, bakeTime: 7}
      job: *usual
"""
    web, job = (each.settings for each in load(text).groups)
    assert (web.on_busy, web.bake_seconds, job.bake_seconds) == (OnBusy.REJECT, 7, 5)


ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/0123456789abcdef"


def test_load_balancers_that_are_named_are_used_unless_the_style_says_otherwise() -> None:
    listed = (
        f"loadBalancerInfo: {{targetGroupInfoList: [{{name: web}}, {{name: '{ARN}'}}], elbInfoList: [{{name: old}}]}}\n"
    )
    wanted = LoadBalancers(target_groups=("web", ARN), classic=("old",), has_control=True)
    assert settings(listed).load_balancers == wanted and wanted.are_used
    style = "deploymentStyle: {deploymentType: IN_PLACE, deploymentOption: WITH_TRAFFIC_CONTROL}"
    assert settings(listed + style).load_balancers == wanted
    idle = settings(listed + style.replace("WITH_", "WITHOUT_")).load_balancers
    assert idle == replace(wanted, has_control=False) and not idle.are_used
    assert settings("deploymentStyle: {deploymentOption: WITHOUT_TRAFFIC_CONTROL}").load_balancers == LoadBalancers()


def test_how_hosts_leave_and_come_back_may_be_set() -> None:
    more = "propagationTime: 20s, healthyTimeout: 15m, reregisterOnFailure: true"
    read = settings(f"loadBalancerInfo: {{elbInfoList: [{{name: old}}], {more}, drain: host}}").load_balancers
    assert (read.propagation_seconds, read.healthy_timeout_seconds, read.reregister_on_failure) == (20, 900, True)
    assert settings("loadBalancerInfo: {elbInfoList: [{name: old}], drain: elb}").load_balancers.drain is Drain.ELB
    usual = settings("loadBalancerInfo: {elbInfoList: [{name: old}]}").load_balancers
    assert (usual.propagation_seconds, usual.drain, usual.healthy_timeout_seconds) == (None, Drain.HOST, 3600)
    assert not usual.reregister_on_failure


def test_the_engine_may_use_what_groups_use_and_what_the_top_of_the_file_names() -> None:
    idle = (
        "deploymentStyle: {deploymentOption: WITHOUT_TRAFFIC_CONTROL}\nloadBalancerInfo: {elbInfoList: [{name: idle}]}"
    )
    assert load(group(idle)).load_balancers == LoadBalancers()
    top = f"loadBalancerInfo: {{targetGroupInfoList: [{{name: '{ARN}'}}]}}\n"
    declaration = load(
        top + group("loadBalancerInfo: {targetGroupInfoList: [{name: web}], elbInfoList: [{name: old}]}")
    )
    assert declaration.load_balancers == LoadBalancers(target_groups=(ARN, "web"), classic=("old",))
    made = declaration.with_target_groups({"web": "arn:web", "other": "arn:other"})
    assert made.load_balancers.target_groups == (ARN, "arn:web")
    assert made.groups[0].settings.load_balancers == LoadBalancers(
        target_groups=("arn:web",), classic=("old",), has_control=True
    )
    assert from_plain(Declaration, json.loads(json.dumps(to_plain(declaration)))) == declaration


@pytest.mark.parametrize(
    ("given", "seconds"), [("0", 0), ("90", 90), ("90s", 90), ("5m", 300), ("12h", 43200), ("1h1m1s", 3661)]
)
def test_a_bake_time_is_seconds_or_a_text(given: str, seconds: int) -> None:
    assert settings(f"bakeTime: {given}").bake_seconds == seconds


WEB = "applications.shop.groups.web"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("onBusy: wait", f'6:17: {WEB}.onBusy: "wait" is not one of queue, reject, supersede'),
        ("onBusy: Queue", f'6:17: {WEB}.onBusy: "Queue" is not one of queue, reject, supersede: did you mean "queue"?'),
        ("on_busy: queue", f'6:9: {WEB}.on_busy: unknown key: did you mean "onBusy"?'),
        ("onBusy: queue\nonBusy: reject", f"7:9: {WEB}.onBusy: this key is there twice"),
        ("loadBalancerInfo: {}", f"6:27: {WEB}.loadBalancerInfo: names no load balancer: give targetGroupInfoList or elbInfoList, or leave it out"),
        ("loadBalancerInfo: {elbInfoList: []}", f"6:41: {WEB}.loadBalancerInfo.elbInfoList: give at least one name"),
        ("loadBalancerInfo: {elbInfoList: [old]}", f'6:42: {WEB}.loadBalancerInfo.elbInfoList[0]: "old" is not a mapping of keys to values'),
        ("loadBalancerInfo: {elbInfoList: [{name: -old}]}", f'6:49: {WEB}.loadBalancerInfo.elbInfoList[0].name: "-old" is not a Classic Load Balancer\'s name; a name has 1 to 32 letters, digits and hyphens, with no hyphen at either end'),
        ("loadBalancerInfo: {targetGroupInfoList: [{name: arn:aws:x}]}", f'6:57: {WEB}.loadBalancerInfo.targetGroupInfoList[0].name: "arn:aws:x" is not a target group\'s name or ARN; a name has 1 to 32 letters, digits and hyphens, with no hyphen at either end'),
        ("loadBalancerInfo: {targetGroupInfoList: [{name: a}, {name: a}]}", f'6:68: {WEB}.loadBalancerInfo.targetGroupInfoList[1].name: the load balancer "a" is there twice'),
        ("loadBalancerInfo: {elbInfoList: [{name: a}], drain: slow}", f'6:61: {WEB}.loadBalancerInfo.drain: "slow" is not one of elb, host'),
        ("loadBalancerInfo: {elbInfoList: [{name: a}], drain: elb, propagationTime: 5}", f"6:66: {WEB}.loadBalancerInfo.propagationTime: does not have any effect with drain: elb, which waits for the load balancer"),
        ("loadBalancerInfo: {elbInfoList: [{name: a}], propagationTime: 2h}", f"6:71: {WEB}.loadBalancerInfo.propagationTime: 7200 seconds: at most 3600 (1 hour)"),
        ("loadBalancerInfo: {elbInfoList: [{name: a}], healthyTimeout: 0}", f"6:70: {WEB}.loadBalancerInfo.healthyTimeout: 0 seconds: at least 1"),
        ("deploymentStyle: {deploymentOption: WITH_TRAFFIC_CONTROL}", f"6:45: {WEB}.deploymentStyle.deploymentOption: WITH_TRAFFIC_CONTROL needs loadBalancerInfo: name a load balancer there"),
        ("deploymentStyle: {deploymentType: BLUE_GREEN}", f'6:43: {WEB}.deploymentStyle.deploymentType: "BLUE_GREEN" is not one of IN_PLACE'),
        ("bakeTime: soon", f'6:19: {WEB}.bakeTime: "soon" is not a time: give seconds, or a text like "90s", "5m" or "1h30m"'),
        ("bakeTime: -1", f'6:19: {WEB}.bakeTime: -1 is not a time: give seconds, or a text like "90s", "5m" or "1h30m"'),
        ("bakeTime: 1:30", f'6:19: {WEB}.bakeTime: 1:30 is not a time: give seconds, or a text like "90s", "5m" or "1h30m"'),
        ("bakeTime: 13h", f"6:19: {WEB}.bakeTime: 46800 seconds: at most 43200 (12 hours)"),
        ("slackChannel: #shop", f"6:22: {WEB}.slackChannel: nothing is not a text: quote a text that begins with #"),
        ("slackChannel: 7", f"6:23: {WEB}.slackChannel: 7 is not a text: quote it"),
        ("slackChannel: [a]", f"6:23: {WEB}.slackChannel: a list is not a text"),
        ("ignoreApplicationStopFailures: 1", f"6:40: {WEB}.ignoreApplicationStopFailures: 1 is not true or false"),
        ("fileExistsBehavior: KEEP", f'6:29: {WEB}.fileExistsBehavior: "KEEP" is not one of DISALLOW, OVERWRITE, RETAIN'),
        ("deploymentConfigName: OneAtATime", f'6:31: {WEB}.deploymentConfigName: there is no deployment configuration "OneAtATime": did you mean "CodeDeployDefault.OneAtATime"? (declare your own under deploymentConfigs)'),
        ("ec2TagSet: {ec2TagSetList: [[{Key: a}]]}", f"5:24: {WEB}.ec2TagFilters: give ec2TagFilters or ec2TagSet, not both"),
        ("alarmConfiguration: {enabled: true}", f"6:29: {WEB}.alarmConfiguration: enabled without alarms: name at least one"),
        ("alarmConfiguration: {alarms: [{name: a}, {name: a}]}", f'6:57: {WEB}.alarmConfiguration.alarms[1].name: the alarm "a" is there twice'),
        ("alarmConfiguration: {alarms: [a]}", f'6:39: {WEB}.alarmConfiguration.alarms[0]: "a" is not a mapping of keys to values'),
        ("autoRollbackConfiguration: {enabled: true}", f"6:36: {WEB}.autoRollbackConfiguration: enabled without events: name at least one"),
        ("autoRollbackConfiguration: {events: [DEPLOYMENT_STOP_ON_ALARM]}", f"6:36: {WEB}.autoRollbackConfiguration: DEPLOYMENT_STOP_ON_ALARM does not have any effect unless alarmConfiguration names an alarm"),
        ("triggerConfigurations: [{triggerName: t}]", f"6:33: {WEB}.triggerConfigurations[0]: triggerTargetArn is missing"),
        ("triggerConfigurations: [{triggerName: t, triggerTargetArn: ops, triggerEvents: [DeploymentStart]}]", f'6:68: {WEB}.triggerConfigurations[0].triggerTargetArn: "ops" is neither the ARN of a standard SNS topic nor the word notifications'),
        (f"triggerConfigurations: [{{triggerName: t, triggerTargetArn: {TOPIC}.fifo, triggerEvents: [DeploymentStart]}}]", f'6:68: {WEB}.triggerConfigurations[0].triggerTargetArn: "{TOPIC}.fifo" is neither the ARN of a standard SNS topic nor the word notifications'),
        ("triggerConfigurations: [{triggerName: t, triggerTargetArn: notifications, triggerEvents: [DeploymentStart], triggerFormat: Chatbot}]", f'6:132: {WEB}.triggerConfigurations[0].triggerFormat: "Chatbot" is not one of AmazonQ, CodeDeploy'),
        ("triggerConfigurations: [{triggerName: t, triggerTargetArn: notifications, triggerEvents: []}]", f"6:98: {WEB}.triggerConfigurations[0].triggerEvents: give at least one event"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_remedy(body: str, problem: str) -> None:
    assert f"deployments.yaml:{problem}" in problems(group(body))


@pytest.mark.parametrize(
    ("filters", "problem"),
    [
        ("ec2TagFilters: []", "5:24: {}.ec2TagFilters: give at least one tag filter"),
        ("ec2TagFilters: [{}]", "5:25: {}.ec2TagFilters[0]: give Key, Value or both"),
        ("ec2TagFilters: [{Key: a, Type: KEY_AND_VALUE}]", "5:25: {}.ec2TagFilters[0]: Type KEY_AND_VALUE needs Key and Value, here is Key"),
        ("ec2TagFilters: [{key: a}]", '5:26: {}.ec2TagFilters[0].key: unknown key: did you mean "Key"?'),
        ("ec2TagFilters: [{Key: app, Value: 1}]", "5:43: {}.ec2TagFilters[0].Value: 1 is not a text: quote it"),
        ("ec2TagFilters: [{Key: app, Value: on}]", "5:43: {}.ec2TagFilters[0].Value: on is not a text: quote it"),
        (f"ec2TagFilters: [{', '.join(['{Key: a}'] * 11)}]", "5:24: {}.ec2TagFilters: 11 entries: at most 10 are allowed"),
        (f"ec2TagSet: {{ec2TagSetList: [{', '.join(['[{Key: a}]'] * 4)}]}}", "5:36: {}.ec2TagSet.ec2TagSetList: 4 entries: at most 3 are allowed"),
        ("ec2TagSet: {ec2TagSetList: []}", "5:36: {}.ec2TagSet.ec2TagSetList: give at least one list of tag filters"),
        ("onBusy: queue", "4:7: {}: say which instances belong to the group: ec2TagFilters, ec2TagSet or autoScalingGroups is missing"),
    ],
)  # fmt: skip
def test_tag_filters_are_checked(filters: str, problem: str) -> None:
    text = group("").replace("ec2TagFilters: [{Key: app}]", filters)
    assert f"deployments.yaml:{problem.format(WEB)}" in problems(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: the file is empty: it needs the key applications"),
        ("[]", "1:1: a list is not a mapping of keys to values"),
        ("deploymentConfigs: {}", "1:1: applications is missing"),
        ("application: {}", '1:1: application: unknown key: did you mean "applications"?'),
        ("applications: {shop: {}}", "1:22: applications.shop: groups is missing"),
        ("applications: {'a b': {groups: {}}}", '1:16: applications.a b: "a b" is not a name: give 1 to 100 of A-Z a-z 0-9 + = , . @ _ -'),
        ("applications: {.stepdeploy: {groups: {}}}", "1:16: applications..stepdeploy: a name that begins with a dot is the engine's own in the revision bucket"),
        ("applications: {1: {groups: {}}}", "1:16: applications: the key 1 is not a text: quote it"),
        ("applications: {shop: [}", "1:23: expected the node content, but found '}'"),
        ("applications: {}\ndeploymentConfigs: {CodeDeployDefault.X: {}}", "2:21: deploymentConfigs.CodeDeployDefault.X: names that begin with CodeDeployDefault. or StepDeployDefault. are predefined"),
        ("applications: {}\ndeploymentConfigs: {X: {}}", "2:24: deploymentConfigs.X: minimumHealthyHosts is missing"),
        ("applications: {}\ndeploymentConfigs: {X: {minimumHealthyHosts: {type: FLEET_PERCENT, value: 100}}}", "2:75: deploymentConfigs.X.minimumHealthyHosts.value: minimum healthy hosts value 100 (FLEET_PERCENT): give 0 to 99"),
        ("applications: {}\ndeploymentConfigs: {X: {minimumHealthyHosts: {type: FLEET_PERCENT, value: 50%}}}", '2:75: deploymentConfigs.X.minimumHealthyHosts.value: "50%" is not a whole number'),
    ],
)  # fmt: skip
def test_the_file_itself_is_checked(text: str, problem: str) -> None:
    assert f"deployments.yaml:{problem}" in problems(text)


def test_all_problems_of_a_file_come_together_in_the_order_of_their_lines() -> None:
    found = problems(group("onBusy: wait\nbakeTime: soon\nunknown: 1"))
    assert [line.split(":")[1] for line in found] == ["6", "7", "8"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["applications", "groups", "web", "ec2TagFilters", "Key", "alarms", "bakeTime", "type"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_the_file_holds_it_loads_or_says_what_is_wrong(content: object) -> None:
    try:
        load(json.dumps({"applications": {"shop": {"groups": {"web": content}}}}))
    except InvalidInput as error:
        assert all(line.startswith("deployments.yaml:") for line in str(error).split("\n"))


def test_the_engines_topic_is_resolved_and_only_the_others_are_named() -> None:
    body = "triggerConfigurations:\n" + "".join(
        f"  - {{triggerName: {name}, triggerTargetArn: '{arn}', triggerEvents: [DeploymentStop]}}\n"
        for name, arn in (("own", ENGINE_TOPIC), ("other", TOPIC))
    )
    declaration = load(group(body))
    assert declaration.topic_arns == (TOPIC,)
    resolved = declaration.with_engine_topic("arn:engine")
    assert [trigger.topic_arn for trigger in resolved.groups[0].settings.triggers] == ["arn:engine", TOPIC]


def test_alarms_of_a_configuration_that_is_not_enabled_are_not_watched() -> None:
    def watched(configuration: str) -> tuple[str, ...]:
        return load(group(f"alarmConfiguration: {configuration}")).groups[0].settings.alarms.watched

    assert watched("{alarms: [{name: b}, {name: a}]}") == ("b", "a")
    assert watched("{enabled: false, alarms: [{name: a}]}") == ()


def test_events_of_a_rollback_that_is_not_enabled_are_kept_and_not_used() -> None:
    read = settings("autoRollbackConfiguration: {enabled: false, events: [DEPLOYMENT_FAILURE]}")
    assert (read.auto_rollback, read.idle_auto_rollback) == ((), (AutoRollbackEvent.DEPLOYMENT_FAILURE,))


def test_zones_of_a_configuration() -> None:
    text = "deploymentConfigs:\n  Zones:\n    minimumHealthyHosts: {type: HOST_COUNT, value: 1}\n    zonalConfig: %s\napplications: {}\n"
    per_zone = "minimumHealthyHostsPerZone: {type: FLEET_PERCENT, value: 50}"
    (config,) = load(text % f"{{firstZoneMonitorDuration: 5m, monitorDuration: 60, {per_zone}}}").configs
    half = MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 50)
    assert config.zonal == ZonalConfig(minimum=half, monitor_seconds=60, first_monitor_seconds=300)
    (problem,) = problems(text % "{monitorDuration: soon}")
    assert problem.startswith("deployments.yaml:4:36: deploymentConfigs.Zones.zonalConfig.monitorDuration: ")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{cron: 0 9 * * *, duration: 1h}", "scope is missing"),
        ("{scope: shop/, cron: 0 9 * * *, duration: 1h}", 'scope: "shop/" is not a scope: give an application'),
        ("{scope: shpo, cron: 0 9 * * *, duration: 1h}", 'nothing of this file is "shpo": did you mean "shop"?'),
        ("{scope: shop, cron: 0 25 * * *, duration: 1h}", 'cron: "0 25 * * *" is not a cron expression: give minute'),
        ("{scope: shop, cron: 0 9 31 2 *, duration: 1h}", "is not a cron expression"),
        ("{scope: shop, cron: 0 0 9 * * *, duration: 1h}", "is not a cron expression"),
        ("{scope: shop, cron: 0 9 * * *}", "duration is missing"),
        ("{scope: shop, cron: 0 9 * * *, duration: soon}", '"soon" is not a time'),
        ("{scope: shop, cron: 0 9 * * *, duration: 30s}", "30 seconds: at least 60"),
        ("{scope: shop, cron: 0 9 * * *, duration: 200h}", "720000 seconds: at most 604800 (168 hours)"),
        ("{scope: shop, cron: 0 9 * * *, duration: 1h, timeZone: Berlin}", '"Berlin" is not a time zone: give a name'),
        ("{scope: shop, from: 2026-12-24T08:00, to: 2026-12-27T08:00}", "reason is missing: say why nothing may be"),
        (
            "{scope: shop, from: 2026-12-27T08:00, to: 2026-12-24T08:00, reason: r}",
            "the freeze ends at 2026-12-24T08:00",
        ),
        ("{scope: shop, from: today, to: 2026-12-24T08:00, reason: r}", '"today" is not a time: give a local time'),
        ("{scope: shop, reason: r}", "give cron and duration for a window, or from, to and reason for a freeze"),
    ],
)
def test_a_window_that_cannot_be_is_refused(entry: str, problem: str) -> None:
    (found,) = problems(group("") + f"windows:\n  - {entry}\n")
    assert problem in str(found)


def test_a_freeze_is_read_by_the_clock_of_its_zone() -> None:
    text = "{scope: '*', from: 2026-07-24T08:00, to: 2026-07-25T08:00+00:00, timeZone: Europe/Berlin, reason: a move}"
    (freeze,) = load(group("") + f"windows: [{text}]\n").calendar.freezes
    assert (freeze.start, freeze.end) == ("2026-07-24T06:00:00.000Z", "2026-07-25T08:00:00.000Z")


def test_a_triggers_form_is_read_and_written() -> None:
    given = (
        "triggerConfigurations:\n"
        "  - {triggerName: t, triggerTargetArn: notifications, triggerEvents: [DeploymentStop], triggerFormat: AmazonQ}\n"
    )
    (trigger,) = settings(given).triggers
    assert trigger.format is TriggerFormat.AMAZON_Q

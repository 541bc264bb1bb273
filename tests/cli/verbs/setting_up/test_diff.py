"""`stepdeploy diff`: what `cdk deploy` would change, against the real API and what `declare` wrote."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.account.connection import Engine, Refusal
from functions.core.declaration import buckets_written, load, repositories_written
from functions.engine import declare
from tests.conftest import put_group
from tests.served import Served
from tests.unit.core.test_declaration import group
from tests.unit.core.test_declaration_schema import EVERY_MAPPING

Captured = pytest.CaptureFixture[str]
TOPIC = "arn:aws:sns:us-east-1:123456789012:stepdeploy-news"


@pytest.fixture
def file(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Engine, "outputs", {"TopicArn": TOPIC})
    monkeypatch.chdir(tmp_path)
    return tmp_path / "deployments.yaml"


def deployed(file: Path, text: str) -> None:
    """`cdk deploy` of a file."""
    file.write_text(text)
    declare.apply(load(file).with_engine_topic(TOPIC))
    outputs = {
        "RevisionBuckets": buckets_written(load(file)),
        "CodeCommitRepositories": repositories_written(load(file)),
    }
    Engine.outputs.update({name: json.dumps(value) for name, value in outputs.items()})  # type: ignore[attr-defined]


def diff(capsys: Captured, *arguments: str) -> list[str]:
    assert main(["diff", *arguments]) == 1
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "text",
    [
        EVERY_MAPPING,
        group(""),
        (Path(__file__).parents[4] / "deployments.yaml").read_text(),
        group("alarmConfiguration: {enabled: false, alarms: [{name: a}]}\nhostBusy: fail"),
        group("autoRollbackConfiguration: {enabled: false, events: [DEPLOYMENT_FAILURE]}"),
        group("loadBalancerInfo: {elbInfoList: [{name: old}], drain: elb}"),
    ],
)
def test_what_was_deployed_would_change_nothing(text: str, file: Path, capsys: Captured) -> None:
    deployed(file, text)
    assert main(["diff"]) == 0
    assert capsys.readouterr().out == "nothing would change\n"


def test_each_key_that_changes_is_shown_as_it_is_and_as_it_will_be(file: Path, capsys: Captured) -> None:
    deployed(file, group('bakeTime: 10s\nslackChannel: "#shop"\nonBusy: queue'))
    file.write_text(group("bakeTime: 60\nalarmConfiguration: {alarms: [{name: errors}]}"))
    assert diff(capsys) == [
        "shop/web: changed",
        "  alarmConfiguration: (default) -> {alarms: [{name: errors}]}",
        "  bakeTime: 10s -> 1m",
        "  slackChannel: '#shop' -> (default)",
        "`cdk deploy` makes these changes",
    ]


def test_groups_that_are_new_and_that_go_are_shown(file: Path, capsys: Captured) -> None:
    deployed(file, group(""))
    file.write_text(group("").replace("      web:", "      api:"))
    assert diff(capsys) == [
        "shop/api: new",
        "  ec2TagFilters: [{Key: app}]",
        "shop/web: removed; its history stays, and it takes no new deployment",
        "`cdk deploy` makes these changes",
    ]
    declare.apply(load(file))
    assert main(["diff"]) == 0


def test_configurations_are_shown_too(file: Path, capsys: Captured) -> None:
    one = "deploymentConfigs: {Most: {minimumHealthyHosts: {type: FLEET_PERCENT, value: %s}}}\n"
    deployed(file, one % 90 + group("deploymentConfigName: Most"))
    file.write_text(one % 80 + group("deploymentConfigName: Most"))
    assert diff(capsys)[:2] == [
        "deployment configuration Most: changed",
        "  minimumHealthyHosts: {type: FLEET_PERCENT, value: 90} -> {type: FLEET_PERCENT, value: 80}",
    ]
    file.write_text(group(""))
    assert "deployment configuration Most: removed" in diff(capsys)


def test_budgets_are_shown_too(file: Path, capsys: Captured) -> None:
    one = "budgets: {fleet: {ec2TagFilters: [{Key: role}], maximumOutOfService: {type: HOST_COUNT, value: %s}}}\n"
    deployed(file, one % 2 + group("budgets: [fleet]"))
    file.write_text(one % 1 + group(""))
    assert diff(capsys)[:4] == [
        "budget fleet: changed",
        "  maximumOutOfService: {type: HOST_COUNT, value: 2} -> {type: HOST_COUNT, value: 1}",
        "shop/web: changed",
        "  budgets: [fleet] -> (default)",
    ]
    file.write_text(group(""))
    assert diff(capsys)[0] == "budget fleet: removed"
    file.write_text(one.replace("fleet", "other") % 1 + group(""))
    assert diff(capsys)[0] == "budget other: new"


def test_revision_buckets_are_shown_too(file: Path, capsys: Captured) -> None:
    deployed(file, group("") + "revisionBuckets: [ci-builds, {name: other, trigger: uploads, prefix: a/}]\n")
    file.write_text(group("") + "revisionBuckets: [{name: other, trigger: uploads}, third]\n")
    assert diff(capsys) == [
        "revision bucket other: changed",
        "  prefix: a/ -> (default)",
        "revision bucket third: new",
        "revision bucket ci-builds: removed; neither uploads nor revisions are taken from there",
        "`cdk deploy` makes these changes",
    ]


def test_repositories_of_codecommit_are_shown_too(file: Path, capsys: Captured) -> None:
    deployed(file, group("") + "codeCommitRepositories: {library: {}, site: {main: [shop/web]}}\n")
    file.write_text(group("") + "codeCommitRepositories: {site: {main: [], next: [shop/web]}, tools: {}}\n")
    assert diff(capsys) == [
        "CodeCommit repository site: changed",
        "  main: [shop/web] -> []",
        "  next: (default) -> [shop/web]",
        "CodeCommit repository tools: new",
        "CodeCommit repository library: removed; neither pushes nor commits are taken from there",
        "`cdk deploy` makes these changes",
    ]
    main(["diff", "--json"])
    told = json.loads(capsys.readouterr().out)["codeCommitRepositories"]
    assert [each["repositoryName"] for each in told] == ["site", "tools", "library"]


def test_revision_buckets_are_not_compared_where_the_stack_cannot_be_read(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    deployed(file, group("") + "revisionBuckets: [ci-builds]\n")

    def no_stack(_: Engine) -> dict[str, str]:
        raise Refusal("there is no stack 'stepdeploy' in us-east-1")

    monkeypatch.setattr(Engine, "outputs", property(no_stack))
    assert main(["diff"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "nothing would change\n"
    why = "there is no stack 'stepdeploy' in us-east-1"
    assert shown.err == f"revision buckets and repositories are not compared: {why}\n"


def test_a_group_of_the_api_is_taken_over_and_others_of_it_are_left_alone(file: Path, capsys: Captured) -> None:
    file.write_text(group(""))
    put_group(settings=load(file).groups[0].settings)
    put_group("of-the-api")
    assert diff(capsys)[0] == "shop/web: changed; is made by the API; the file takes it over"


def test_what_the_file_leaves_out_of_what_only_clients_read_stays(file: Path, capsys: Captured) -> None:
    role = "arn:aws:iam::123456789012:role/deploy"
    deployed(file, group(f"serviceRoleArn: {role}\noutdatedInstancesStrategy: IGNORE"))
    file.write_text(group(""))
    assert main(["diff"]) == 0


def test_a_target_group_that_the_app_makes_has_its_name_in_the_file(file: Path) -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/api/0123456789abcdef"
    file.write_text(group("loadBalancerInfo: {targetGroupInfoList: [{name: api}]}"))
    declare.apply(load(file).with_target_groups({"api": arn}))
    assert main(["diff"]) == 0


def test_json_has_the_keys_before_and_after(file: Path, capsys: Captured) -> None:
    deployed(file, group("bakeTime: 10s"))
    file.write_text(group(""))
    (line,) = diff(capsys, "--json")
    change = {"group": "shop/web", "change": "changed", "keys": [{"key": "bakeTime", "before": "10s", "after": None}]}
    others = ("deploymentConfigs", "budgets", "revisionBuckets", "codeCommitRepositories")
    assert json.loads(line) == {"groups": [change], **{kind: [] for kind in others}}


def test_a_file_with_mistakes_is_not_compared(file: Path, capsys: Captured) -> None:
    file.write_text(group("onBusy: qeue"))
    assert main(["diff"]) == 2
    assert 'deployments.yaml:6:17: applications.shop.groups.web.onBusy: "qeue" is not one' in capsys.readouterr().err
    assert main(["diff", "gone.yaml"]) == 2
    assert "gone.yaml" in capsys.readouterr().err


def test_an_engine_that_does_not_say_what_is_declared_is_too_old(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    deployed(file, group(""))
    monkeypatch.setattr("functions.api.responses.only_declared", lambda record: {})
    assert main(["diff"]) == 3
    assert "older than this command: update it with `cdk deploy`" in capsys.readouterr().err


def test_a_removed_group_that_comes_back_is_new(file: Path, capsys: Captured) -> None:
    deployed(file, group(""))
    declare.apply(replace(load(file), groups=()))
    assert diff(capsys)[0] == "shop/web: new"

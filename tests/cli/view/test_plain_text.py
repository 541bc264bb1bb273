"""Whatever is on record, in a bundle or in an argument, every verb writes text only to the terminal."""

import gzip
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import VERBS, main
from cli.account.connection import Engine
from functions.core.records import Counts, GroupSettings, Host, RollbackInfo, TagFilter, TagGroup
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import deployment_indexes, deployment_key, host_key, target_key
from tests.cli.deploying import ID, Captured, put_deployment, put_target, script_failed
from tests.clients import client
from tests.conftest import BUCKET, all_items, put_group, put_item, revision, stand_in
from tests.fakes.run_command import FakeRunCommand
from tests.hostile import ONE_LINE, ORDERS, TEXT
from tests.served import Served

ON_RECORD = [
    ["list"],
    ["show", ID],
    ["logs", ID],
    ["logs", ID, "--full"],
    ["watch", ID],
    ["report", ID, "--overwrite"],
    ["groups"],
    ["budgets"],
    ["hosts", "shop/web"],
    ["status"],
    ["show", "shop/web"],
    ["stop", ID],
    ["approve", ID],
    ["pause", ID],
    ["resume", ID],
    ["windows"],
    ["freeze", "shop/web", "--reason", TEXT],
    ["bypass", ID, "--reason", ONE_LINE],
    ["retry", ID],
    ["rollback", "shop/web"],
    ["rollback", "shop/web", "--dry-run"],
    ["doctor", "shop/web"],
    ["cost"],
    ["retire"],
]
BY_ARGUMENT = [
    ["show", ONE_LINE],
    ["watch", ONE_LINE],
    ["logs", ONE_LINE],
    ["report", ONE_LINE],
    ["report", ID, "--html", f"{ONE_LINE}/report.html"],
    ["stop", ONE_LINE],
    ["unfreeze", ONE_LINE],
    ["retry", ONE_LINE],
    ["rollback", f"shop/{ONE_LINE}"],
    ["hosts", f"shop/{ONE_LINE}"],
    ["groups", ONE_LINE],
    ["budgets", "release", ONE_LINE, "i-1"],
    ["status", ONE_LINE],
    ["rollback", "shop/web", "--to", ONE_LINE],
    ["deploy", "shop/web", f"s3://{BUCKET}/{ONE_LINE}"],
    ["deploy", "shop/web", ONE_LINE],
    ["plan", "shop/web", f"s3://{BUCKET}/{ONE_LINE}"],
    ["plan", "shop/web", ONE_LINE],
    ["push", "shop/web", ONE_LINE],
    ["list", "--status", ONE_LINE],
    ["doctor", f"shop/{ONE_LINE}"],
    ["diff", ONE_LINE],
    ["validate", ONE_LINE],
    ["local", "-l", ONE_LINE],
    ["init", ONE_LINE],
    ["completion", ONE_LINE],
    ["help", ONE_LINE],
    ["install-model", ONE_LINE],
    ["proxy", "--port", ONE_LINE],
    ["console", "--port", ONE_LINE],
    ["cost", "--since", ONE_LINE],
    ["simulate", "--fail", ONE_LINE],
]


@pytest.fixture
def hostile(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed deployment and its group, of which every text that anybody can write is as bad as can be; what the
    records would make plain is as an older engine left it."""
    names = ("BucketName", "StartFunctionName", "StateMachineArn", "TableName", "ApiEndpoint")
    monkeypatch.setattr(Engine, "outputs", dict.fromkeys(names, BUCKET))
    stand_in("ssm", FakeRunCommand())
    tags = (TagGroup(filters=(TagFilter(key=TEXT, value=TEXT),)),)
    put_group(settings=GroupSettings(tag_groups=tags))
    bad = revision(version=TEXT, etag=TEXT)
    one = put_deployment(
        DeploymentStatus.FAILED, Counts(total=2, max_out_of_service=1, succeeded=1, failed=1), requested_by=TEXT
    )
    item = {
        **to_plain(one),
        "revision": {**to_plain(bad), "key": f"shop/web/{TEXT}.zip", "warnings": [TEXT]},
        "description": TEXT,
        "metadata": {TEXT: TEXT},
        "failure": {"code": "HEALTH_CONSTRAINTS", "message": TEXT},
        "stop": {"by": TEXT, "code": "MANUAL_STOP", "message": TEXT, "at": one.create_time},
        "rollback": to_plain(RollbackInfo(rollback_triggering_deployment_id=TEXT)) | {"rollback_message": TEXT},
    }
    put_item({**deployment_key(ID).item, **item, **deployment_indexes(one)})
    put_target("i-0", TargetStatus.SUCCEEDED, done=7)
    put_target("i-1", TargetStatus.FAILED, done=4, left=script_failed())
    (target,) = [each for each in all_items() if each["sk"] == "TARGET#i-1"]
    for event in target["events"]:
        if "diagnostics" in event:
            event["diagnostics"] |= {"message": TEXT, "log_tail": f"{TEXT}\n{TEXT}", "script_name": TEXT}
    put_item({**target_key(ID, "i-1").item, **target, "name": TEXT})
    host = Host(target_id="i-0", deployment_id=ID, status=TargetStatus.SUCCEEDED, since=one.create_time)
    put_item({**host_key("uuid-of-web", "i-0").item, **to_plain(host)})
    key = f".stepdeploy/logs/{ID}/i-1/AfterInstall.log.gz"
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(TEXT.encode()))


def is_clean(capsys: Captured) -> str:
    said = capsys.readouterr()
    assert not re.search(ORDERS, said.out + said.err), (said.out, said.err)
    return said.out + said.err


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("arguments", ON_RECORD, ids=" ".join)
def test_what_is_on_record_reaches_a_terminal_as_text(
    hostile: None,
    capsys: Captured,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    as_json: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    main([*arguments, *(["--json"] if as_json else [])])
    assert is_clean(capsys)


def test_json_gives_programs_what_was_written(hostile: None, capsys: Captured) -> None:
    assert main(["show", ID, "--json"]) == 0
    told = json.loads(is_clean(capsys))["deployment"]
    assert told["description"] == TEXT and told["metadata"] == {TEXT: TEXT}


def test_markup_in_a_text_is_text(hostile: None, capsys: Captured) -> None:
    for arguments in (["show", ID], ["logs", ID], ["watch", ID]):
        main(arguments)
        assert "[red]i[/red]" in is_clean(capsys)


@pytest.mark.parametrize("arguments", BY_ARGUMENT, ids=lambda each: each[0])
def test_what_a_verb_refuses_is_quoted_as_text(
    hostile: None, capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(arguments)
    assert is_clean(capsys)


def test_every_verb_is_looked_at() -> None:
    assert {each[0] for each in [*ON_RECORD, *BY_ARGUMENT]} == VERBS.keys()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """An archive whose AppSpec and names are as bad as can be."""
    path = tmp_path / "bundle.zip"
    name = ONE_LINE.replace("/", "")
    spec: dict[str, Any] = {"version": 0.0, "os": "linux", "files": [{"source": name, "destination": f"/{name}"}]}
    spec |= {ONE_LINE: 1, "hooks": {"BeforeInstall": [{"location": name}], ONE_LINE: [{"location": "x"}]}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("appspec.yml", json.dumps(spec))
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate"],
        ["validate", "--format", "json"],
        ["validate", "--format", "github"],
        ["local", "--dry-run", "--type", "zip", "-l"],
        ["push", "shop/web"],
        ["deploy", "shop/web"],
    ],
    ids=" ".join,
)
def test_what_is_in_a_bundle_reaches_a_terminal_as_text(
    hostile: None, capsys: Captured, bundle: Path, arguments: list[str]
) -> None:
    main([*arguments, str(bundle)])
    assert is_clean(capsys)

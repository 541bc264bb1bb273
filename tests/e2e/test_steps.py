"""A target goes through the steps that are stored with it: three segments, which no group asks for yet.

The records of such a deployment are written here, as Prepare writes them; from its execution on all is the engine's.
"""

import hashlib
import json
from dataclasses import replace
from uuid import uuid4

from functions.core.records import Counts, Deployment, PlaceSet, Target
from functions.core.rollout.command_result import pending_events
from functions.core.rollout.places import with_homes
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import deployment_indexes, deployment_key, lock_key, target_key
from functions.store.records import places
from functions.store.table.wire import to_wire
from tests.conftest import THREE_SEGMENTS
from tests.e2e.conftest import Fleet, MakeFleet, application, failing

NAMES = [event.value for step in THREE_SEGMENTS for event in step.events]
HOOKED = [name for name in NAMES if name not in ("DownloadBundle", "Install")]
APPSPEC = "version: 0.0\nos: linux\nfiles: [{source: /app, destination: /srv/app}]\nhooks:\n"
APPSPEC += "".join(f"  {name}: [{{location: scripts/{name}.sh, timeout: 60}}]\n" for name in HOOKED)
SCRIPTS = {f"scripts/{name}.sh": failing('exec "$(dirname "$0")/note.sh"') for name in HOOKED}
CHANGES = {"appspec.yml": APPSPEC, **SCRIPTS}


def run(group: Fleet, like: Deployment, archive: bytes) -> Deployment:
    """Deploy an archive in three segments, with what is pinned, counted and selected as in another deployment."""
    key = f"archives/{uuid4()}.zip"
    put = group.cloud.client("s3").put_object(Bucket=group.engine.bucket, Key=key, Body=archive)
    pinned = replace(
        like.revision,
        key=key,
        version=put["VersionId"],
        etag=put["ETag"].strip('"'),
        size=len(archive),
        sha256=hashlib.sha256(archive).hexdigest(),
    )
    deployment_id = f"d-{uuid4().hex[:9].upper()}"
    place = PlaceSet(name=deployment_id, places=1)
    one = replace(
        like,
        deployment_id=deployment_id,
        status=DeploymentStatus.IN_PROGRESS,
        revision=pinned,
        counts=Counts(total=len(group.hosts), max_out_of_service=1),
        stages=(),
        places=(place,),
        complete_time=None,
    )
    items = [{**deployment_key(one.deployment_id).item, **deployment_indexes(one), **to_plain(one)}]
    items += [{**put.key.item, **put.attributes} for put in places.new(place)]
    fleet = [
        Target(
            deployment_id=one.deployment_id,
            target_id=host.id,
            group_id=one.group_id,
            steps=THREE_SEGMENTS,
            events=pending_events(THREE_SEGMENTS),
        )
        for host in group.hosts
    ]
    for target in with_homes(fleet, one.places):
        items.append({**target_key(one.deployment_id, target.target_id).item, **to_plain(target), "segments": {}})
    items.append({**lock_key(one.group_key).item, "holder": one.deployment_id})
    for item in items:
        group.cloud.client("dynamodb").put_item(TableName=group.engine.table, Item=to_wire(item))
    group.cloud.client("stepfunctions").start_execution(
        stateMachineArn=group.engine.machine,
        name=one.deployment_id,
        input=json.dumps({"deployment_id": one.deployment_id}),
    )
    return group.engine.wait(one.deployment_id)


def test_three_segments_run_one_after_another_and_keep_their_events_also_when_the_last_one_fails(
    fleet: MakeFleet,
) -> None:
    group = fleet("steps")
    first = group.deploy("v1", CHANGES)
    assert first.status is DeploymentStatus.SUCCEEDED
    before = [len(group.ran(host)) for host in group.hosts]
    one = run(group, first, application("v2", CHANGES))
    assert one.status is DeploymentStatus.SUCCEEDED and one.counts.succeeded == 2
    assert group.installed() == ["v2", "v2"] and group.engine.holder(group.key) is None
    for host, seen in zip(group.hosts, before, strict=True):
        assert [line.split()[1] for line in group.ran(host)[seen:]] == HOOKED
        assert group.ran(host)[seen] == "v1 BeforeBlockTraffic", "of the revision that is there"
        assert group.ran(host)[-1] == "v2 AfterAllowTraffic"
    for target in group.targets(one):
        assert [(event.name, event.status) for event in target.events] == [(name, "Succeeded") for name in NAMES]
        assert all(event.start_time and event.end_time for event in target.events)
        assert len({run.command_id for run in target.segments.values()}) == 3

    script = {"scripts/AfterAllowTraffic.sh": failing("exit 7")}
    two = run(group, first, application("v3", {**CHANGES, **script}))
    assert two.status is DeploymentStatus.FAILED
    assert (two.counts.failed, two.counts.skipped) == (1, 1)
    failed = next(target for target in group.targets(two) if target.status is TargetStatus.FAILED)
    assert [event.status for event in failed.events] == ["Succeeded"] * 10 + ["Failed"]
    assert failed.failure and failed.failure.event == "AfterAllowTraffic" and "exit code 7" in failed.failure.message

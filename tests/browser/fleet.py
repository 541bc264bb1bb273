"""What the console's pages show in a browser: groups and deployments, put on record as the engine does."""

from dataclasses import replace

from functions.core.new_deployment import summary
from functions.core.records import Counts, Deployment, Host
from functions.core.records.stages import Stage
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import host_key
from tests.cli import deploying as hosts_of
from tests.cli.conftest import launched
from tests.cli.deploying import ID, F, K, P, S, W, put_deployment, put_target, script_failed
from tests.conftest import put_group, put_item, stand_in
from tests.fakes.run_command import FakeRunCommand
from tests.unit.api.test_deployments import put, record

LOG = "asking http://localhost:8080/\nconnection refused"


def groups() -> list[str]:
    """shop/web with six hosts, of which one has an older revision and one failed; and two groups more. The hosts."""
    stand_in("ssm", FakeRunCommand())
    hosts = launched(*(f"web-{number}" for number in range(1, 7)))
    old, good = done(1, S), done(2, S)
    put_group(last_successful=summary(good), last_attempted=summary(good))
    put_group("worker")
    put_group("api", "billing")
    for number, each in enumerate(hosts):
        one = old if number == 5 else good
        status, since = F if number == 4 else S, one.create_time
        found = Host(target_id=each, deployment_id=one.deployment_id, status=status, since=since)
        put_item({**host_key("uuid-of-web", each).item, **to_plain(found)})
    return hosts


def done(number: int, status: TargetStatus) -> Deployment:
    one = put(number, status=DeploymentStatus.SUCCEEDED)
    metadata = {"commit": f"{number}" * 40}
    return record(replace(one, metadata=metadata, complete_time=one.create_time, requested_by="ann"))


def deploying(*states: TargetStatus, hosts: list[str] | None = None, status: DeploymentStatus | None = None) -> None:
    """A deployment of two stages whose hosts have these states."""
    count = {each: states.count(each) for each in TargetStatus}
    counts = Counts(
        total=len(states),
        max_out_of_service=max(len(states) // 3, 1),
        in_progress=count[W],
        succeeded=count[S],
        failed=count[F],
        skipped=count[K],
    )
    stages = (Stage(name="canary", targets=1), Stage(name="rest", targets=len(states) - 1))
    metadata = {"commit": "0123abc" + "0" * 33, "branch": "main"}
    put_deployment(
        status or DeploymentStatus.IN_PROGRESS, counts, stages=stages, metadata=metadata, step_count=len(states)
    )
    turns = [number for number, _ in sorted(enumerate(states), key=lambda each: each[1] is not S)]
    for turn, number in enumerate(turns):  # as many at one time as may be out of service; the failed ones stay out
        each, begun = states[number], -(-turn // counts.max_out_of_service) * 15
        put_target(
            hosts[number] if hosts else f"i-{number:017}",
            each,
            done={S: 7, W: 4, F: 5}.get(each, 0),
            left=script_failed(log=LOG) if each is F else None,
            begun=begun,
            stage=min(turn, 1),
            started_at=hosts_of.at(begun + 2) if each in (S, W, F) else None,
        )


__all__ = ["ID", "F", "K", "P", "S", "W", "deploying", "groups"]

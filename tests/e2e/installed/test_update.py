"""`cdk deploy` of another version while deployments run, there and back, with hosts out of their load balancer: no host
has the runner of either one."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from functions.core.statuses import DeploymentStatus, TargetStatus
from local.cloud import ROOT, LocalInstance
from local.driver import wait_for
from local.shop import balanced
from tests.e2e.conftest import RECONCILE_SECONDS, Fleet, MakeFleet, failing, healthy

SERVE = 'mkdir -p /tmp/web; echo ok >/tmp/web/health; cd /tmp/web; python3 -m http.server 8080 --bind "$(hostname)"'
# It may wait for as long as two updates take.
WAITS = {
    "scripts/start.sh": failing(
        "until [ -e /var/lib/go-on ]; do sleep 0.1; done", f"setsid sh -c '{SERVE}' >/dev/null 2>&1 </dev/null &"
    ),
    "appspec.yml": (ROOT / "examples/hooks/appspec.yml").read_text().replace("timeout: 60", "timeout: 600"),
}
HOSTS = 4  # of which half run at a time
# What is other in the next version: the runner, and with it the document, the functions' package and their
# environment; the role of the function that sends; the definition of the machine.
CHANGES = {
    "host/posix/run.py": ("_CAUSES = {", "NEXT_VERSION = True\n_CAUSES = {"),
    "functions/settings.py": ('"""', '"""Of the next version. '),
    "statemachines/target.asl.yaml": ("Comment: One target", "Comment: In the next version, one target"),
    "infra/engine.py": (
        "        hosts.let_send(function, hosts.document_arn)\n",
        "        hosts.let_send(function, hosts.document_arn)\n"
        '        function.allow("ssm:GetDocument", on=hosts.document_arn)\n',
    ),
}


def next_version(folder: Path) -> Path:
    """A copy of the repository with these changes."""
    for name in ("functions", "host", "infra", "statemachines"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "app.py", folder)
    for name, (before, after) in CHANGES.items():
        text = (folder / name).read_text()
        assert text.count(before), f"{name} has no {before!r} any more"
        (folder / name).write_text(text.replace(before, after, 1))
    return folder


def let_one_go(group: Fleet, deployment_id: str) -> None:
    """One of the hosts that wait in their script ends, and another one begins."""

    def waiting() -> LocalInstance | None:
        running = {each.target_id for each in group.targets(deployment_id) if each.status is TargetStatus.IN_PROGRESS}
        return next((host for host in group.hosts if host.id in running and group.ran(host)), None)

    host = wait_for(waiting, "a host to run its script")
    host.path("var/lib/go-on").touch()


def runners(group: Fleet) -> set[str]:
    """What hosts have fetched."""
    return {file.stem for host in group.hosts for file in host.path("opt/stepdeploy/runner").glob("*.pyz")}


def test_deployments_go_on_while_the_engine_is_updated_and_while_it_goes_back(
    fleet: MakeFleet, assembly: Path, declaration: Path, context: dict[str, str], tmp_path: Path
) -> None:
    group = fleet("updated", hosts=HOSTS)
    cloud = group.cloud
    cloud.load_balancers.set(second=0.1)
    target_group, _ = balanced(cloud, "updated")
    cloud.synthesize(
        tmp_path / "assembly", declaration, RECONCILE_SECONDS, context, code=next_version(tmp_path / "next")
    )
    seen: list[set[str]] = []
    try:
        for version, there in (("v1", tmp_path / "assembly"), ("v2", assembly)):
            for host in group.hosts:
                host.path("var/lib/go-on").unlink(missing_ok=True)
                shutil.rmtree(host.path("opt/stepdeploy/runner"), ignore_errors=True)
            one = group.begin(version, WAITS)
            group.engine.wait_until(one, lambda found: found.counts.started == HOSTS // 2)
            with ThreadPoolExecutor(1) as pool:
                updated = pool.submit(cloud.deploy_assembly, there)
                let_one_go(group, one)
                updated.result()
            running = group.engine.wait_until(one, lambda found: found.counts.started > HOSTS // 2)
            assert running.counts.started == HOSTS // 2 + 1, "one has not begun yet"
            assert len(healthy(group, target_group)) < HOSTS
            for host in group.hosts:
                host.path("var/lib/go-on").touch()
            assert group.engine.wait(one).status is DeploymentStatus.SUCCEEDED, group.targets(one)
            assert group.installed() == [version] * HOSTS
            wait_for(lambda: len(healthy(group, target_group)) == HOSTS, "all hosts to be healthy")
            seen.append(runners(group))
    finally:
        cloud.load_balancers.clear()
        if len(seen) < 2:
            cloud.deploy_assembly(assembly)  # other tests use the engine, too
    assert len(seen[0]) == 2 and seen[0] == seen[1], "some have the one version's runner, some the other's"

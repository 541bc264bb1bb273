"""Local instances: apart from this machine and from each other, alive like a host, and gone without a trace."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.driver import PATIENCE
from local.hosts.instance import REPOSITORY, PingStatus
from local.hosts.instances import Instances
from tests.local.conftest import Run, Ssm

pytestmark = pytest.mark.root
NOBODY = 65534
SomeoneElse = tuple[list[str], str, Path, Path]

# A local cloud of one instance that runs a script; then it waits to be killed.
CLOUD = """
import asyncio, sys
from pathlib import Path
from local.hosts.job import Step
from local.hosts.instances import Instances
from local.hosts.namespaces import NamespaceUnavailable

async def main():
    fleet = Instances(Path(sys.argv[1]), network=sys.argv[4])
    reports = asyncio.Queue()
    fleet.on_report = lambda instance, report: reports.put_nowait(report)
    try:
        host = await fleet.launch("web-1", privileged=sys.argv[3] == "privileged")
    except NamespaceUnavailable as error:
        print(error, flush=True)
        return
    await host.deliver("command", [Step("A", sys.argv[2], 10, "/usr/bin")])
    while (await reports.get()).get("status") in (None, "InProgress"):
        pass
    print(host.path("/srv/result").read_text(), flush=True)
    if sys.stdin.readline():
        await fleet.close()
    print("closed", flush=True)

asyncio.run(main())
"""


def start_cloud(
    directory: Path, script: str, mode: str, prefix: list[str], python: str, project: Path = REPOSITORY
) -> "subprocess.Popen[str]":
    network = f"127.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
    return subprocess.Popen(
        [*prefix, python, "-c", CLOUD, str(directory), script, mode, network],
        cwd=project,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(project)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_until_gone(*traces: str | Path) -> None:
    """Until no process has one of the texts in its command line and no such file is there."""
    deadline = time.monotonic() + PATIENCE
    while left := [trace for trace in traces if _is_there(trace)]:
        assert time.monotonic() < deadline, f"{left} did not go away"
        time.sleep(0.02)


def _is_there(trace: str | Path) -> bool:
    return trace.exists() if isinstance(trace, Path) else bool(processes(trace))


def processes(text: str) -> list[int]:
    """Processes of this machine whose command line holds a text."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in entry.read_bytes().replace(b"\0", b" "):
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture
def mark() -> Iterator[str]:
    """A number of seconds that no other test sleeps: a daemon that can be found by it."""
    yield f"{100_000 + time.monotonic_ns() % 100_000}.{os.getpid()}"


def test_a_script_sees_a_clean_host_and_nothing_of_this_machine(ssm: Ssm) -> None:
    host = ssm.host()
    assert set(ssm.output(host, "env").split()) == {
        f"AWS_SSM_INSTANCE_ID={host.instance_id}",
        "AWS_SSM_REGION_NAME=us-east-1",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PWD=/usr/bin",
    }
    assert ssm.output(
        host, "ls -A /opt /home /srv /root /mnt | grep -v ':$'; id -u; hostname; python3 -c 'print(1)'"
    ) == ("\n\n\n\n0\nweb-1\n1\n")
    assert ssm.output(host, f"ls -d {REPOSITORY} {host.path('/')} 2>/dev/null || echo none") == "none\n"


def test_what_it_writes_is_its_own_and_readable_from_outside(ssm: Ssm) -> None:
    first, second = ssm.host("web-1"), ssm.host("web-2")
    paths = [
        "/srv/app/x",
        "/opt/x",
        "/etc/stepdeploy-test",
        "/usr/bin/stepdeploy-test",
        "/var/www/x",
        "/tmp/stepdeploy-x",
    ]
    ssm.output(first, "mkdir /srv/app", *(f"echo {path} > {path}" for path in paths))
    for path in paths:
        assert first.path(path).read_text() == f"{path}\n"
        assert not second.path(path).exists()
        assert not Path(path).exists()
    assert ssm.output(second, f"ls {' '.join(paths)} 2>/dev/null | wc -l") == "0\n"


@pytest.mark.parametrize(
    "attempt",
    [
        "echo 1 > /proc/sys/kernel/panic",
        "echo b > /proc/sysrq-trigger",
        "mount -t tmpfs none /mnt",
        "mknod /tmp/disk b 8 0",
        "ip link add stepdeploy0 type dummy",
        "kill -0 THE_TESTS_PROCESS",
    ],
)
def test_it_cannot_reach_this_machine(ssm: Ssm, attempt: str) -> None:
    host = ssm.host()
    attempt = attempt.replace("THE_TESTS_PROCESS", str(os.getpid()))
    assert ssm.output(host, f"({attempt}) 2>/dev/null && echo reached || echo refused") == "refused\n"


def test_its_name_means_its_own_address_which_this_machine_can_reach(ssm: Ssm) -> None:
    first, second = ssm.host("web-1"), ssm.host("web-2")
    assert first.address != second.address
    assert ssm.output(first, "getent hosts web-1").split() == [first.address, "web-1"]
    for host in (first, second):  # the same port on both
        ssm.output(host, f"cd /srv && python3 -m http.server 8099 --bind {host.name} >/dev/null 2>&1 &")

    def answers(address: str) -> bool:
        with socket.socket() as client:
            return client.connect_ex((address, 8099)) == 0

    ssm.until(lambda: answers(first.address) and answers(second.address), "both servers")


def test_a_daemon_outlives_its_command_and_dies_with_the_host(ssm: Ssm, mark: str) -> None:
    host = ssm.host()
    ssm.output(host, f"setsid sleep {mark} >/dev/null 2>&1 &")
    assert ssm.output(host, f"pgrep -f 'sleep {mark}' -c") == "1\n"
    assert processes(mark)
    ssm.run(host.stop())
    wait_until_gone(mark)


def test_orphans_are_reaped(ssm: Ssm) -> None:
    host = ssm.host()
    ssm.output(host, "(true & true &) >/dev/null 2>&1", "(setsid sh -c 'sleep 0.01' &) >/dev/null 2>&1")
    ssm.until(lambda: ssm.output(host, "ps -A -o stat= | grep -c Z || true") == "0\n", "the reaping")


def test_a_reboot_ends_every_process_and_keeps_the_files(ssm: Ssm, mark: str) -> None:
    host = ssm.host()
    ssm.output(host, f"setsid sleep {mark} >/dev/null 2>&1 &", "touch /srv/kept /tmp/dropped /run/dropped")
    ssm.run(host.reboot())
    assert not processes(mark)
    assert ssm.output(host, "ls /srv /tmp; ls -A /run") == "/srv:\nkept\n\n/tmp:\nlock\n"


def test_stop_start_and_terminate(ssm: Ssm) -> None:
    host = ssm.host()
    ssm.output(host, "touch /srv/kept")
    ssm.run(host.stop())
    ssm.until(lambda: host.ping_status is PingStatus.CONNECTION_LOST)
    ssm.run(host.start())
    assert ssm.output(host, "ls /srv") == "kept\n"
    ssm.run(host.terminate())
    assert not host.path("/srv").exists()
    ssm.run(host.terminate())


def test_a_killed_local_cloud_leaves_nothing(tmp_path: Path, mark: str) -> None:
    script = f"setsid sleep {mark} >/dev/null 2>&1 & echo up > /srv/result"
    kind = "privileged" if os.geteuid() == 0 else "unprivileged"
    with start_cloud(tmp_path / "fleet", script, kind, [], sys.executable) as cloud:
        assert cloud.stdout and cloud.stdout.readline() == "up\n"
        assert processes(mark)
        (host,) = (tmp_path / "fleet").glob("i-*")
        cloud.send_signal(signal.SIGKILL)
    wait_until_gone(mark, str(tmp_path / "fleet"), host)


def test_an_instance_whose_cloud_goes_before_it_says_anything_ends() -> None:
    cloud, its = socket.socketpair()
    with its:
        agent = subprocess.Popen([sys.executable, "-m", "local.hosts.agent"], stdin=its.fileno(), cwd=REPOSITORY)
    cloud.close()
    try:
        assert agent.wait(10) == 0
    finally:
        agent.kill()
        agent.wait()


def test_leftovers_are_removed_and_a_directory_has_one_owner(run: Run[None], tmp_path: Path) -> None:
    directory = tmp_path / "fleet"
    (directory / "i-0123456789abcdef0/root").mkdir(parents=True)

    async def own() -> None:
        fleet = Instances(directory)
        assert not list(directory.glob("i-*"))
        with pytest.raises(BlockingIOError):
            Instances(directory)
        await fleet.close()

    run(own())


@pytest.fixture
def someone_else() -> Iterator[SomeoneElse]:
    """How to run a program as nobody, a Python and a copy of the code for nobody to read, and a directory of nobody's.

    The checkout itself may lie below a folder that only root may enter.
    """
    python = "/usr/bin/python3"
    modern = "import sys; sys.exit(sys.version_info < (3, 11))"
    if os.geteuid() != 0 or not Path(python).exists() or subprocess.run([python, "-c", modern]).returncode:
        pytest.skip("needs root, to become nobody, and a system Python of 3.11 or newer")
    directory = Path(f"/var/tmp/stepdeploy-test-{os.getpid()}")
    directory.mkdir()
    os.chown(directory, NOBODY, NOBODY)
    project = directory / "project"
    shutil.copytree(REPOSITORY / "local", project / "local", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["chmod", "-R", "u=rwX,go=rX", str(project)], check=True)
    yield ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"], python, project, directory
    shutil.rmtree(project)
    directory.rmdir()


@pytest.mark.parametrize("mounted_in_etc", [False, True], ids=["machine", "container"])
def test_without_root_an_instance_works_in_a_user_namespace(
    someone_else: SomeoneElse, tmp_path: Path, mounted_in_etc: bool
) -> None:
    prefix, python, project, directory = someone_else
    if mounted_in_etc:  # as Docker does, which keeps a user namespace from overlaying /etc
        (tmp_path / "hosts").touch()
        mount = f'mount --bind {tmp_path}/hosts /etc/hosts && exec "$@"'
        prefix = ["unshare", "--mount", "sh", "-c", mount, "sh", *prefix]
    paths = "/srv/x /opt/x /etc/stepdeploy-test /usr/local/bin/stepdeploy-test /var/log/x"
    script = f"id -u > /srv/result; cat /etc/hostname >> /srv/result; for p in {paths}; do echo y > $p || exit 1; done"
    with start_cloud(directory / "fleet", script, "unprivileged", prefix, python, project) as cloud:
        assert cloud.stdout and cloud.stdin
        assert [cloud.stdout.readline() for _ in range(2)] == ["0\n", "web-1\n"]
        (host,) = (directory / "fleet").glob("i-*")
        assert (host / "root/var/log/x").stat().st_uid == NOBODY
        assert (host / "layers/etc/upper/stepdeploy-test").read_text() == "y\n"
        assert (host / "layers/etc/upper/passwd").exists() == mounted_in_etc  # a copy instead of an overlay
        cloud.stdin.write("end\n")
        cloud.stdin.close()
        assert cloud.stdout.read().endswith("closed\n")
    assert not (directory / "fleet").exists()
    assert not Path("/etc/stepdeploy-test").exists()


def test_a_machine_without_user_namespaces_is_told_what_it_lacks(
    someone_else: SomeoneElse,
) -> None:
    prefix, python, project, directory = someone_else
    limit = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    prefix = [*prefix, "unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh"]
    with start_cloud(directory / "fleet", "true", "unprivileged", prefix, python, project) as cloud:
        told = cloud.communicate()[0]
    assert "local instances need unprivileged user namespaces" in told and "max_user_namespaces" in told
    assert not list((directory / "fleet").glob("i-*"))
    (directory / "fleet/lock").unlink()
    (directory / "fleet").rmdir()


def test_a_machine_without_python_lends_the_local_clouds(tmp_path: Path) -> None:
    system_python = Path("/usr/bin/python3").resolve()
    if os.geteuid() != 0 or Path(sys.base_prefix) == Path("/usr"):
        pytest.skip("needs root, to hide the system's Python, and another one")
    (tmp_path / "nothing").touch()
    hide = f'mount --bind {tmp_path}/nothing {system_python} && exec "$@"' if system_python.exists() else 'exec "$@"'
    prefix = ["unshare", "--mount", "sh", "-c", hide, "sh"]
    script = (
        "setpriv --reuid=65534 --clear-groups python3 -c 'import ssl, sys; print(sys.prefix)' > /srv/result\n"
        f"touch {sys.base_prefix}/stepdeploy-test 2>/dev/null && echo written >> /srv/result"
    )
    with start_cloud(tmp_path / "fleet", script, "privileged", prefix, sys.executable) as cloud:
        assert cloud.communicate("end\n")[0] == f"{sys.base_prefix}\n\nclosed\n"


def test_ec2_shows_an_instance_with_its_tags_address_zone_and_state(ssm: Ssm) -> None:
    from ministack.core.responses import request_scope
    from ministack.services import ec2

    host = ssm.host(tags={"Fleet": "web"}, availability_zone="us-east-1c")
    ssm.instances.register(host)
    with request_scope("000000000000", "us-east-1"):
        shown = ec2._describe_instances({"InstanceId.1": [host.instance_id]})[2].decode()
        ec2._tags[host.instance_id].append({"Key": "Added", "Value": "later"})
    for part in (
        f"<instanceId>{host.instance_id}</instanceId>",
        f"<privateIpAddress>{host.address}</privateIpAddress>",
        "<availabilityZone>us-east-1c</availabilityZone>",
        "<name>running</name>",
        "<key>Fleet</key><value>web</value>",
    ):
        assert part in "".join(shown.split())
    assert ssm.instances.tags(host) == {"Name": "web-1", "Fleet": "web", "Added": "later"}
    ssm.run(host.stop())
    with request_scope("000000000000", "us-east-1"):
        assert "<name>stopped</name>" in ec2._describe_instances({"InstanceId.1": [host.instance_id]})[2].decode()
        ec2.reset()

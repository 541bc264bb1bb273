"""What each lifecycle event does on a host: reference behaviour, causes, and what an operator is told."""

import gzip
import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from host.posix import watchdog
from host.posix.script_log import ScriptLog
from tests.host.conftest import GROUP_ID, IN_PLACE, Host, Web, appspec, pythons, revision, script

SERVED = {"version.txt": "1"}


def app(target: Path, version: str = "1", **keys: object) -> bytes:
    return revision({"appspec.yml": appspec({"app": target}, **keys), "app/version.txt": version})  # type: ignore[arg-type]


def hooked(event: str, *lines: str, name: str = "hook.sh", **hook: object) -> bytes:
    spec = appspec(hooks={event: [{"location": name, "timeout": 20, **hook}]})
    return revision({"appspec.yml": spec, name: script(*lines)})


@pytest.mark.parametrize("python", pythons().values(), ids=pythons().keys())
def test_a_whole_deployment_succeeds_on_every_python_here(host: Host, tmp_path: Path, python: str) -> None:
    host.python = python
    said = tmp_path / "said"
    events = ("BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService")
    hooks = {event: [{"location": "say.sh", "timeout": 10}] for event in events}
    files = {
        "appspec.yml": appspec({"app": tmp_path / "srv"}, hooks, [{"object": str(tmp_path / "srv"), "mode": 640}]),
        "say.sh": script(f'echo "$LIFECYCLE_EVENT" >>{said}'),
        "app/grüße.txt": "hello",
    }
    assert host.deploy(host.told("d-1", revision(files))).line["status"] == "Succeeded"
    assert (tmp_path / "srv" / "grüße.txt").read_text() == "hello"
    assert (tmp_path / "srv" / "grüße.txt").stat().st_mode & 0o7777 == 0o640
    assert said.read_text().split() == list(events)


def test_a_script_finds_the_deployment_in_its_environment(host: Host, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    told = host.told("d-1", hooked("BeforeInstall", f"env >{seen}; pwd >>{seen}; cat >>{seen}"))
    host.deploy(told)
    lines = seen.read_text().splitlines()
    for expected in (
        "LIFECYCLE_EVENT=BeforeInstall", "DEPLOYMENT_ID=d-1", "APPLICATION_NAME=shop", "DEPLOYMENT_GROUP_NAME=web & co",
        f"DEPLOYMENT_GROUP_ID={GROUP_ID}", "BUNDLE_BUCKET=revisions", "BUNDLE_KEY=shop/web/d-1.zip",
        "BUNDLE_VERSION=v1", "BUNDLE_ETAG=e1",
    ):  # fmt: skip
        assert expected in lines
    assert lines[-1] == "/"


def test_a_host_that_left_its_load_balancers_drains_before_the_first_event(host: Host) -> None:
    drain = {"ports": [1], "at_least": 1, "at_most": 300}
    told = host.told("d-1", hooked("AfterBlockTraffic", "true"), events=["AfterBlockTraffic", *IN_PLACE], drain=drain)
    began = time.monotonic()
    assert host.deploy(told, ("AfterBlockTraffic", "ApplicationStop")).status == "Succeeded"
    assert 1 <= time.monotonic() - began < 20
    assert host.script_log("d-1").count("drained in 1.") == 1


def test_a_failing_script_is_reported_with_its_exit_code_and_last_lines(host: Host) -> None:
    step = host.deploy(host.told("d-1", hooked("AfterInstall", "echo first", "echo second >&2", "exit 3")))
    assert (step.exit, step.event, step.status, step.error_code) == (1, "AfterInstall", "Failed", "ScriptFailed")
    assert (step.cause, step.script_name) == ("SCRIPT", "hook.sh")
    assert step.message == "Script at specified location: hook.sh failed with exit code 3" and step.exit_code == 3
    assert sorted(line for line in step.log_tail.split("\n") if line.startswith("[")) == [
        "[stderr]second",
        "[stdout]first",
    ]
    log = host.script_log("d-1")
    assert "LifecycleEvent - AfterInstall" in log and "Script - hook.sh" in log and "[stdout]first" in log


def test_a_missing_script_is_reported_as_missing(host: Host) -> None:
    spec = appspec(hooks={"BeforeInstall": [{"location": "gone.sh"}]})
    step = host.deploy(host.told("d-1", revision({"appspec.yml": spec})))
    assert (step.error_code, step.cause, step.script_name) == ("ScriptMissing", "SCRIPT", "gone.sh")
    path = host.archive("d-1") / "gone.sh"
    assert step.message == f"Script does not exist at specified location: {path}"


def test_the_log_names_the_event_of_a_missing_script(host: Host) -> None:
    host.deploy(host.told("d-1", revision({"appspec.yml": appspec(hooks={"AfterInstall": [{"location": "no.sh"}]})})))
    assert "LifecycleEvent - AfterInstall" in host.script_log("d-1")


def test_a_revision_without_an_appspec_is_told_with_the_place_it_was_to_have(host: Host) -> None:
    step = host.run("DownloadBundle", host.told("d-1", revision({"a.txt": ""})))
    assert step.message.endswith(f'not found at path "{host.archive("d-1")}/appspec.yml".')
    assert not host.archive("d-1").exists()


def test_a_script_that_a_link_finds_beside_the_revision_is_not_run(host: Host, tmp_path: Path) -> None:
    spec = appspec(hooks={"BeforeInstall": [{"location": "here/../evil.sh"}]})
    told = host.told("d-1", revision({"appspec.yml": spec, "sub/here": "-> ..", "here": "-> sub/here"}))
    assert host.run("DownloadBundle", told).status == "Succeeded"
    host.archive("d-1").with_name("evil.sh").write_text(script(f"touch {tmp_path}/ran"))
    step = host.run("BeforeInstall", told)
    assert step.error_code == "ScriptMissing" and "leads out of the revision" in step.message
    assert not (tmp_path / "ran").exists()


def test_a_script_that_is_not_executable_is_made_so(host: Host, tmp_path: Path) -> None:
    assert host.deploy(host.told("d-1", hooked("BeforeInstall", "exit 0", name="hook"))).status == "Succeeded"


def test_two_scripts_without_a_timeout_share_the_event_hour(host: Host) -> None:
    """A revision that relies on the default twice is common and valid."""
    spec = appspec(hooks={"BeforeInstall": [{"location": "a.sh"}, {"location": "a.sh"}]})
    assert host.deploy(host.told("d-1", revision({"appspec.yml": spec, "a.sh": script("exit 0")}))).exit == 0


def test_a_hanging_script_ends_with_its_whole_group_when_its_time_is_over(host: Host, tmp_path: Path) -> None:
    child = tmp_path / "child"
    told = host.told("d-1", hooked("BeforeInstall", "sleep 60 &", f"echo $! >{child}", "wait", timeout=1))
    step = host.deploy(told)
    assert (step.error_code, step.cause) == ("ScriptTimedOut", "TIMEOUT")
    assert step.message == "Script at specified location: hook.sh failed to complete in 1 seconds"
    assert not alive(int(child.read_text()))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pid: int, why: str) -> None:
    deadline = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < deadline, why
        time.sleep(0.01)


def test_a_daemon_that_keeps_the_output_open_does_not_hold_its_event_for_an_hour(host: Host, tmp_path: Path) -> None:
    child = tmp_path / "child"
    told = host.told("d-1", hooked("BeforeInstall", "sleep 60 &", f"echo $! >{child}", timeout=5))
    before = time.monotonic()
    step = host.deploy(told)
    os.kill(int(child.read_text()), 9)
    assert time.monotonic() - before < 15
    assert step.exit in (0, 1)


@pytest.mark.parametrize(
    "noise",
    [
        "head -c 300000 /dev/urandom",
        "head -c 300000 /dev/zero | tr '\\0' x",
        'i=0; while [ $i -lt 3000 ]; do echo "grüße $i 🎉 $i"; i=$((i+1)); done',
        "printf '\\342\\200\\250\\342\\200\\251\\302\\205\\013\\014\\034\"\\\\{}\\n%.0s' $(seq 400)",
        "head -c 5000 /dev/zero | tr '\\0' '\\1'; echo",
    ],
)
def test_whatever_a_script_prints_the_line_stays_whole_and_small(host: Host, noise: str) -> None:
    step = host.deploy(
        host.told("d-1", hooked("BeforeInstall", f"echo before; {noise}; echo; echo last words; exit 1"))
    )
    assert step.error_code == "ScriptFailed"
    assert step.log_tail.endswith("last words")


def test_nothing_that_the_revision_says_reaches_a_shell(host: Host, tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    name = f"hook; touch $(echo {trap} | tr _ /) `id`"
    name = name.replace("/", "_")
    spec = appspec(hooks={"BeforeInstall": [{"location": name}, {"location": name, "runas": "root"}]})
    host.deploy(host.told("d-1", revision({"appspec.yml": spec, name: script("exit 0")})))
    assert not trap.exists()


# Where a hook is taken from


def test_application_stop_runs_the_script_of_what_was_installed_before(host: Host, tmp_path: Path) -> None:
    said = tmp_path / "said"

    def bundle(version: str) -> bytes:
        return hooked("ApplicationStop", f'echo "{version} $DEPLOYMENT_ID" >>{said}')

    assert host.deploy(host.told("d-1", bundle("one"))).exit == 0
    assert not said.exists(), "the first deployment has nothing to stop"
    assert host.deploy(host.told("d-2", bundle("two"))).exit == 0
    assert said.read_text() == "one d-2\n"


def test_a_failing_application_stop_blocks_unless_it_is_to_be_ignored(host: Host) -> None:
    host.deploy(host.told("d-1", hooked("ApplicationStop", "exit 1")))
    blocked = host.deploy(host.told("d-2", hooked("BeforeInstall", "exit 0")))
    assert (blocked.event, blocked.exit, blocked.status) == ("ApplicationStop", 1, "Failed")
    told = host.told("d-3", hooked("BeforeInstall", "exit 0"), ignore_application_stop_failures=True)
    stop = host.run("ApplicationStop", told)
    assert (stop.exit, stop.status, stop.error_code) == (0, "Failed", "ScriptFailed")
    assert host.deploy(told).exit == 0


def test_a_lost_previous_revision_is_no_lock_out(host: Host) -> None:
    host.deploy(host.told("d-1", hooked("ApplicationStop", "exit 0")))
    (host.archive("d-1") / "appspec.yml").unlink()
    assert host.deploy(host.told("d-2", hooked("BeforeInstall", "exit 0"))).exit == 0


# DownloadBundle


def test_a_wrong_digest_stops_before_anything_is_unpacked(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"), bundle={"sha256": "0" * 64})
    step = host.deploy(told)
    assert (step.event, step.cause, step.exit) == ("DownloadBundle", "DIGEST", 1)
    assert not host.archive("d-1").exists()


def test_a_wrong_size_is_told(host: Host) -> None:
    bundle = hooked("BeforeInstall", "exit 0")
    assert host.deploy(host.told("d-1", bundle, bundle={"size": len(bundle) - 1})).cause == "DIGEST"


def test_a_transient_error_is_tried_again_and_a_refusal_is_not(host: Host, web: Web) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    web.answers["/d-1.zip"] = [(503, b"Slow Down")]
    assert host.run("DownloadBundle", told).status == "Succeeded"
    told = host.told("d-2", hooked("BeforeInstall", "exit 1"))
    web.answers["/d-2.zip"] = [(403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")]
    step = host.run("DownloadBundle", told)
    assert step.cause == "EXPIRED" and "403" in step.message and "Request has expired" in step.message


def test_a_file_url_is_not_fetched(host: Host, tmp_path: Path) -> None:
    bundle = hooked("BeforeInstall", "exit 0")
    (tmp_path / "bundle.zip").write_bytes(bundle)
    told = host.told("d-1", bundle, bundle={"url": f"file://{tmp_path}/bundle.zip"})
    assert host.run("DownloadBundle", told).cause == "DOWNLOAD"


def test_an_invalid_appspec_is_told_with_its_line_before_anything_runs(host: Host) -> None:
    step = host.deploy(host.told("d-1", revision({"appspec.yml": "version: 0.0\nos: beos\n"})))
    assert (step.event, step.cause) == ("DownloadBundle", "APPSPEC")
    assert "appspec.yml:2:5: os" in step.message


def test_only_the_five_newest_revisions_and_the_installed_one_are_kept(host: Host) -> None:
    for number in range(1, 8):
        assert host.run("DownloadBundle", host.told(f"d-{number}", hooked("BeforeInstall", "exit 0"))).exit == 0
        if number == 1:
            assert host.run("Install", host.told("d-1", hooked("BeforeInstall", "exit 0"))).exit == 0
        past = time.time() - 1000 + number
        os.utime(host.folder(f"d-{number}"), (past, past))
    kept = sorted(folder.name for folder in (host.deployments / GROUP_ID).iterdir())
    assert kept == ["d-1", "d-4", "d-5", "d-6", "d-7"]


# Install


# Logs


def test_the_whole_output_is_posted_after_each_event_with_hooks(host: Host, web: Web) -> None:
    logs = {"url": f"{web.url}/logs", "fields": {"policy": "p"}, "key_prefix": ".stepdeploy/logs/d-1/i-1/"}
    told = host.told("d-1", hooked("BeforeInstall", "seq 1 20000", "exit 1"), logs=logs)
    assert host.deploy(told).error_code == "ScriptFailed"
    ((kind, body),) = web.posts
    assert kind.startswith("multipart/form-data")
    assert b".stepdeploy/logs/d-1/i-1/BeforeInstall.log.gz" in body and b'name="policy"' in body
    packed = body[body.index(b"\x1f\x8b") :].rpartition(b"\r\n--")[0]
    assert gzip.decompress(packed).decode().count("[stdout]") == 20_000


def test_endless_lines_are_not_kept_for_the_report(tmp_path: Path) -> None:
    log = ScriptLog(str(tmp_path / "scripts.log"), str(tmp_path / "all.log"), "d-1", "BeforeInstall")
    for _ in range(300):
        log.output("stdout", ["x" * 64 * 1024])
    assert len(log.tail()) < 1024**2
    log.output("stdout", ["the end"])
    assert log.tail().endswith("\n[stdout]the end")
    log.close()


def test_a_log_that_cannot_be_put_fails_nothing(host: Host, web: Web) -> None:
    web.answers["POST"] = [(403, b""), (500, b""), (500, b"")]
    logs = {"url": f"{web.url}/logs", "fields": {}, "key_prefix": "k/"}
    assert host.deploy(host.told("d-1", hooked("BeforeInstall", "exit 0"), logs=logs)).exit == 0
    assert len(web.posts) >= 1


@pytest.mark.parametrize(("ends", "said"), [("exit 0", 1), ("seq 1 2000; exit 4", 100)])
def test_a_log_that_could_not_be_put_is_told_with_its_place(host: Host, web: Web, ends: str, said: int) -> None:
    """Presigned access has died while the script ran."""
    expired = (400, b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>")
    web.answers["POST"] = [expired, expired]
    logs = {"url": f"{web.url}/logs", "fields": {}, "key_prefix": "k/"}
    step = host.deploy(host.told("d-1", hooked("BeforeInstall", ends), logs=logs), IN_PLACE[:3])
    *lines, last = step.log_tail.splitlines()
    assert (
        last
        == (
            "[stepdeploy]the whole log could not be uploaded: HTTP 400 ExpiredToken The provided token has expired."
            f" This host has it: {host.folder('d-1')}/logs/scripts.log"
        )
        and len(lines) >= said - 1
    )


def test_the_runner_is_the_same_bytes_each_time(runner: Path, tmp_path: Path) -> None:
    from host.build import build_runner

    again = build_runner(tmp_path / "again.pyz")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(runner.read_bytes()).digest()


def test_runas_runs_the_script_as_that_user_with_the_same_environment(host: Host, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):  # pytest's are private; those below /opt are not
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o711)
    told = host.told("d-1", hooked("BeforeInstall", "id -un", "echo $DEPLOYMENT_ID", "exit 5", runas="nobody"))
    step = host.deploy(told)
    assert step.error_code == "ScriptFailed"
    assert step.message.startswith("Script at specified location: hook.sh run as user nobody failed with exit code ")
    if os.geteuid() == 0:
        assert "[stdout]nobody\n[stdout]d-1" in step.log_tail


def test_a_script_of_another_user_ends_with_its_family_too(host: Host, tmp_path: Path) -> None:
    """su gives its command a session of its own."""
    told = host.told("d-1", hooked("BeforeInstall", "sleep 61 & sleep 62", timeout=1, runas="root"))
    code = host.deploy(told).error_code
    assert code == "ScriptTimedOut" or (os.geteuid() != 0 and code == "ScriptFailed")  # su asks others for a password
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in commands if command in (b"sleep\x0061\x00", b"sleep\x0062\x00")]


def test_a_script_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "KILL_SECONDS", 0.3)
    lines = "trap '' TERM; echo ready; (trap '' TERM; exec sleep 60) & while :; do sleep 0.1; done"
    with subprocess.Popen(["sh", "-c", lines], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        watchdog.end_family(process.pid)
        assert process.wait(5) == -9
        assert process.stdout.read() == b"", "nobody holds it any more"

"""The rules of the CodeDeploy agent for hooks: sections C.5, C.6 and F.1 to F.4 of the reference.

Not ours: Windows; blue/green deployments (C.5); GitHub on hosts (F.7), which get its archives as any others; the
agent's own environment, log and updates (F.1, F.5); a bucket's Region, credentials and S3 permissions, because hosts
are given a presigned URL (F.7); the answer for a host that says nothing (F.4), which is the control plane's.
codedeploy-local (F.7 local files, F.10) is in tests/cli/verbs/deploying/test_local.py.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from host.posix.hooks import stand_in_shell
from tests.host.conftest import GROUP_ID, NO_PROFILE, Host, appspec, read_step, revision, script
from tests.host.reference.rules import case, rule
from tests.host.reference.test_appspec import RECORD, instructions, tools
from tests.host.test_events import hooked

HOOKS = (
    "BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart",
    "ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic",
)  # fmt: skip


# What the tests share


def every_event(*lines: str) -> dict[str, str]:
    """A revision that runs these lines at every event."""
    return {
        "appspec.yml": appspec(hooks={event: [{"location": "hook.sh"}] for event in HOOKS}),
        "hook.sh": script(*lines),
    }


def installed(host: Host, deployment: str, files: Mapping[str, str]) -> None:
    """The state of a host on which this deployment's Install ended last."""
    host.archive(deployment).mkdir(parents=True)
    for name, content in files.items():
        (host.archive(deployment) / name).write_text(content)
    marker = host.deployments / "deployment-instructions" / f"{GROUP_ID}_last_successful_install"
    marker.parent.mkdir(exist_ok=True)
    marker.write_text(str(host.folder(deployment)))


def before(event: str) -> tuple[str, ...]:
    """The events that must have run for this deployment."""
    return (
        () if event in HOOKS[:3] else ("DownloadBundle",) if event == "BeforeInstall" else ("DownloadBundle", "Install")
    )


def said(host: Host, deployment: str, event: str, *lines: str, **hook: Any) -> list[str]:
    """What a script of these lines leaves in its log, without the times."""
    assert host.deploy(host.told(deployment, hooked(event, *lines, **hook)), (*before(event), event)).exit == 0
    return [line[20:] for line in host.script_log(deployment).splitlines()]


def variables(lines: list[str]) -> dict[str, str]:
    """The environment that `env` printed."""
    pairs = (line[len("[stdout]") :].partition("=") for line in lines)
    return {name: value for name, _, value in pairs}


# C.5 Which bundle a hook runs from


@pytest.mark.parametrize(
    ("event", "version"),
    [
        case("C.5 BeforeBlockTraffic", "BeforeBlockTraffic", "old"),
        case("C.5 AfterBlockTraffic", "AfterBlockTraffic", "old"),
        case("C.5 ApplicationStop", "ApplicationStop", "old"),
        *(case(f"C.5 BeforeInstall to ValidateService: {event}", event, "new") for event in HOOKS[3:7]),
        *(case(f"C.5 BeforeAllowTraffic and AfterAllowTraffic: {event}", event, "new") for event in HOOKS[7:]),
    ],
)
def test_which_revision_a_hook_is_taken_from(host: Host, tmp_path: Path, event: str, version: str) -> None:
    installed(host, "d-1", every_event(f"echo old $LIFECYCLE_EVENT >{tmp_path}/said"))
    told = host.told("d-2", revision(every_event(f"echo new $LIFECYCLE_EVENT >{tmp_path}/said")))
    assert host.deploy(told, (*before(event), event)).exit == 0
    assert (tmp_path / "said").read_text() == f"{version} {event}\n"


@rule("C.5 current once it is unpacked")
@pytest.mark.parametrize("event", HOOKS[:3])
def test_once_it_is_there_the_current_revision_is_taken_for_every_event(host: Host, tmp_path: Path, event: str) -> None:
    installed(host, "d-1", every_event(f"echo old >{tmp_path}/said"))
    told = host.told("d-2", revision(every_event(f"echo new >{tmp_path}/said")))
    assert host.deploy(told, ("DownloadBundle", event)).exit == 0
    assert (tmp_path / "said").read_text() == "new\n"


@rule("C.5 markers", "F.6 last_successful_install", "F.6 most_recent_install")
def test_markers_name_the_deployment_s_folder_by_group_id(host: Host) -> None:
    told = host.told("d-1", revision({"appspec.yml": appspec()}))
    assert host.run("DownloadBundle", told).exit == 0
    assert instructions(host, "_install").name == f"{GROUP_ID}_most_recent_install"
    assert host.run("Install", told).exit == 0
    for marker in ("most_recent", "last_successful"):
        assert instructions(host, f"{GROUP_ID}_{marker}_install").read_text() == str(host.folder("d-1"))


@rule("C.5 Install ended, whatever came then")
def test_a_deployment_that_failed_after_install_is_the_one_that_is_stopped(host: Host, tmp_path: Path) -> None:
    files = every_event(f'echo $LIFECYCLE_EVENT >>{tmp_path}/said; [ "$LIFECYCLE_EVENT" = ApplicationStop ]')
    told = host.told("d-1", revision(files))
    assert host.deploy(told, ("DownloadBundle", "Install", "AfterInstall")).exit == 1
    assert host.run("ApplicationStop", host.told("d-2", revision(every_event("exit 1")))).exit == 0
    assert (tmp_path / "said").read_text().split() == ["AfterInstall", "ApplicationStop"]


@rule("C.5 broken ApplicationStop: without the marker there is nothing to stop")
def test_a_broken_script_blocks_until_its_marker_is_deleted(host: Host) -> None:
    installed(host, "d-1", every_event("exit 1"))
    new = revision(every_event("exit 0"))
    assert host.run("ApplicationStop", host.told("d-2", new)).error_code == "ScriptFailed"
    instructions(host, "_last_successful_install").unlink()
    assert host.run("ApplicationStop", host.told("d-3", new)).exit == 0


# C.6 ignoreApplicationStopFailures


@pytest.mark.parametrize("event", HOOKS[:4])
@rule("C.6 three events", "C.6 status stays Failed", "C.6 default")
def test_failures_before_download_may_be_ignored(host: Host, event: str) -> None:
    installed(host, "d-1", every_event("exit 1"))
    new = revision(every_event("exit 1"))
    blocked = host.deploy(host.told("d-2", new), (*before(event), event))
    assert (blocked.exit, blocked.status) == (1, "Failed")
    ignored = host.deploy(host.told("d-3", new, ignore_application_stop_failures=True), (*before(event), event))
    assert (ignored.exit, ignored.status) == (0 if event in HOOKS[:3] else 1, "Failed")


# F.1 Environment variables


@rule("F.1 S3 revisions: no version and no etag", "F.1 added to the runner's own", "F.1 credentials")
def test_variables_are_added_to_the_runner_s_own_without_its_credentials(host: Host) -> None:
    host.environment |= {"OF_THE_HOST": "1", "AWS_REGION": "eu-central-1", "AWS_SSM_INSTANCE_ID": "i-1"}
    host.environment |= {"AWS_ACCESS_KEY_ID": "1", "AWS_SECRET_ACCESS_KEY": "1", "AWS_CREDENTIAL_FILE": "1"}
    told = host.told("d-1", hooked("BeforeInstall", "env"), bundle={"version": None, "etag": None})
    assert host.deploy(told).exit == 0
    seen = variables([line[20:] for line in host.script_log("d-1").splitlines()])
    assert (seen["OF_THE_HOST"], seen["AWS_REGION"], seen["BUNDLE_BUCKET"]) == ("1", "eu-central-1", "revisions")
    assert not seen.keys() & {"BUNDLE_VERSION", "BUNDLE_ETAG", "AWS_SSM_INSTANCE_ID", "STEPDEPLOY_ROOT"}
    assert not seen.keys() & {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CREDENTIAL_FILE"}


@rule("F.1 GitHub revisions: BUNDLE_COMMIT")
def test_a_script_of_a_commit_on_github_sees_the_commit_and_no_bucket(host: Host) -> None:
    assert host.deploy(host.told("d-1", hooked("BeforeInstall", "env"), bundle={"commit": "7fd1a60"})).exit == 0
    seen = variables([line[20:] for line in host.script_log("d-1").splitlines()])
    assert {name: value for name, value in seen.items() if name.startswith("BUNDLE_")} == {"BUNDLE_COMMIT": "7fd1a60"}


@rule("F.1 current deployment: BUNDLE_*, too", "F.5 in the current deployment's folder")
def test_an_older_revision_s_script_sees_and_logs_for_the_current_deployment(host: Host) -> None:
    installed(host, "d-1", every_event("env"))
    assert host.run("ApplicationStop", host.told("d-2", revision(every_event("exit 1")))).exit == 0
    seen = variables([line[20:] for line in host.script_log("d-2").splitlines()])
    assert (seen["DEPLOYMENT_ID"], seen["BUNDLE_KEY"]) == ("d-2", "shop/web/d-2.zip")
    assert not (host.folder("d-1") / "logs").exists()


def let_others_in(folder: Path) -> None:
    for each in (folder, *folder.parents):
        if not each.stat().st_mode & 0o001:
            each.chmod(0o711)


@rule("F.1 runas: all but HOME, SHELL, USER and LOGNAME stays")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_variables_pass_through_su(host: Host, tmp_path: Path) -> None:
    let_others_in(tmp_path)
    host.environment |= {"OF_THE_HOST": "1", "HOME": "/mine", "USER": "mine", "LOGNAME": "mine"}
    seen = variables(said(host, "d-1", "BeforeInstall", "env", runas="nobody"))
    assert (seen["DEPLOYMENT_ID"], seen["OF_THE_HOST"]) == ("d-1", "1")
    assert (seen["USER"], seen["LOGNAME"]) == ("nobody", "nobody") and seen["HOME"] != "/mine"


# F.2 Process


@pytest.mark.parametrize(
    ("hook", "command"),
    [
        case("F.2 command: runas", {"runas": "root"}, "su root -c {}"),
        case("F.2 command: runas somebody unknown", {"runas": "no-such"}, "su no-such -c {}"),
        case("F.2 command: differs, no login shell", {"runas": "nobody"}, "su nobody -s /bin/bash -c {}"),
        case("F.2 command: sudo", {"sudo": True}, "sudo {}"),
        case("F.2 command: both", {"sudo": True, "runas": "root"}, "sudo su root -c {}"),
    ],
)
def test_commands_of_other_users(host: Host, tmp_path: Path, hook: dict[str, object], command: str) -> None:
    log = tools(host, tmp_path, su=RECORD, sudo=RECORD)
    said(host, "d-1", "BeforeInstall", "exit 1", **hook)
    assert log.read_text().strip() == command.format(host.archive("d-1") / "hook.sh")


@rule("F.2 command: none but the path", "F.2 user", "F.2 working directory", "F.2 stdin and process group")
def test_the_process_of_a_script(host: Host) -> None:
    group = "cut -d ' ' -f 5 /proc/{}/stat"
    lines = said(
        host, "d-1", "BeforeInstall", "echo $0; id -u; pwd; cat; echo $$", group.format("$$"), group.format("$PPID")
    )
    path, user, folder, pid, own_group, runner_s_group = [line.replace("[stdout]", "") for line in lines[2:]]
    assert (path, user, folder) == (str(host.archive("d-1") / "hook.sh"), str(os.getuid()), "/")
    assert own_group == pid and own_group != runner_s_group


@rule("F.2 not executable: made so")
def test_a_script_is_made_executable(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 3", name="hook"))
    assert host.deploy(told).message.endswith("exit code 3")
    assert (host.archive("d-1") / "hook").stat().st_mode & 0o777 == 0o755


@rule("F.2 not executable: and cannot be made so", "F.4 ScriptNotExecutable")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_script_that_cannot_be_made_executable(host: Host) -> None:
    """The runner is nobody's here, the script is root's."""
    told = host.told("d-1", hooked("BeforeInstall", "exit 0", name="hook"))
    assert host.run("DownloadBundle", told).exit == 0
    nobody = pwd.getpwnam("nobody").pw_uid
    for path in (host.root, *host.root.rglob("*")):
        os.chown(path, 0 if path.name == "hook" else nobody, 0)
    let_others_in(host.root)
    host.runner = Path(shutil.copy(host.runner, host.root / "runner.pyz"))  # whoever is not root runs it as it is
    environment = {"STEPDEPLOY_ROOT": str(host.root), "STEPDEPLOY_PROFILE": NO_PROFILE}
    try:
        ran = subprocess.run(host.command("BeforeInstall", told), env=environment, user=nobody, capture_output=True)
    except PermissionError:
        pytest.skip("this Python is for root alone")
    step = read_step(ran)
    assert (step.error_code, step.script_name) == ("ScriptNotExecutable", "hook")
    assert step.message == "Unable to set script at specified location: hook as executable"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        case("F.2 interpreter: by the first line", "#!/bin/false\nexit 0\n", "exit code 1"),
        case("F.2 interpreter: else the shell", "exit 3\n", "exit code 3"),
        case("F.2 success: exit status 0", "#!/bin/true\nexit 3\n", "Succeeded"),
    ],
)
def test_what_runs_a_script(host: Host, content: str, status: str) -> None:
    files = {"appspec.yml": appspec(hooks={"BeforeInstall": [{"location": "hook.sh"}]}), "hook.sh": content}
    assert host.deploy(host.told("d-1", revision(files)), ("DownloadBundle", "BeforeInstall")).message.endswith(status)


@rule("F.2 interpreter: else the user's shell")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("user", ["root", "nobody"], ids=["login shell", "no login shell"])
def test_a_script_without_a_first_line_is_for_the_user_s_shell(host: Host, tmp_path: Path, user: str) -> None:
    """Debian's /bin/sh knows no [[, says so, and goes on."""
    let_others_in(tmp_path)
    spec = appspec(hooks={"BeforeInstall": [{"location": "hook.sh", "runas": user}]})
    files = {"appspec.yml": spec, "hook.sh": "[[ a == a ]] && echo so\necho $SHELL\n"}
    assert host.deploy(host.told("d-1", revision(files)), ("DownloadBundle", "BeforeInstall")).exit == 0
    lines = host.script_log("d-1").splitlines()[-2:]
    assert [line.partition("[stdout]")[2] for line in lines] == ["so", "/bin/bash"]


@pytest.mark.parametrize("name", ["nologin", "false", "true", "sync", "git-shell", "missing"])
def test_what_is_no_shell_gives_way_to_one(tmp_path: Path, name: str) -> None:
    shell = tmp_path / name
    if name != "missing":
        shell.touch(0o755)
    assert stand_in_shell(str(shell)) == "/bin/bash"


@pytest.mark.parametrize("name", ["bash", "zsh", "fish", "my-logging-bash"])
def test_a_shell_of_whatever_name_is_the_user_s_own(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch(0o755)
    assert stand_in_shell(str(tmp_path / name)) == ""
    assert stand_in_shell("") == "", "su takes /bin/sh"


ENV = "its first line asks /usr/bin/env for 'no-such', which is not on this host's PATH: install it"


@pytest.mark.parametrize("user", [None, "root"])
@pytest.mark.parametrize(
    ("first", "lacks"),
    [
        (
            "#!/opt/no-such/tool",
            "its first line names the interpreter '/opt/no-such/tool', which this host does",
        ),
        ("#!/opt/no-such/python", "not have: install it, or write #!"),
        ("#!/usr/bin/env no-such", ENV),
        ("#!/bin/sh\r", "its first line has a carriage return (Windows line endings)"),
        ("#!/usr/bin/env sh\r", "its first line has a carriage return (Windows line endings)"),
    ],
)
def test_a_missing_interpreter_is_named(host: Host, first: str, lacks: str, user: str | None) -> None:
    hook = {"location": "hook.sh", **({"runas": user} if user else {})}
    files = {"appspec.yml": appspec(hooks={"BeforeInstall": [hook]}), "hook.sh": f"{first}\nexit 0\n"}
    step = host.deploy(host.told("d-1", revision(files)), ("DownloadBundle", "BeforeInstall"))
    assert (step.error_code, step.script_name) == ("ScriptFailed", "hook.sh")
    assert step.message.startswith("Script at specified location: hook.sh") and lacks in step.message


def test_an_exit_status_of_127_that_is_the_script_s_own_is_not_explained(host: Host) -> None:
    step = host.deploy(host.told("d-1", hooked("BeforeInstall", "exit 127")), ("DownloadBundle", "BeforeInstall"))
    assert step.message == "Script at specified location: hook.sh failed with exit code 127"


# F.3 Timeout and output


@rule("F.3 timeout")
def test_a_script_that_is_too_slow_gets_sigterm(host: Host) -> None:
    lines = ("trap 'echo told; kill $!; exit 0' TERM", "sleep 60 & wait")
    step = host.deploy(host.told("d-1", hooked("BeforeInstall", *lines, timeout=1)))
    assert (step.error_code, step.script_name) == ("ScriptTimedOut", "hook.sh")
    assert "[stdout]told" in step.log_tail


@rule("F.3 output kept open: differs, the event ends", "F.3 one budget: differs", "F.4 output not closed: differs")
@pytest.mark.parametrize("redirection", ["2>/dev/null", ">/dev/null"], ids=["stdout", "stderr"])
def test_a_child_that_keeps_the_output_open_is_no_failure(host: Host, tmp_path: Path, redirection: str) -> None:
    started = time.monotonic()
    lines = said(host, "d-1", "BeforeInstall", f"sleep 60 {redirection} & echo $! >{tmp_path}/child", timeout=30)
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert time.monotonic() - started < 15
    kept = "stdout" if redirection.startswith("2") else "stderr"
    assert f"keeps its {kept} open" in lines[-1]


@rule("F.3 signal: differs, it is told")
def test_a_script_that_is_killed_has_failed(host: Host) -> None:
    step = host.deploy(host.told("d-1", hooked("BeforeInstall", "kill -9 $$")))
    assert step.error_code == "ScriptFailed"
    assert step.message == "Script at specified location: hook.sh failed with signal 9"

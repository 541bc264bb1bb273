"""The first process of a local instance: an SSM agent that runs commands, and the init that reaps what they leave.

Run as `python -m local.hosts.agent` with a connected socket as its standard input; lines of JSON go both ways. The
launcher waits outside and cleans up when the local cloud is gone; the agent is its child, the first process of the
namespaces.
Only the standard library is used, so an instance starts in tens of milliseconds.

What a step does is what amazon-ssm-agent 3.x does (agent/framework/processor/executer/plugin, agent/executers,
agent/plugins/runscript, agent/framework/processor/executer/iohandler):
- five commands at a time, the others wait; a step's script is a file, run by `sh -c`, in a session of its own;
- a step ends when its shell has ended and nobody holds its output any more: a daemon must close or redirect it;
- onFailure ends a document for a Failed step only, not for one that TimedOut; skipped steps are reported Skipped;
- exit status 194 asks for a reboot and then the same step again; 168 and 169 end the document well or badly;
- an exit status of 137 is reported as TimedOut, as the agent's own way of killing looks the same.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from local.hosts.job import EXIT_REBOOT, EXIT_STOPPED, EXIT_WITH_FAILURE, EXIT_WITH_SUCCESS, Job, Result, Step
from local.hosts.namespaces import PLAIN_PATH, NamespaceUnavailable, Root, die_with_parent, enter, separate_processes
from local.hosts.output import MAXIMUM_STDERR, MAXIMUM_STDOUT, combined, prefix

WORKERS = 5  # DefaultCommandWorkersLimit


SKIPPED = "Plugin with name aws:runShellScript and id {name} skipped due to prior step with an exit condition"
STOPPED_BY_ON_FAILURE = b"\nStep was found to have onFailure property. Further document steps will be skipped."
STOPPED_BY_168 = (
    b"\nStep exited with code 168. Therefore, marking step as succeeded. Further document steps will be skipped."
)
STOPPED_BY_169 = (
    b"\nStep exited with code 169. Therefore, marking step as Failed. Further document steps will be skipped."
)


class Agent:
    """Runs jobs until the local cloud closes the connection; one thread, so that being init stays simple."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self._selector = selectors.DefaultSelector()
        self._jobs: dict[str, Job] = {}
        self._waiting: list[Job] = []
        self._zombie_wakeup, wakeup = os.pipe()
        os.set_blocking(wakeup, False)
        os.set_blocking(self._zombie_wakeup, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(connection, selectors.EVENT_READ)
        self._selector.register(self._zombie_wakeup, selectors.EVENT_READ)

    def serve(self) -> None:
        """Returns when the local cloud has gone; the kernel then ends everything in this process namespace."""
        self._send({"ready": True})
        while True:
            for key, _ in self._selector.select(self._seconds_to_next_deadline()):
                if key.fileobj is self._connection:
                    if not self._receive():
                        return
                elif key.fd == self._zombie_wakeup:
                    os.read(self._zombie_wakeup, 4096)
                elif key.fd in self._selector.get_map():
                    self._collect_output(key.fd, key.data)
            self._reap()
            self._stop_late_steps()

    def _receive(self) -> bool:
        try:
            data = self._connection.recv(1 << 16)
        except ConnectionError:
            return False
        if not data:
            return False
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._handle(json.loads(line))
        return True

    def _handle(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "run":
                self._waiting.append(self._job(order))
                self._start_waiting()
            case "cancel":
                self._cancel(order["command_id"])
            case "crash":
                self._crash()

    def _job(self, order: dict[str, Any]) -> Job:
        results = [Result() for _ in order["steps"]]
        for result, before in zip(results, order["done"], strict=False):
            result.status, result.code = before["status"], before["code"]
        return Job(
            order["command_id"],
            [Step(**step) for step in order["steps"]],
            {"PATH": PLAIN_PATH, **order["environment"]},
            Path(order["directory"]),
            results,
            index=len(order["done"]),
        )

    def _start_waiting(self) -> None:
        while self._waiting and len(self._jobs) < WORKERS:
            job = self._waiting.pop(0)
            self._jobs[job.command_id] = job
            self._continue(job)

    def _continue(self, job: Job) -> None:
        """Go on with the first step that really runs; without one the job is over."""
        while job.index < len(job.steps):
            job.result.started = time.time()
            if job.cancelled:
                self._settle(job, "Cancelled", 0)
            elif job.skips_current_step():
                job.result.output = SKIPPED.format(name=job.step.name).encode()
                self._settle(job, "Skipped", 0)
            else:
                self._start_step(job)
                return
        del self._jobs[job.command_id]
        self._send({"command_id": job.command_id, "finished": True})
        self._start_waiting()

    def _start_step(self, job: Job) -> None:
        job.result.status = "InProgress"
        self._report(job)
        directory = job.directory / job.step.name
        directory.mkdir(parents=True, exist_ok=True)
        script = directory / "_script.sh"
        script.write_text(job.step.script)
        script.chmod(0o700)
        try:
            job.process = subprocess.Popen(
                ["sh", "-c", str(script)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=job.step.working_directory,
                env=job.environment,
                start_new_session=True,
            )
        except OSError as error:  # the step's own workingDirectory does not exist
            job.result.stderr += f"failed to run commands: {error.strerror}: {error.filename}".encode()
            self._finish_step(job, "Failed", 1)
            self._continue(job)
            return
        job.exit_status = None
        job.deadline = time.monotonic() + job.step.timeout_seconds
        assert job.process.stdout and job.process.stderr
        for pipe, buffer in ((job.process.stdout, job.result.stdout), (job.process.stderr, job.result.stderr)):
            os.set_blocking(pipe.fileno(), False)
            job.open_pipes.add(pipe.fileno())
            self._selector.register(pipe.fileno(), selectors.EVENT_READ, (job, buffer))

    def _collect_output(self, pipe: int, owner: tuple[Job, bytearray]) -> None:
        job, buffer = owner
        try:
            data = os.read(pipe, 1 << 16)
        except BlockingIOError:
            return
        if data:
            buffer += data[: MAXIMUM_STDOUT + 1 - len(buffer)] if len(buffer) <= MAXIMUM_STDOUT else b""
            return
        self._selector.unregister(pipe)
        job.open_pipes.discard(pipe)
        self._end_finished_step(job)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for job in list(self._jobs.values()):
                if job.process and job.process.pid == pid:
                    job.exit_status = job.process.returncode = os.waitstatus_to_exitcode(status)
                    self._end_finished_step(job)
                    break

    def _end_finished_step(self, job: Job) -> None:
        if job.exit_status is None or job.open_pipes:
            return
        self._close_step(job)
        status, code, result = job.exit_status, job.exit_status, job.result
        if status == 0:
            name = "Success"
        elif status == EXIT_REBOOT:
            name = "SuccessAndReboot"
        elif status == EXIT_STOPPED:
            name = "Cancelled" if job.cancelled else "TimedOut"
        else:
            name = "Failed"
            cause = f"exit status {status}"
            if status < 0:
                code, cause = -1, f"signal: {signal.strsignal(-status)}".lower()
            result.stderr += f"failed to run commands: {cause}".encode()
        self._finish_step(job, name, code)
        if name == "SuccessAndReboot":
            self._send({"reboot": job.command_id})
        else:
            self._continue(job)

    def _stop_late_steps(self) -> None:
        now = time.monotonic()
        for job in [job for job in self._jobs.values() if job.process and job.deadline <= now]:
            self._kill_step(job)
            self._finish_step(job, "TimedOut", EXIT_STOPPED)
            self._continue(job)

    def _cancel(self, command_id: str) -> None:
        waiting = next((job for job in self._waiting if job.command_id == command_id), None)
        if waiting:
            self._waiting.remove(waiting)
            self._jobs[command_id] = waiting
        job = self._jobs.get(command_id)
        if job is None:
            return  # already over: what it reported stands
        job.cancelled = True
        if job.process:
            self._kill_step(job)
            self._finish_step(job, "Cancelled", EXIT_STOPPED)
        self._continue(job)

    def _crash(self) -> None:
        """The agent's processes end with what they run; daemons that left their sessions stay."""
        for job in self._jobs.values():
            if job.process:
                self._kill_step(job)
        self._jobs.clear()
        self._waiting.clear()

    def _kill_step(self, job: Job) -> None:
        assert job.process
        with contextlib.suppress(ProcessLookupError):  # ended at this moment; only its output was still held
            os.killpg(job.process.pid, signal.SIGKILL)
        for pipe in job.open_pipes:
            self._selector.unregister(pipe)
        job.open_pipes.clear()
        self._close_step(job)

    def _close_step(self, job: Job) -> None:
        assert job.process and job.process.stdout and job.process.stderr
        job.process.stdout.close()
        job.process.stderr.close()
        job.process.returncode = job.process.returncode or 0  # reaped by _reap: Popen must not wait for it
        job.process = None

    def _finish_step(self, job: Job, status: str, code: int) -> None:
        step, result = job.step, job.result
        result.output = combined(bytes(result.stdout), bytes(result.stderr))
        if code == EXIT_WITH_SUCCESS:
            status = "Success"
            result.stderr.clear()
            result.stdout += STOPPED_BY_168
        elif code == EXIT_WITH_FAILURE:
            result.stdout += STOPPED_BY_169
            result.stderr += STOPPED_BY_169
        elif status == "Failed" and step.on_failure in ("exit", "successAndExit"):
            result.stdout += STOPPED_BY_ON_FAILURE
            result.stderr += STOPPED_BY_ON_FAILURE
            if step.on_failure == "successAndExit":
                status, code = "Success", EXIT_WITH_SUCCESS
        self._settle(job, status, code)

    def _settle(self, job: Job, status: str, code: int) -> None:
        job.result.status, job.result.code = status, code
        job.result.finished = time.time()
        self._report(job)
        if status != "SuccessAndReboot":
            job.index += 1

    def _report(self, job: Job) -> None:
        result = job.result
        self._send(
            {
                "command_id": job.command_id,
                "step": job.index,
                "status": result.status,
                "code": result.code,
                "output": result.output.decode(errors="replace"),
                "stdout": prefix(bytes(result.stdout), MAXIMUM_STDOUT),
                "stderr": prefix(bytes(result.stderr), MAXIMUM_STDERR),
                "started": result.started,
                "finished": result.finished,
            }
        )

    def _seconds_to_next_deadline(self) -> float | None:
        deadlines = [job.deadline for job in self._jobs.values() if job.process]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise  # a local cloud that has gone is noticed by the next receive


_PF_EXITING = 4  # proc(5), /proc/pid/stat: flags


def main() -> None:
    """Make the instance's first process and, when all has ended and nobody is left to do it, remove its files."""
    connection = socket.socket(fileno=0)
    owner = os.open(f"/proc/{os.getppid()}/stat", os.O_RDONLY)  # of this /proc: there is another one soon
    root = _read_root(connection)
    if root is None:
        return
    try:
        separate_processes(privileged=root.privileged)
    except NamespaceUnavailable as error:
        connection.sendall(json.dumps({"error": str(error)}).encode() + b"\n")
        sys.exit(1)
    first_process = os.fork()
    if first_process == 0:
        _be_first_process(connection, root)
    connection.close()
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.waitpid(first_process, 0)
    if _is_ending(owner):
        remove_tree(root.directory)


def _is_ending(stat: int) -> bool:
    """Whether a process is gone, or is about to be: its files close, which ends an instance, before it is gone."""
    try:
        flags = int(os.pread(stat, 4096, 0).rpartition(b")")[2].split()[6])
    except ProcessLookupError:
        return True
    return bool(flags & _PF_EXITING)


def _be_first_process(connection: socket.socket, root: Root) -> None:
    status = 1
    try:
        die_with_parent()
        os.setsid()
        enter(root)
        Agent(connection).serve()
        status = 0
    except NamespaceUnavailable as error:
        connection.sendall(json.dumps({"error": str(error)}).encode() + b"\n")
    finally:
        os._exit(status)


def _read_root(connection: socket.socket) -> Root | None:
    """What the local cloud describes first; None when it ended before that."""
    received = b""
    while not received.endswith(b"\n"):
        data = connection.recv(1 << 12)
        if not data:
            return None
        received += data
    raw = json.loads(received)
    paths = {name: Path(raw[name]) for name in ("directory", "python_executable", "python_prefix")}
    return Root(hostname=raw["hostname"], address=raw["address"], privileged=raw["privileged"], **paths)


def remove_tree(directory: Path) -> None:
    """Remove an instance's files, also those in directories that nobody was permitted to enter."""
    for path, directories, _ in os.walk(directory):
        for name in directories:
            child = Path(path, name)
            if not child.is_symlink():
                child.chmod(0o700)
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()

"""The exit statuses of `stepdeploy`, which scripts may rely on."""

from enum import IntEnum


class Exit(IntEnum):
    """What a command's status says."""

    DONE = 0
    FAILED = 1  # the deployment did not succeed; the bundle has errors; `doctor` found something
    USAGE = 2  # an option, an argument or a file is not as it must be: nothing was done
    REFUSED = 3  # the engine or AWS refused: not allowed, not there, not possible now
    TOO_LONG = 4  # waiting ended before the deployment did, or with --wait before its group was free
    HOSTS_FAILED = 5  # the deployment succeeded, but hosts failed; only with --fail-on-failed-hosts
    INTERRUPTED = 130  # Ctrl-C; a deployment that was begun goes on

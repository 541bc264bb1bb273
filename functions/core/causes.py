"""Why a target failed: one cause out of few, and what CodeDeploy calls it."""

from enum import StrEnum

from functions.core.statuses import LifecycleErrorCode


class Cause(StrEnum):
    """The root cause of a failed target."""

    UNREACHABLE = "UNREACHABLE"  # SSM does not reach the host
    BUSY = "BUSY"  # another deployment has the host, and has it for too long
    DENIED = "DENIED"  # SSM or the host refuses the command
    UNSUPPORTED = "UNSUPPORTED"  # the host is no Linux, or lacks what it takes: Python, a newer SSM Agent
    DOWNLOAD = "DOWNLOAD"
    EXPIRED = "EXPIRED"  # a presigned URL had, before its host used it
    DIGEST = "DIGEST"
    APPSPEC = "APPSPEC"
    CONFLICT = "CONFLICT"  # a file is there that the deployment may not replace
    DISK = "DISK"
    SCRIPT = "SCRIPT"
    TIMEOUT = "TIMEOUT"
    HEALTH = "HEALTH"
    STOPPED = "STOPPED"
    TERMINATED = "TERMINATED"  # Auto Scaling has ended the instance, or takes it out of service
    ENGINE = "ENGINE"  # stepdeploy itself, or AWS under it

    @property
    def lifecycle_error_code(self) -> LifecycleErrorCode:
        """CodeDeploy's code where the host gave none of its own."""
        return _CODES.get(self, LifecycleErrorCode.UNKNOWN_ERROR)


_CODES = {
    Cause.SCRIPT: LifecycleErrorCode.SCRIPT_FAILED,
    Cause.TIMEOUT: LifecycleErrorCode.SCRIPT_TIMED_OUT,
}

"""How many targets of a deployment are where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The targets of a deployment. `total` = pending + in progress + succeeded + failed + skipped."""

    total: int = 0
    max_out_of_service: int = 0  # targets that may be out of service at one time
    in_progress: int = 0
    succeeded: int = 0
    failed: int = 0
    terminated: int = 0  # of the skipped ones: Auto Scaling has ended their instances
    skipped: int = 0  # known when the deployment is over; until then they are among the pending ones
    started: int = 0  # targets that took a place to begin: 0 means that no host was touched
    still_out: int = 0  # targets whose host was out of service before the deployment, and that have not begun

    @property
    def pending(self) -> int:
        return self.total - self.in_progress - self.succeeded - self.failed - self.skipped

    @property
    def out_of_service(self) -> int:
        return self.in_progress + self.failed + self.still_out

    @property
    def in_service(self) -> int:
        """Neither taken out by the deployment, nor failed, nor out of service before."""
        return max(self.total - self.out_of_service, 0)

    @property
    def promised(self) -> int:
        """That must be in service at any time."""
        return max(self.total - self.max_out_of_service, 0)

    @property
    def overview(self) -> dict[str, int]:
        """CodeDeploy's deploymentOverview, without the targets of blue/green deployments."""
        return {
            "Failed": self.failed,
            "InProgress": self.in_progress,
            "Pending": self.pending,
            "Skipped": self.skipped,
            "Succeeded": self.succeeded,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The counts of a deployment that an engine before places began, which kept them in its item
    (`functions/store/records/counters.py`)."""

    total: int = 0
    allowed: int = 0  # targets that may be out of service at one time
    out: int = 0  # in progress or failed
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    started: int = 0

    @property
    def counts(self) -> Counts:
        return Counts(
            total=self.total,
            max_out_of_service=self.allowed,
            in_progress=self.out - self.failed,
            succeeded=self.succeeded,
            failed=self.failed,
            skipped=self.skipped,
            started=self.started,
        )

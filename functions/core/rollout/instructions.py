"""The instructions of a segment as a deployment gives them to one of its hosts."""

from functions.core.records import Deployment
from host.instructions import Bundle, Drain, FileExistsBehavior, Instructions, Logs, Runner
from host.lifecycle import STEP_SECONDS, LifecycleEvent

HOST_WAIT_SECONDS = 20  # on the host, while another deployment has it; then the engine knows, shows it, and asks again


def instructions(
    deployment: Deployment,
    target_id: str,
    *,
    events: tuple[LifecycleEvent, ...],
    expires_at: int,
    runner: Runner,
    bundle_url: str,
    logs: Logs | None,
    drain: Drain | None = None,
) -> Instructions:
    """Everything the host needs for one segment. `expires_at`: in seconds since the epoch."""
    revision, settings = deployment.revision, deployment.settings
    return Instructions(
        deployment_id=deployment.deployment_id,
        deployment_group_id=deployment.group_id,
        deployment_group_name=deployment.group,
        application_name=deployment.application,
        bundle=Bundle(
            url=bundle_url,
            sha256=revision.sha256 or "",
            size=revision.size,
            type=revision.bundle_type.value,
            bucket=revision.bucket,
            key=revision.key,
            version=revision.version,
            etag=revision.etag,
            commit=revision.named_commit.commit if revision.named_commit else None,
        ),
        appspec_filename="appspec.yml",
        file_exists_behavior=FileExistsBehavior(settings.file_exists_behavior.value),
        ignore_application_stop_failures=settings.ignore_application_stop_failures,
        logs=logs,
        events=tuple(event.value for event in events),
        host_wait_seconds=HOST_WAIT_SECONDS,
        target_id=target_id,
        runner=runner,
        expires_at=expires_at,
        drain=drain,
        is_restart=deployment.is_restart,
    )


def longest_seconds(events: tuple[LifecycleEvent, ...]) -> int:
    """How long a segment can take once it is delivered: after that SSM itself has ended its last step."""
    return len(events) * STEP_SECONDS

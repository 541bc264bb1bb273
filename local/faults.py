"""Faults that tests inject into the local cloud: events that get lost, functions that die, and so on.

A fault is a number of times that it strikes, or a switch. The server asks at each place where one may strike.
"""

from dataclasses import dataclass


@dataclass
class Faults:
    """What goes wrong next."""

    lost_events: int = 0  # SSM status-change events of invocations that never arrive
    lost_executions: int = 0  # Step Functions' events of executions that have ended that never arrive
    lost_alarms: int = 0  # CloudWatch's events of alarms that never arrive
    slow_sends: int = 0  # SendCommand calls whose answer comes only when the command has ended
    killed_senders: int = 0  # callers that die right after SSM has accepted their SendCommand
    lost_lifecycle_events: int = 0  # Auto Scaling's events of lifecycle actions that never arrive
    doubled_lifecycle_events: int = 0  # that arrive twice
    late_lifecycle_events: int = 0
    lifecycle_event_delay: float = 3.0  # seconds, of those
    refused_suspensions: int = 0  # SuspendProcesses calls that Auto Scaling refuses
    refused_resumptions: int = 0  # ResumeProcesses calls
    throttled_heartbeats: int = 0  # RecordLifecycleActionHeartbeat calls
    throttled_completions: int = 0  # CompleteLifecycleAction calls
    failed_launches: int = 0  # instances that Auto Scaling cannot launch
    sns_down: bool = False
    slack_down: bool = False
    slack_busy: int = 0  # posts that Slack answers with 429
    slack_retry_after: int = 1  # seconds, in those answers
    slack_errors: int = 0  # calls of Slack's Web API that end with an error
    slack_error: str = "internal_error"  # which

    def strike(self, name: str) -> bool:
        """Whether a counted fault strikes now; it has struck once more then."""
        left: int = getattr(self, name)
        if left <= 0:
            return False
        setattr(self, name, left - 1)
        return True

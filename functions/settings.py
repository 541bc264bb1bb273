"""Every environment variable of the functions, read once, on first use. infra/function.py sets them."""

import json
import os
from dataclasses import dataclass
from functools import cache

# The stack's name: what this engine writes is told from what another one in the same account writes.
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "stepdeploy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where this function's world is. A function has only the ones it needs; asking for another raises KeyError."""

    environment: dict[str, str]

    @property
    def table_name(self) -> str:
        return self.environment["TABLE_NAME"]

    @property
    def bucket_name(self) -> str:
        """The revision bucket; manifests and hook logs live below its `.stepdeploy/` prefix."""
        return self.environment["BUCKET_NAME"]

    @property
    def revision_buckets(self) -> list[str]:
        """Other buckets that revisions may lie in."""
        return self.environment["REVISION_BUCKETS"].split(",")

    @property
    def upload_prefixes(self) -> dict[str, str]:
        """Below which prefix uploads start deployments, by the name of each bucket where they do."""
        return {**json.loads(self.environment["UPLOAD_PREFIXES"]), self.bucket_name: ""}

    @property
    def pushed_branches(self) -> dict[str, list[str]]:
        """Groups that get what is pushed to CodeCommit, by "repository@branch"."""
        found: dict[str, list[str]] = json.loads(self.environment["PUSHED_BRANCHES"])
        return found

    @property
    def state_machine_arn(self) -> str:
        return self.environment["STATE_MACHINE_ARN"]

    @property
    def document_name(self) -> str:
        return self.environment["DOCUMENT_NAME"]

    @property
    def document_version(self) -> str:
        """The number of the document's version that this code goes with."""
        return self.environment["DOCUMENT_VERSION"]

    @property
    def document_hash(self) -> str:
        """The sha256 that SSM has made of that version."""
        return self.environment["DOCUMENT_HASH"]

    @property
    def verify_document_name(self) -> str:
        """The document that only looks."""
        return self.environment["VERIFY_DOCUMENT_NAME"]

    @property
    def verify_document_version(self) -> str:
        return self.environment["VERIFY_DOCUMENT_VERSION"]

    @property
    def verify_document_hash(self) -> str:
        return self.environment["VERIFY_DOCUMENT_HASH"]

    @property
    def signing_key_arn(self) -> str:
        return self.environment["SIGNING_KEY_ARN"]

    @property
    def runner_sha256(self) -> str:
        return self.environment["RUNNER_SHA256"]

    @property
    def ask_again_seconds(self) -> int:
        """After about how long a target asks again that must wait."""
        return int(self.environment["ASK_AGAIN_SECONDS"])

    @property
    def connection_lost_seconds(self) -> int:
        """For how long SSM must have heard nothing of a host until its command counts as lost."""
        return int(self.environment["CONNECTION_LOST_SECONDS"])

    @property
    def reconcile_seconds(self) -> int:
        """After how long a running command is looked at, if no event tells of its end."""
        return int(self.environment["RECONCILE_SECONDS"])

    @property
    def ssm_send_rate(self) -> int:
        """Commands a second that all deployments together send at most."""
        return int(self.environment["SSM_SEND_RATE"])

    @property
    def map_concurrency(self) -> int:
        """Targets of a stage that have a workflow at one time, at most."""
        return int(self.environment["MAP_CONCURRENCY"])

    @property
    def bus_name(self) -> str:
        return self.environment["BUS_NAME"]

    @property
    def topic_arns(self) -> list[str]:
        """The topics that the engine may publish to: its own, and those that deployments.yaml names."""
        return self.environment["TOPIC_ARNS"].split(",")

    @property
    def slack_secret_arn(self) -> str:
        return self.environment["SLACK_SECRET_ARN"]

    @property
    def github_url(self) -> str:
        """GitHub's REST API: of github.com, or of a GitHub of one's own."""
        return self.environment["GITHUB_URL"]

    @property
    def github_secret_arn(self) -> str:
        return self.environment["GITHUB_SECRET_ARN"]

    @property
    def slack_queue_url(self) -> str:
        return self.environment["SLACK_QUEUE_URL"]

    @property
    def upload_queue_url(self) -> str:
        return self.environment["UPLOAD_QUEUE_URL"]

    @property
    def watch_queue_url(self) -> str:
        """Where the chain of each deployment's watch goes on."""
        return self.environment["WATCH_QUEUE_URL"]

    @property
    def schedule_group(self) -> str:
        """Of the schedules that wake deployments which wait for their window."""
        return self.environment["SCHEDULE_GROUP"]

    @property
    def schedule_role_arn(self) -> str:
        """By which these schedules send."""
        return self.environment["SCHEDULE_ROLE_ARN"]

    @property
    def wake_queue_url(self) -> str:
        """Deployments whose window may have opened."""
        return self.environment["WAKE_QUEUE_URL"]

    @property
    def wake_queue_arn(self) -> str:
        return self.environment["WAKE_QUEUE_ARN"]

    @property
    def send_queue_url(self) -> str:
        """Targets whose moment to send has come."""
        return self.environment["SEND_QUEUE_URL"]

    @property
    def lifecycle_queue_url(self) -> str:
        """Where lifecycle actions of Auto Scaling come in, and the answers to them."""
        return self.environment["LIFECYCLE_QUEUE_URL"]

    @property
    def trigger_queue_url(self) -> str:
        return self.environment["TRIGGER_QUEUE_URL"]

    @property
    def undelivered_queue_url(self) -> str:
        """Where a function puts what it can never take."""
        return self.environment["UNDELIVERED_QUEUE_URL"]

    @property
    def region(self) -> str:
        return self.environment["AWS_REGION"]


@cache
def settings() -> Settings:
    """This function's settings."""
    return Settings(environment=dict(os.environ))

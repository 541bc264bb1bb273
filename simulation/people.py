"""What people do while a deployment runs, and what others send that is none of the engine's business."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from functions.core.statuses import DeploymentStatus
from simulation import seams
from simulation.asl.errors import Failure
from simulation.aws.s3 import revision
from simulation.aws.sqs import URL
from simulation.scenario import APPLICATION, Act, Deed
from simulation.trace import Seen

if TYPE_CHECKING:
    from simulation.world import World

_HOSTILE = "\x1b[2J\u202e'; --\n<script>${jndi:x}" + "A" * 2000
_JUNK: tuple[Any, ...] = (
    {},
    None,
    {"command-id": _HOSTILE, "instance-id": "i-1", "name": _HOSTILE, "status": 7, "alarmName": _HOSTILE},
    {"command-id": ["list"], "instance-id": {}, "name": None, "status": "FAILED", "alarmName": 1},
    [_HOSTILE],
)
_ANN = "arn:aws:iam::123456789012:user/ann"
_SERVER_ERROR, _AGAIN_SECONDS = 500, 5
_LATE_SECONDS = 30  # after which an event of S3 comes for the second time


class People:
    """Carries the acts of a scenario out. `open`: acts that are not over."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._uploads = 0
        self.open = 0

    def begin(self) -> None:
        for act in self._world.scenario.acts:
            self.open += 1
            self._world.clock.later(act.at, partial(self._act, act))

    def _act(self, act: Act) -> None:
        match act.deed:
            case Deed.DEPLOY:
                request = {"application": APPLICATION, "group": act.group, "key": self._new_key(act.group)}
                self._call("start", {**request, "on_busy": "queue"})
            case Deed.UPLOAD:
                self._upload(act.group)
            case Deed.REPLACE:
                self._replace(act.group)
            case Deed.STOP | Deed.CANCEL:
                self._stop(act.group, cancel=act.deed is Deed.CANCEL)
            case Deed.ROLL_BACK:
                self._call("rollback", {"application": APPLICATION, "group": act.group})
            case Deed.PAUSE:
                self._ask_api("PauseDeployment", self._left(act.group)[-1:])
            case Deed.RESUME:
                self._ask_api("ResumeDeployment", self._left(act.group))
            case Deed.REDEPLOY:
                self._world.redeploy()
                self._done()
            case Deed.JUNK:
                self._junk()
            case Deed.DELETE_TARGET_GROUP:
                self._world.elb.delete_last()
                self._done()

    def _call(self, function: str, request: dict[str, Any], then: Callable[[Any], None] = lambda result: None) -> None:
        def reply(result: Any, failure: Failure | None) -> None:
            self.open -= 1
            if failure is None:
                then(result)

        self._world.functions.invoke(function, request, reply)

    def _new_key(self, group: str) -> str:
        """The key of a revision that is new in the bucket."""
        self._uploads += 1
        key = f"{APPLICATION}/{group}/more-{self._uploads}.zip"
        self._world.s3.put(seams.BUCKET, key, revision(key, self._world.scenario.traffic_hooks))
        return key

    def _upload(self, group: str) -> None:
        """S3 tells it twice."""
        world, key = self._world, self._new_key(group)
        found = {"key": key, "version-id": world.s3.version(seams.BUCKET, key), "etag": "etag", "sequencer": "0A"}
        time = world.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        event = {"time": time, "detail": {"bucket": {"name": seams.BUCKET}, "object": found}}
        world.sqs.put(f"{URL}upload", json.dumps(event))
        world.clock.later(_LATE_SECONDS, lambda: world.sqs.put(f"{URL}upload", json.dumps(event)))
        world.clock.later(_LATE_SECONDS + 1, self._done)

    def _replace(self, group: str) -> None:
        """Somebody puts another archive under the key of the revision that is being deployed."""
        world, key = self._world, f"{APPLICATION}/{group}/v2.zip"
        world.s3.put(seams.BUCKET, key, revision("another one"))
        self._done()

    def _stop(self, group: str, *, cancel: bool) -> None:
        """Of the deployment that was created last, if it is not over."""
        left = self._left(group)
        if not left:
            self._done()
            return
        trace, deployment_id = self._world.trace, left[-1]
        self._call(
            "stop",
            {"deployment_id": deployment_id, "cancel": cancel, "requested_by": _HOSTILE[:100]},
            lambda result: trace.note(Seen.STOPPED, deployment_id, detail=cancel),
        )

    def _left(self, group: str) -> list[str]:
        """The deployments of a group that are not over."""
        started = self._world.started
        return [
            each
            for each, status in started.statuses.items()
            if started.groups[each] == group and not DeploymentStatus(status).is_final
        ]

    def approve(self, deployment_id: str) -> None:
        """Somebody lets a deployment go on that is Ready."""
        self.open += 1
        self._ask_api("ContinueDeployment", [deployment_id])

    def _ask_api(self, operation: str, deployment_ids: Sequence[str]) -> None:
        """By the control API; somebody asks again where it is busy."""
        self.open += len(deployment_ids) - 1
        for each in deployment_ids:
            self._ask(operation, each)

    def _ask(self, operation: str, deployment_id: str) -> None:
        event = {
            "requestContext": {"http": {"path": f"/{operation}"}, "authorizer": {"iam": {"userArn": _ANN}}},
            "body": json.dumps({"deploymentId": deployment_id}),
        }

        def reply(result: Any, failure: Failure | None) -> None:
            if failure or result["statusCode"] == _SERVER_ERROR or "ThrottlingException" in result["body"]:
                self._world.clock.later(_AGAIN_SECONDS, partial(self._ask, operation, deployment_id))
            else:
                self.open -= 1

        self._world.functions.invoke("api", event, reply)

    def _junk(self) -> None:
        for junk in _JUNK:
            for function in ("command_status", "execution_status", "stop"):
                self._world.functions.send(function, {"detail": junk})
            self._world.sqs.put(f"{URL}upload", json.dumps({"detail": junk}))
        self._done()

    def _done(self) -> None:
        self.open -= 1

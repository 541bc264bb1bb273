"""SQS: queues that hand their messages to the function of the same name, until it takes them."""

from collections.abc import Callable, Mapping
from typing import Any

from simulation.asl.errors import Failure
from simulation.aws.functions import Functions
from simulation.aws.network import Network, Service

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/"
_VISIBILITY_SECONDS = 360
_RECEIVE_SECONDS = 0.05  # until Lambda's poller has a message


class Sqs(Service):
    """`readers`: functions by the URL of the queue that they read. A queue without one keeps its messages."""

    name = "sqs"

    def __init__(
        self,
        network: Network,
        functions: Functions,
        readers: Mapping[str, str],
        at_once: Mapping[str, int] | None = None,
    ) -> None:
        """`at_once`: calls of the function at one time, by the URL of the queue."""
        super().__init__(network)
        self._clock, self._functions, self._readers = network.clock, functions, readers
        self.kept: list[tuple[str, str]] = []  # queue and body
        self._rests = dict[str, float]()  # seconds that a message that failed stays away, by its receipt
        self._count = 0
        self._at_once = dict(at_once or {})  # calls that may still begin
        self._behind = list[Callable[[], None]]()
        self.waiting = 0  # messages that no function has taken

    def send_message(self, **request: Any) -> dict[str, Any]:
        return self.request("SendMessage", lambda: self._send(request["QueueUrl"], request))

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        def send() -> dict[str, Any]:
            sent = [self._send(request["QueueUrl"], entry) for entry in request["Entries"]]
            return {"Successful": sent, "Failed": []}

        return self.request("SendMessageBatch", send)

    def put(self, queue: str, body: str) -> None:
        """A message from elsewhere."""
        self._send(queue, {"MessageBody": body})

    def _send(self, queue: str, message: Mapping[str, Any]) -> dict[str, Any]:
        self._count += 1
        message_id = f"message-{self._count}"
        if queue in self._readers:
            self.waiting += 1
            delay = message.get("DelaySeconds", 0) + _RECEIVE_SECONDS
            self._clock.later(delay, lambda: self._hand_out(queue, message_id, message["MessageBody"], 1))
        else:
            self.kept.append((queue, message["MessageBody"]))
        return {"MessageId": message_id}

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        def change() -> dict[str, Any]:
            for entry in request["Entries"]:
                self._rests[entry["ReceiptHandle"]] = entry["VisibilityTimeout"]
            return {"Successful": [], "Failed": []}

        return self.request("ChangeMessageVisibilityBatch", change)

    def _hand_out(self, queue: str, message_id: str, body: str, receives: int) -> None:
        receipt = f"{message_id}:{receives}"
        record = {
            "messageId": message_id,
            "receiptHandle": receipt,
            "attributes": {"ApproximateReceiveCount": str(receives)},
            "body": body,
            "eventSource": "aws:sqs",
        }

        def reply(result: Any, failure: Failure | None) -> None:
            self._made_room(queue)
            if failure is None and not (result or {}).get("batchItemFailures"):
                self.waiting -= 1
                return
            rest = self._rests.pop(receipt, _VISIBILITY_SECONDS)
            self._clock.later(rest, lambda: self._hand_out(queue, message_id, body, receives + 1))

        def call() -> None:
            self._functions.invoke(self._readers[queue], {"Records": [record]}, reply)

        if self._at_once.get(queue, 1) > 0:
            self._take_room(queue, -1)
            call()
        else:
            self._behind.append(call)

    def _made_room(self, queue: str) -> None:
        """One at a time of those that wait; only one queue is so narrow."""
        if queue in self._at_once and self._behind:
            self._behind.pop(0)()
        else:
            self._take_room(queue, 1)

    def _take_room(self, queue: str, change: int) -> None:
        if queue in self._at_once:
            self._at_once[queue] += change

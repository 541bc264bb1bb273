"""What is looked at, read by one thread for each thing however many tabs show it, and for as long as one does.

Throttling, a network that fails and credentials that expire end nothing: the last that was seen stays, with what is
wrong, and is asked for again.
"""

import sys
import traceback
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Condition, Thread
from time import monotonic
from typing import Any, Protocol

from cli.account.connection import Engine, Refusal, is_logged_out, refused

_LINGER = 10.0  # seconds from the last look at a thing to the end of its reader: the stream of a page follows the page
_AGAIN = 5.0  # seconds after a failure
_END = 3.0  # seconds for which the end of the console waits for readers

Pause = Callable[[float], None]  # waits so many seconds


class Topic(Hashable, Protocol):
    """A thing that is looked at. Equal ones have one reader."""

    def read(self, engine: Engine, pause: Pause) -> Iterator[Any]:
        """It as it is, now and again, until it changes no more; waits by `pause`."""


@dataclass(frozen=True)
class Seen:
    """What a reader saw last."""

    value: Any = None  # None: nothing yet
    error: Refusal | None = None  # why it cannot be read now: then the value is older


class _Unwatched(Exception):
    """Nobody looks any more."""


class _Reader:
    thread: Thread

    def __init__(self) -> None:
        self.seen = Seen()
        self.watchers = 0
        self.left = monotonic()  # when the last watcher did


class Readers:
    """`fresh` makes an engine anew, with the credentials that there are by then."""

    def __init__(self, engine: Engine, fresh: Callable[[], Engine] = Engine) -> None:
        self._engine = engine
        self._fresh = fresh
        self._readers: dict[Topic, _Reader] = {}
        self._changed = Condition()
        self._is_closed = False

    @property
    def engine(self) -> Engine:
        return self._engine

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        """Readers end, but for one whose request takes too long: nobody waits for that."""
        with self._changed:
            self._is_closed = True
            threads = [each.thread for each in self._readers.values()]
            self._changed.notify_all()
        until = monotonic() + _END
        for thread in threads:
            thread.join(max(until - monotonic(), 0))

    @contextmanager
    def watching(self, topics: Sequence[Topic]) -> Iterator["Watch"]:
        with self._changed:
            found = {topic: self._reader(topic) for topic in topics}
            for reader in found.values():
                reader.watchers += 1
        try:
            yield Watch(self._changed, found, lambda: self._is_closed)
        finally:
            with self._changed:
                for reader in found.values():
                    reader.watchers -= 1
                    reader.left = monotonic()

    def _reader(self, topic: Topic) -> _Reader:
        if topic not in self._readers:
            reader = self._readers[topic] = _Reader()
            reader.thread = Thread(target=self._run, args=(topic, reader), daemon=True)
            reader.thread.start()
        return self._readers[topic]

    def _run(self, topic: Topic, reader: _Reader) -> None:
        def pause(seconds: float) -> None:
            self._pause(topic, reader, seconds)

        try:
            while True:
                self._read(topic, reader, pause)
        except _Unwatched:
            """The reader is forgotten."""

    def _read(self, topic: Topic, reader: _Reader, pause: Pause) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for value in topic.read(self._engine, pause):
                self._publish(reader, Seen(value))
            while True:  # it changes no more
                pause(_LINGER)
        except Refusal as refusal:
            self._publish(reader, replace(reader.seen, error=refusal))
        except (BotoCoreError, ClientError) as error:
            self._publish(reader, replace(reader.seen, error=refused(error)))
            if is_logged_out(error):
                self._engine = self._fresh()
        except _Unwatched:
            raise
        except Exception:  # a mistake of ours ends neither the console nor this page for good
            traceback.print_exc(file=sys.stderr)
            self._publish(reader, replace(reader.seen, error=Refusal("the console failed: its terminal says where")))
        pause(_AGAIN)

    def _publish(self, reader: _Reader, seen: Seen) -> None:
        with self._changed:
            reader.seen = seen
            self._changed.notify_all()

    def _pause(self, topic: Topic, reader: _Reader, seconds: float) -> None:
        """Raises _Unwatched when nobody has looked for a while."""
        until = monotonic() + seconds
        with self._changed:
            while True:
                is_left = not reader.watchers and monotonic() - reader.left >= _LINGER
                if self._is_closed or is_left:
                    del self._readers[topic]
                    raise _Unwatched
                left = until - monotonic()
                if left <= 0:
                    return
                self._changed.wait(min(left, 1.0))


@dataclass(frozen=True)
class Watch:
    """Some topics, for as long as they are looked at."""

    _changed: Condition
    _readers: Mapping[Topic, _Reader]
    _is_closed: Callable[[], bool]

    @property
    def seen(self) -> dict[Topic, Seen]:
        return {topic: reader.seen for topic, reader in self._readers.items()}

    def first(self, seconds: float) -> dict[Topic, Seen]:
        """As soon as there is something of each, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed() or all(s != Seen() for s in self.seen.values()), seconds)
            return self.seen

    def next(self, before: Mapping[Topic, Seen], seconds: float) -> dict[Topic, Seen]:
        """As soon as something is not what it was before, or after so many seconds."""

        def is_news() -> bool:
            return self._is_closed() or any(each is not before.get(topic) for topic, each in self.seen.items())

        with self._changed:
            self._changed.wait_for(is_news, seconds)
            return self.seen

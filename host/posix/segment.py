"""The process that runs a segment: one deployment has the host from its first event to its last.

A step before the events' own starts it; each step asks it to run one event, waits for the answer and prints it
(host/step.py). So events stay steps of their own for SSM, while modules are loaded once, and no other deployment gets
in between. It ends with its last event, with an event that stops the segment, with a step that is killed, or when no
step asks for a while, sooner when another command waits. What it has done is in the journal: the same command may come
again.
"""

import os
import select
from contextlib import contextmanager
from typing import Callable, Iterator, NamedTuple, Optional

from host.instructions import Instructions
from host.lifecycle import LifecycleEvent
from host.posix.journal import has_begun, hold_host, is_wanted
from host.posix.layout import Layout, write_atomically
from host.posix.run import FetchBundle, failure, run_event
from host.posix.watchdog import Watchdog
from host.report import Failed

# Between two steps, which SSM's agent runs one right after another. When none comes for so long, the command may have
# been cancelled: the process gives way to another one that waits for the host, and after so many times ends anyway.
IDLE_SECONDS = 10
IDLE_TIMES = 6
_READY = b"ready"
_MOST_OF_A_QUESTION = 256  # bytes


class Pipes(NamedTuple):
    """Where steps ask and are answered: named pipes in a folder that root alone may enter, and what they know it by."""

    folder: str

    @property
    def ask(self) -> str:
        return os.path.join(self.folder, "ask")

    @property
    def answer(self) -> str:
        return os.path.join(self.folder, "answer")

    @property
    def mark(self) -> str:
        return os.path.join(self.folder, "mark")

    @property
    def over(self) -> str:
        """The mark of a segment whose last event has succeeded: its other steps have nothing to do."""
        return os.path.join(self.folder, "over")


def begin(text: str, event: str, *, mark: str) -> Optional[str]:
    """Start the process that runs the segment of these instructions. None when it has the host and can be asked, else
    the line that says why not, for the step of `event` to print. Steps know the process by `mark`."""
    try:
        instructions = Instructions.decode(text)
        layout = Layout(instructions.deployment_group_id, instructions.deployment_id)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Failed("ENGINE", "the instructions cannot be read: {!r}".format(error)).report(event).line()
    reader, writer = os.pipe()
    if os.fork() == 0:
        status = 1
        try:
            os.close(reader)
            _detach()
            _run(instructions, layout, event, mark, writer)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read()
    if said == _READY:
        return None
    ended = Failed("ENGINE", "the segment's process ended before it could be asked").report(event).line()
    return said.decode() or ended


def _detach() -> None:
    """Into a session of its own, so that a step's end, good or bad, is not the segment's; holding no step's output."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)


def _run(instructions: Instructions, layout: Layout, event: str, mark: str, writer: int) -> None:
    pipes = Pipes(os.path.join(layout.root, "segment"))
    begun = False
    try:
        wait = instructions.host_wait_seconds
        with hold_host(layout, instructions, wait) as other, _fetched(instructions, layout, other) as fetch_bundle:
            ask, answer = layout.with_reserve(lambda: _open(pipes, mark))
            try:
                begun = True
                os.write(writer, _READY)
                os.close(writer)
                with Watchdog(answer) as watchdog:
                    _serve(
                        instructions,
                        layout,
                        ask,
                        answer,
                        watchdog,
                        other,
                        fetch_bundle,
                        lambda: layout.with_reserve(lambda: write_atomically(pipes.over, mark.encode())),
                    )
            finally:
                os.unlink(pipes.mark)
    except Exception as error:
        if begun:
            raise  # the step that waits sees the pipes close
        os.write(writer, failure(error).report(event).line().encode())


@contextmanager
def _fetched(instructions: Instructions, layout: Layout, other: Optional[str]) -> Iterator[Optional[FetchBundle]]:
    """What DownloadBundle has left to do, where the revision is fetched now: in a segment of which nothing has run."""
    has_none = other or LifecycleEvent.DOWNLOAD_BUNDLE.value not in instructions.events
    if has_none or has_begun(layout.journal, instructions.events):
        yield None
        return
    from host.posix.download import fetch_first, forget, unpack_fetched

    said = fetch_first(instructions, layout)
    is_used = said is None

    def fetch_bundle(instructions: Instructions, layout: Layout, deadline: float) -> Optional[str]:
        nonlocal is_used
        is_used = True
        unpack_fetched(instructions, layout)
        return said

    try:
        yield None if said is None else fetch_bundle
    finally:
        if not is_used:  # no event came to it
            forget(layout)


def _open(pipes: Pipes, mark: str) -> "tuple[int, int]":
    """Fresh pipes, which no step of an earlier segment holds; opened so that neither side waits for the other."""
    os.makedirs(pipes.folder, mode=0o700, exist_ok=True)
    for path in (pipes.mark, pipes.over, pipes.ask, pipes.answer):
        if os.path.lexists(path):
            os.unlink(path)
    os.mkfifo(pipes.ask, 0o600)
    os.mkfifo(pipes.answer, 0o600)
    ask = os.open(pipes.ask, os.O_RDWR)
    reader = os.open(pipes.answer, os.O_RDONLY | os.O_NONBLOCK)
    answer = os.open(pipes.answer, os.O_WRONLY)
    os.close(reader)  # from here on, a step that goes away is seen
    write_atomically(pipes.mark, mark.encode())
    return ask, answer


def _serve(
    instructions: Instructions,
    layout: Layout,
    ask: int,
    answer: int,
    watchdog: Watchdog,
    other: Optional[str],
    fetch_bundle: Optional[FetchBundle],
    end: Callable[[], None],
) -> None:
    while True:
        question = _question(ask, layout)
        if question is None:
            return
        name, _, seconds = question.partition(" ")
        if name not in instructions.events:
            os.write(answer, b"0\n")
            continue
        watchdog.step(True)
        try:
            report = run_event(
                LifecycleEvent(name),
                instructions,
                layout,
                watchdog,
                step_seconds=int(seconds),
                other=other,
                fetch_bundle=fetch_bundle,
            )
        except ValueError as error:
            report = Failed("ENGINE", "the step asks for what there is not: {}".format(error)).report(name)
        # Before the answer: the step goes away when it has it, which must not look as if it was killed.
        watchdog.step(False)
        if report.may_continue and name == instructions.events[-1]:
            end()
        os.write(answer, b"%d %s\n" % (0 if report.may_continue else 1, report.line().encode()))
        if not report.may_continue or name == instructions.events[-1]:
            return


def _question(ask: int, layout: Layout) -> Optional[str]:
    """`<LifecycleEvent> <seconds that SSM gives the step>`, None when nobody asks any more."""
    for _ in range(IDLE_TIMES):
        if select.select([ask], [], [], IDLE_SECONDS)[0]:
            return os.read(ask, _MOST_OF_A_QUESTION).decode("ascii", "replace").strip()
        if is_wanted(layout):
            return None
    return None

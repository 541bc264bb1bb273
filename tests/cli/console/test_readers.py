"""What is looked at is read by one thread however many look, and for as long as one does."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import enumerate as threads
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cli.account.connection import Engine, Refusal
from cli.console import readers as module
from cli.console.readers import Pause, Readers, Seen
from local.driver import PATIENCE, wait_for


@dataclass(eq=False)
class Thing:
    """A topic of which a test says what is seen next: a value, or an error."""

    says: list[Any]
    engines: list[Engine] = field(default_factory=list)

    def read(self, engine: Engine, pause: Pause) -> Iterator[Any]:
        self.engines.append(engine)
        while True:
            if self.says:
                value = self.says.pop(0)
                if isinstance(value, Exception):
                    raise value
                yield value
            pause(0.01)


def expired() -> ClientError:
    return ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "it is over"}}, "GetDeployment")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINGER", 0.05)
    monkeypatch.setattr(module, "_AGAIN", 0.01)


@pytest.fixture
def readers() -> Iterator[Readers]:
    found = Readers(Engine())
    yield found
    found.close()
    wait_for(lambda: not reading(found), "all readers to end")


def reading(readers: Readers) -> int:
    return sum(getattr(each, "_target", None) == readers._run for each in threads())


def test_one_reader_serves_all_who_look(readers: Readers) -> None:
    thing = Thing([1])
    with readers.watching([thing]) as one, readers.watching([thing]) as other:
        before = one.first(PATIENCE)
        assert before == other.first(PATIENCE) == {thing: Seen(1)}
        assert reading(readers) == 1
        thing.says = [2]
        assert one.next(before, PATIENCE) == other.next(before, PATIENCE) == {thing: Seen(2)}
    assert len(thing.engines) == 1


def test_a_reader_ends_a_while_after_the_last_one_has_looked(readers: Readers) -> None:
    thing = Thing([1])
    with readers.watching([thing]) as watch:
        watch.first(PATIENCE)
    wait_for(lambda: not reading(readers), "the reader to end")
    thing.says = [3]
    with readers.watching([thing]) as watch:
        assert watch.first(PATIENCE) == {thing: Seen(3)}


def test_who_comes_soon_finds_what_was_seen(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINGER", PATIENCE)
    thing = Thing([1])
    for _ in range(3):
        with readers.watching([thing]) as watch:
            assert watch.first(PATIENCE) == {thing: Seen(1)}
    assert len(thing.engines) == 1


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (EndpointConnectionError(endpoint_url="https://api"), "Could not connect"),
        (ClientError({"Error": {"Code": "ThrottlingException", "Message": "slower"}}, "GetDeployment"), "slower"),
        (Refusal("there is no stack"), "there is no stack"),
        (ValueError("ours"), "the console failed"),
    ],
)
def test_trouble_is_told_beside_what_was_seen_and_passes(
    readers: Readers, error: Exception, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    thing = Thing([1, error])
    with readers.watching([thing]) as watch:
        wait_for(lambda: bool(watch.seen[thing].error), "the trouble to be told")
        found = watch.seen[thing]
        assert found.value == 1
        assert found.error and says in found.error.message
        thing.says = [2]
        wait_for(lambda: watch.seen[thing] == Seen(2), "the trouble to pass")


def test_credentials_that_expired_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    stale, fresh = Engine(), Engine()
    readers = Readers(stale, lambda: fresh)
    thing = Thing([expired()])
    with readers.watching([thing]) as watch:
        found = watch.first(PATIENCE)[thing]
        assert found.error and "aws sso login --profile work" in found.error.message
        thing.says = [1]
        wait_for(lambda: watch.seen[thing] == Seen(1), "the reader to log in again")
    assert thing.engines[0] is stale and thing.engines[-1] is fresh
    readers.close()


def test_who_waits_hears_that_the_console_ends(readers: Readers) -> None:
    thing = Thing([])
    with readers.watching([thing]) as watch:
        readers.close()
        assert watch.first(PATIENCE) == {thing: Seen()}

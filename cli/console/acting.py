"""What a form begins: one operation of the API each, by the credentials of whoever started the console.

What IAM or the engine forbids is found out by the first try; from then on the button says so, for a while: somebody may
have been given the right since.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from urllib.parse import unquote

import click

from cli.account.connection import Engine, Refusal, is_forbidden, refused
from cli.console import layout
from cli.console.forms import Denied
from cli.console.http import Request, Response, html
from cli.console.page import NAME, Given
from cli.view.output import plain

_REMEMBERED = 300.0  # seconds
_BY_GATEWAY = "403"  # IAM's own refusal, of the operation as a whole; others are of one thing


@dataclass(frozen=True, kw_only=True)
class Action:
    """`act` does it, and says where to go on; it raises Refusal or UsageError for a form that is not as it must be."""

    path: str
    act: Callable[[Engine, Given, Mapping[str, str]], str]

    def matches(self, path: str) -> dict[str, str] | None:
        pattern = NAME.sub(r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


class Denials:
    """What was refused with 403 lately, and why."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._found: dict[str, tuple[float, str]] = {}

    @property
    def now(self) -> Denied:
        since = self._clock() - _REMEMBERED
        return {name: why for name, (at, why) in tuple(self._found.items()) if at > since}

    def note(self, error: Exception, address: str) -> None:
        from botocore.exceptions import ClientError

        if not (isinstance(error, ClientError) and is_forbidden(error)):
            return
        is_of_all = error.response["Error"].get("Code") == _BY_GATEWAY
        self._found[error.operation_name if is_of_all else address] = self._clock(), refused(error).message


def perform(action: Action, engine: Engine, given: Given, asked: Request, denials: Denials) -> Response:
    """Once for each request. Goes on to what it has begun, or says what was refused."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        where = action.act(engine, given, asked.form)
    except (Refusal, click.UsageError) as wrong:
        return _not_done(wrong.format_message(), asked, 409)
    except (ClientError, BotoCoreError) as error:
        denials.note(error, asked.path)
        return _not_done(refused(error).message, asked, 403 if is_forbidden(error) else 409)
    return Response(status=303, body=b"", headers={"Location": where})


def _not_done(why: str, asked: Request, status: int) -> Response:
    return html(layout.problem("This was not done", plain(why), back=asked.path), status)

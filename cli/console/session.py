"""Who may use the console: the browser that came by its link.

The link has a name in it that nobody can guess. A browser that opens it gets a cookie, which no script reads and which
it sends to no page of another site, and goes on to an address without that name. Ports do not part cookies: a server of
another person of this machine could be sent it, so a request must also come from a process of this person
(cli.account.loopback.peers), from no page of another origin, and what changes anything must repeat a value that only
our own pages have.
"""

import secrets
from dataclasses import dataclass, field

from cli.account.loopback.server import is_of_this_machine
from cli.console.http import Request

_BYTES = 32
_OWN_PAGES = ("same-origin", "none")  # Sec-Fetch-Site: from a page of ours, or by the user's own hand


def _secret() -> str:
    return secrets.token_urlsafe(_BYTES)


@dataclass(frozen=True)
class Session:
    """One run of the console."""

    link: str = field(default_factory=_secret)
    cookie: str = field(default_factory=_secret)
    form_value: str = field(default_factory=_secret)  # of every form
    tickets: set[str] = field(default_factory=set)  # links that open it once

    def ticket(self) -> str:
        """A link that opens it once: what starts a browser shows its arguments to all people of the machine."""
        found = _secret()
        self.tickets.add(found)
        return found

    def is_link(self, request: Request) -> bool:
        """Whether it opens the console, from wherever the link is followed."""
        name = request.path.strip("/")
        is_navigation = request.headers.get("sec-fetch-mode", "navigate") == "navigate"
        is_known = _is_same(name, self.link) or any(_is_same(name, each) for each in tuple(self.tickets))
        return request.method == "GET" and is_navigation and is_known

    def use(self, request: Request) -> None:
        """Of a link that opens the console once, nothing is left."""
        self.tickets.discard(request.path.strip("/"))

    def refusal(self, request: Request, cookie_name: str) -> str:
        """Why a request is not answered; empty when it is."""
        headers = request.headers
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_of_this_machine("host", host):
            return f"it came to the host {host[:100]!r}: the console is of this machine only"
        if origin is not None and origin != f"http://{host}":
            return f"it came from a page of {origin[:100]!r}"
        if self.is_link(request):
            return ""
        if headers.get("sec-fetch-site", "none") not in _OWN_PAGES:
            return "it came from a page of another site"
        if not _is_same(request.cookies.get(cookie_name, ""), self.cookie):
            return "this browser has not opened the console"
        if request.method == "POST" and not _is_same(request.form.get("session", ""), self.form_value):
            return "it came from no form of this console"
        return ""


def _is_same(given: str, known: str) -> bool:
    return secrets.compare_digest(given.encode(), known.encode())

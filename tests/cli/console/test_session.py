"""Who may use the console, and who not: decided of a request alone."""

import pytest

from cli.console.http import Request, request
from cli.console.session import Session

SESSION = Session()
COOKIE = "stepdeploy-8080"


def asked(path: str = "/", *, method: str = "GET", form: str = "", **headers: str) -> Request:
    """As our own page asks, but for what is given; what is empty is left out."""
    own = {"host": "127.0.0.1:8080", "cookie": f"{COOKIE}={SESSION.cookie}", "sec-fetch-site": "same-origin"}
    found = own | {name.replace("_", "-"): value for name, value in headers.items()}
    return request(method, path, {name: value for name, value in found.items() if value}, form.encode())


def refusal(given: Request) -> str:
    return SESSION.refusal(given, COOKIE)


@pytest.mark.parametrize(
    "given",
    [
        asked(),
        asked(sec_fetch_site=""),  # a browser that does not send it
        asked(sec_fetch_site="none"),
        asked(host="localhost:9000", origin="http://localhost:9000"),  # through a tunnel
        asked(cookie=f"theme=dark; {COOKIE}={SESSION.cookie}"),
        asked(method="POST", form=f"session={SESSION.form_value}", origin="http://127.0.0.1:8080"),
        asked(f"/{SESSION.link}/", cookie="", sec_fetch_site="cross-site", sec_fetch_mode="navigate"),
        asked(f"/{SESSION.link}", cookie="", sec_fetch_site="none"),
    ],
)
def test_a_request_of_the_browser_that_came_by_the_link_is_answered(given: Request) -> None:
    assert refusal(given) == ""


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (asked(cookie=""), "has not opened"),
        (asked(cookie=f"{COOKIE}=guess"), "has not opened"),
        (asked(cookie=f"stepdeploy-8081={SESSION.cookie}"), "has not opened"),
        (asked("/guess/", cookie=""), "has not opened"),
        (asked("/ünbekannt/", cookie=""), "has not opened"),
        (asked(host=""), "came to the host"),
        (asked(host="evil.example"), "came to the host"),
        (asked(host="127.0.0.1.evil.example:8080"), "came to the host"),
        (asked(f"/{SESSION.link}/", host="evil.example"), "came to the host"),
        (asked(origin="https://evil.example"), "came from a page"),
        (asked(origin="null"), "came from a page"),
        (asked(origin="http://127.0.0.1:9999"), "came from a page"),  # another server of this machine
        (asked(origin="http://localhost:8080"), "came from a page"),
        (asked(sec_fetch_site="cross-site"), "came from a page of another"),
        (asked(sec_fetch_site="same-site"), "came from a page of another"),
        (
            asked(f"/{SESSION.link}/", cookie="", sec_fetch_site="cross-site", sec_fetch_mode="no-cors"),
            "page of another",
        ),
        (asked(f"/{SESSION.link}/", cookie="", method="POST"), "has not opened"),
        (asked(method="POST"), "came from no form"),
        (asked(method="POST", form="session=guess"), "came from no form"),
        (asked("/?session=" + SESSION.form_value, method="POST"), "came from no form"),
    ],
)
def test_any_other_is_refused_and_says_why(given: Request, why: str) -> None:
    assert why in refusal(given)


def test_a_ticket_opens_the_console_once() -> None:
    session = Session()
    given = asked(f"/{session.ticket()}/", cookie="")
    assert session.refusal(given, COOKIE) == ""
    session.use(given)
    assert session.refusal(given, COOKIE)


def test_what_cannot_be_guessed_is_long_and_never_the_same() -> None:
    secrets = {secret for each in (Session(), Session()) for secret in (each.link, each.cookie, each.form_value)}
    assert len(secrets) == 6
    assert min(map(len, secrets)) >= 43  # 256 bits

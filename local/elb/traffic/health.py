"""Health checks, as they are really sent to targets.

Source: Application Load Balancers User Guide, "Health checks for Application Load Balancer target groups".
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass

_LONGEST_LINE = 8192


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How targets are checked; times are in seconds, as they were declared."""

    protocol: str  # HTTP, HTTPS, TCP or SSL
    port: int | None  # None: the port at which the target gets its traffic
    path: str
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int
    matcher: str  # "200,301-302"
    enabled: bool = True

    def expects(self, code: int) -> bool:
        """
        >>> check = HealthCheck("HTTP", None, "/", 30, 5, 5, 2, "200,300-302")
        >>> [code for code in (200, 201, 301, 303) if check.expects(code)]
        [200, 301]
        """
        ranges = (part.strip().partition("-") for part in self.matcher.split(","))
        return any(int(first) <= code <= int(last or first) for first, _, last in ranges)


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that failed, by AWS's reason."""

    reason: str
    description: str


TIMEOUT = Failure("Target.Timeout", "Request timed out")
NO_ANSWER = Failure("Target.FailedHealthChecks", "Health checks failed")


def tls(protocol: str) -> ssl.SSLContext | None:
    """For a connection to a target: load balancers do not look at targets' certificates."""
    if protocol not in ("HTTPS", "SSL", "TLS"):
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def failure(check: HealthCheck, address: str | None, port: int, *, source: str, second: float) -> Failure | None:
    """Send one check; None when it passed. A target without an address here never answers."""
    try:
        async with asyncio.timeout(check.timeout * second):
            if address is None:
                await asyncio.Event().wait()
            return await _answered(check, str(address), port, source)
    except TimeoutError:
        return TIMEOUT
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return NO_ANSWER


async def _answered(check: HealthCheck, address: str, port: int, source: str) -> Failure | None:
    reader, writer = await asyncio.open_connection(
        address, port, local_addr=(source, 0), ssl=tls(check.protocol), limit=_LONGEST_LINE
    )
    try:
        if not check.protocol.startswith("HTTP"):
            return None
        head = f"GET {check.path} HTTP/1.1\r\nHost: {address}:{port}\r\nConnection: close\r\n"
        writer.write(f"{head}User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n".encode())
        line = await reader.readuntil(b"\r\n")
        status = re.match(rb"HTTP/1\.[01] (\d{3})\b", line)
        if status is None:
            raise ValueError(line)
        code = int(status[1])
        if check.expects(code):
            return None
        return Failure("Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]")
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

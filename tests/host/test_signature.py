"""What a host takes instructions from: the engine's signature, for this host, this moment, this runner. Invariant 7.

Whatever is refused leaves nothing behind: no file is written, no request is made.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from hypothesis import given
from hypothesis import strategies as st

from host.bootstrap import CLOCK_SKEW_SECONDS, is_signed
from host.lifecycle import START
from host.step import INSTRUCTIONS_PATTERN, begin_script
from tests.host.conftest import HOST_ID, Host, Step, pythons
from tests.host.test_events import hooked
from tests.host.test_step import ended, start_script, step, written
from tests.signing import encoded, key, signed, trust

EVENT = "ApplicationStop"
Told = dict[str, Any]


def with_signature(told: Told, change: Callable[[str], str]) -> str:
    text, _, signature = signed(told).partition(".")
    return f"{text}.{change(signature)}"


def flipped(digits: str) -> str:
    return f"{int(digits[0], 16) ^ 1:x}{digits[1:]}"


def by(algorithm: SHA1 | SHA512, told: Told) -> str:
    return key().sign(encoded(told), PKCS1v15(), algorithm).hex()


FORGERIES: dict[str, Callable[[Told], str]] = {
    "of other instructions": lambda told: with_signature({**told, "expires_at": 9e9}, lambda _: signed(told)[-512:]),
    "by another key": lambda told: signed(told, key("another engine")),
    "a bit wrong": lambda told: with_signature(told, flipped),
    "cut": lambda told: with_signature(told, lambda digits: digits[:-2]),
    "longer": lambda told: with_signature(told, lambda digits: f"00{digits}"),
    "all zero": lambda told: with_signature(told, lambda digits: "0" * len(digits)),
    "one": lambda told: with_signature(told, lambda digits: "1".zfill(len(digits))),
    "beyond the modulus": lambda told: with_signature(told, lambda digits: "f" * len(digits)),
    "with SHA-1": lambda told: f"{encoded(told).decode()}.{by(SHA1(), told)}",
    "with SHA-512": lambda told: f"{encoded(told).decode()}.{by(SHA512(), told)}",
}


def send(host: Host, told: Told, instructions: str, *, host_id: str | None = HOST_ID) -> Step:
    """The first step of a command that carries these instructions, whoever made them."""
    return ended(start_script(host, written(host, EVENT, told, instructions), host_id=host_id))


def refused(host: Host, answer: Step, *words: str, cause: str = "DENIED") -> None:
    assert (answer.exit, answer.cause) == (1, cause)
    for each in words:
        assert each in answer.message
    assert not host.root.exists(), "nothing is written"
    assert host.web.gets == [], "nothing is fetched"


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_the_engine_has_not_signed_is_refused(host: Host, forgery: str) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    refused(host, send(host, told, FORGERIES[forgery](told)), "not signed by the engine")


def test_a_copy_is_of_no_use_on_another_host(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    answer = send(host, told, signed(told), host_id="i-0fedcba9876543210")
    refused(host, answer, f"the instructions are for {HOST_ID}; this host is i-0fedcba9876543210")


def test_a_host_that_does_not_know_its_own_id_refuses(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    answer = send(host, told, signed(told), host_id=None)
    refused(host, answer, "AWS_SSM_INSTANCE_ID is not set", "update the SSM Agent", cause="UNSUPPORTED")


def test_a_copy_is_of_no_use_on_another_day(host: Host) -> None:
    late = int(time.time()) - CLOCK_SKEW_SECONDS - 5
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"), expires_at=late)
    refused(host, send(host, told, signed(told)), "expired", "check it")


def test_a_clock_that_is_a_little_off_does_not_matter(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"), expires_at=int(time.time()) - CLOCK_SKEW_SECONDS + 60)
    assert send(host, told, signed(told)).exit == 0


def test_a_sender_cannot_choose_the_runner(host: Host) -> None:
    """Nor can the engine: the document names it."""
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    script = "\n".join(begin_script(trust("1" * 64)))
    file = host.root.parent / "step.sh"
    file.write_text(script.replace("{{ Instructions }}", signed(told)))
    refused(host, ended(start_script(host, file)), "the document names 1111")


def test_a_step_runs_no_event_that_the_instructions_do_not_name(host: Host, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    told = host.told("d-1", hooked("BeforeInstall", f"echo x >{ran}"), events=["DownloadBundle", "Install"])
    assert step(host, "DownloadBundle", told).exit == 0
    left_out = start_script(host, written(host, "BeforeInstall", told, signed(told)))
    assert (left_out.communicate(timeout=30)[0], left_out.returncode) == (b"", 0)
    assert step(host, "Install", told).exit == 0 and not ran.exists()


def test_a_replay_on_the_same_host_runs_nothing_twice(host: Host) -> None:
    """Invariant 4: within its time, the journal is what stands against it."""
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"), events=[EVENT])
    assert step(host, EVENT, told).output == step(host, EVENT, told).output


def test_the_pattern_takes_what_is_signed(host: Host) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    assert re.fullmatch(INSTRUCTIONS_PATTERN, signed(told))
    for wrong in ("", "'", ".", "a.", "a.b'", "a.b.c", "a b.c", encoded(told).decode()):
        assert not re.fullmatch(INSTRUCTIONS_PATTERN, wrong)


@given(st.binary(max_size=300), st.integers(0, 2047))
def test_no_bit_of_a_signature_can_be_another(message: bytes, bit: int) -> None:
    numbers = key().public_key().public_numbers()
    signature = key().sign(message, PKCS1v15(), SHA256())
    assert is_signed(message, signature.hex().encode(), numbers.n, numbers.e)
    changed = int.from_bytes(signature, "big") ^ (1 << bit)
    assert not is_signed(message, f"{changed:0512x}".encode(), numbers.n, numbers.e)
    assert not is_signed(message + b"x", signature.hex().encode(), numbers.n, numbers.e)


@pytest.mark.parametrize("python", sorted(pythons()))
def test_every_python_verifies_alike(host: Host, python: str) -> None:
    """The bootstrap alone, by each interpreter from 3.7 on that is here."""
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"), events=[EVENT])
    bootstrap = str(Path(__file__).parents[2] / "host" / "bootstrap.py")
    command = [pythons()[python], "-I", "-S", bootstrap, START, *trust(told["runner"]["sha256"])]
    environment = {**os.environ, "STEPDEPLOY_ROOT": str(host.root), "AWS_SSM_INSTANCE_ID": HOST_ID}

    def run(instructions: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(command, input=instructions.encode(), env=environment, capture_output=True)

    forged = run(FORGERIES["by another key"](told))
    assert (forged.returncode, json.loads(forged.stdout)["cause"]) == (1, "DENIED")
    assert not host.root.exists()
    good = run(signed(told))
    assert (good.returncode, good.stdout) == (0, b""), good


def test_instructions_with_real_credentials_fit_into_a_parameter(host: Host) -> None:
    """SSM takes 64 KB of parameters; a session token in three presigned places is the most of it."""
    token = "t" * 1400
    logs = {
        "url": "https://bucket.s3.eu-central-1.amazonaws.com/",
        "fields": {"x-amz-security-token": token, "policy": "p" * 2600},
    }
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"), logs={**logs, "key_prefix": "p/"})
    told["runner"]["url"] += token
    told["bundle"]["url"] += token
    assert len(signed(told)) < 16 * 1024

"""Who may tell a host what to do: only the engine, for this host, now, and with the document's own runner."""

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import kms

from functions.core.errors import InvalidInput
from functions.core.rsa import public_key
from host import bootstrap
from host.bootstrap import CLOCK_SKEW_SECONDS, is_signed
from host.lifecycle import LifecycleEvent
from host.step import Trust, step_script
from tests.host.conftest import HOST_ID, Host, pythons, revision
from tests.host.test_events import hooked
from tests.host.test_step import step
from tests.signing import FakeKms, encoded, key, signature, signed

NUMBERS = key().public_key().public_numbers()
MESSAGE = encoded({"target_id": HOST_ID})
SIGNATURE = signature(MESSAGE)
LENGTH = len(SIGNATURE) // 2
HOOK = hooked("BeforeInstall", "exit 0")


def is_ours(payload: bytes, signature: bytes) -> bool:
    return is_signed(payload, signature, NUMBERS.n, NUMBERS.e)


def forged(encoded_message: bytes) -> bytes:
    """What the engine's key would make of an encoded message that no signer makes."""
    private = key().private_numbers()
    number = pow(int.from_bytes(encoded_message, "big"), private.d, NUMBERS.n)
    return b"%0*x" % (2 * LENGTH, number)


def padded(payload: bytes, *, filler: bytes = b"\xff", head: bytes = b"\0\1", tail: bytes = b"") -> bytes:
    info = bootstrap._SHA256_INFO + hashes_of(payload) + tail
    return head + filler * (LENGTH - 3 - len(info)) + b"\0" + info


def hashes_of(payload: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(payload)
    return digest.finalize()


def test_a_signature_of_the_engine_is_taken() -> None:
    assert is_ours(MESSAGE, SIGNATURE)
    assert is_ours(MESSAGE, forged(padded(MESSAGE))), "the forger below can do it right, too"


@given(st.data())
def test_no_bit_may_differ(data: st.DataObject) -> None:
    """Of the base64, the dot, or the signature: also bits that base64 or hexadecimal would read as the same."""
    sent = bytearray(MESSAGE + b"." + SIGNATURE)
    place = data.draw(st.integers(0, 8 * len(sent) - 1))
    sent[place // 8] ^= 1 << place % 8
    payload, _, made = bytes(sent).partition(b".")
    assert not is_ours(payload, made)


@given(st.binary(max_size=600))
def test_no_other_text_is_a_signature(text: bytes) -> None:
    assert not is_ours(MESSAGE, text)
    assert not is_ours(MESSAGE, text.hex().encode())


@pytest.mark.parametrize(
    "made",
    [
        b"",
        b"0" * 2 * LENGTH,
        b"1".zfill(2 * LENGTH),
        b"%0*x" % (2 * LENGTH, NUMBERS.n - 1),
        SIGNATURE[:-2],
        SIGNATURE[2:],
        SIGNATURE + b"00",
        b"00" + SIGNATURE,
        SIGNATURE.upper(),
        b"0x" + SIGNATURE[2:],
        b"%x" % (int(SIGNATURE, 16) + NUMBERS.n),
        signature(MESSAGE, key("somebody's")),
        signature(MESSAGE, key("a long one", 3072)),
        key().sign(MESSAGE, padding.PKCS1v15(), hashes.SHA1()).hex().encode(),
        key().sign(MESSAGE, padding.PKCS1v15(), hashes.SHA384()).hex().encode(),
        key().sign(MESSAGE, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()).hex().encode(),
        forged(padded(MESSAGE, filler=b"\0")),
        forged(padded(MESSAGE, head=b"\0\2")),
        forged(padded(MESSAGE, tail=b"\0")),
        forged((b"\0\1" + b"\xff" * 8 + b"\0" + bootstrap._SHA256_INFO + hashes_of(MESSAGE)).ljust(LENGTH, b"\xff")),
        forged((b"\0\1" + b"\xff" * 8 + b"\0" + hashes_of(MESSAGE)).rjust(LENGTH, b"\0")),
        forged(padded(MESSAGE).replace(b"\x05\0\x04\x20", b"\x04\x20").rjust(LENGTH, b"\xff")),
    ],
)
def test_what_is_almost_a_signature_is_none(made: bytes) -> None:
    assert not is_ours(MESSAGE, made)


@pytest.mark.parametrize("python", pythons().values(), ids=pythons().keys())
def test_every_python_here_verifies_alike(python: str, tmp_path: Path) -> None:
    flipped = b"%x" % (int(SIGNATURE[:1], 16) ^ 1) + SIGNATURE[1:]
    pairs = [(MESSAGE, SIGNATURE), (MESSAGE, flipped), (MESSAGE + b"=", SIGNATURE), (MESSAGE, SIGNATURE[2:])]
    program = "\n".join(
        [
            "import bootstrap",
            f"for payload, signature in {pairs!r}:",
            f"    print(bootstrap.is_signed(payload, signature, {NUMBERS.n}, {NUMBERS.e}))",
        ]
    )
    folder = Path(bootstrap.__file__).parent
    ran = subprocess.run([python, "-B", "-S", "-c", program], capture_output=True, text=True, cwd=folder)
    assert (ran.stdout.split(), ran.stderr) == (["True", "False", "False", "False"], "")


@pytest.mark.parametrize("python", pythons().values(), ids=pythons().keys())
def test_a_step_runs_by_every_python_here(
    host: Host, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of it: script, verification, fetching, the runner."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").symlink_to(python)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    assert step(host, "ApplicationStop", host.told("d-1", HOOK)).exit == 0
    refused = step(host, "ApplicationStop", signed(host.told("d-2", HOOK), key("somebody's")))
    assert (refused.exit, refused.cause) == (1, "DENIED")


def test_the_emulators_kms_signs_what_a_host_takes() -> None:
    def answer(operation: Callable[[dict[str, Any]], tuple[int, Any, bytes]], **request: Any) -> dict[str, Any]:
        status, _, body = operation(request)
        assert status == 200
        parsed: dict[str, Any] = json.loads(body)
        return parsed

    made = answer(kms._create_key, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    public = public_key(base64.b64decode(answer(kms._get_public_key, KeyId=made)["PublicKey"]))
    told = answer(
        kms._sign,
        KeyId=made,
        Message=base64.b64encode(hashes_of(MESSAGE)).decode(),
        MessageType="DIGEST",
        SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
    )
    hexadecimal = base64.b64decode(told["Signature"]).hex().encode()
    assert is_signed(MESSAGE, hexadecimal, int(public.modulus, 16), int(public.exponent))


def test_the_public_key_is_two_texts() -> None:
    der = FakeKms().get_public_key(KeyId="k")["PublicKey"]
    found = public_key(der)
    assert re.fullmatch("[0-9a-f]{512}", found.modulus) and int(found.modulus, 16) == NUMBERS.n
    assert found.exponent == "65537"
    for other in (b"", der[:-1], der + b"\0", b"\x31" + der[1:], der[:289] + b"\x02\x04" + der[291:]):
        with pytest.raises(InvalidInput, match="2,048 bits"):
            public_key(other)


def replayed(told: dict[str, Any], **changes: Any) -> str:
    """The engine's signature with other instructions than it was made for."""
    return (encoded({**told, **changes}) + b"." + signature(encoded(told))).decode()


EVIL = {"url": "https://elsewhere/runner.pyz", "sha256": "e" * 64}
HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], str], str]] = {
    "his own runner": (lambda told: replayed(told, runner={**told["runner"], "url": EVIL["url"]}), "not signed"),
    "his own bundle": (lambda told: replayed(told, bundle={**told["bundle"], "sha256": "e" * 64}), "not signed"),
    "another deployment": (lambda told: replayed(told, deployment={"deployment_id": "d-2"}), "not signed"),
    "a longer life": (lambda told: replayed(told, expires_at=told["expires_at"] + 10**6), "not signed"),
    "another host's id": (lambda told: replayed(told, target_id="i-2"), "not signed"),
    "his own key": (lambda told: signed(told, key("somebody's")), "not signed"),
    "half a signature": (lambda told: signed(told)[:-256], "not signed"),
    "a digit": (lambda told: encoded(told).decode() + ".0", "not signed"),
    "for another host": (lambda told: signed({**told, "target_id": "i-2"}), f"for i-2; this host is {HOST_ID}"),
    "of yesterday": (lambda told: signed({**told, "expires_at": int(time.time()) - 86400}), "expired at 20"),
    "for other events": (lambda told: signed({**told, "events": ["Install"]}), "for Install only"),
    "of another version": (lambda told: signed({**told, "runner": EVIL}), "name the runner eee"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_the_engine_did_not_send_here_and_now_is_refused_before_anything_is_done(host: Host, name: str) -> None:
    make, message = HOSTILE[name]
    told = host.told("d-1", HOOK)
    answer = step(host, "ApplicationStop", make(told))
    assert (answer.exit, answer.cause) == (1, "DENIED")
    assert message in answer.message
    assert not host.root.exists() and host.web.gets == []


def test_a_host_that_does_not_know_who_it_is_refuses(host: Host) -> None:
    answer = step(host, "ApplicationStop", host.told("d-1", HOOK), id=None)
    assert (answer.exit, answer.cause) == (1, "DENIED") and "update the SSM Agent" in answer.message
    assert not host.root.exists() and host.web.gets == []


def test_a_node_outside_ec2_has_an_id_too(host: Host) -> None:
    node = "mi-0123456789abcdef0"
    assert step(host, "ApplicationStop", host.told("d-1", HOOK, target_id=node), id=node).exit == 0


@pytest.mark.parametrize(("late", "exit"), [(-30, 0), (30, 1)])
def test_a_clock_may_be_a_quarter_of_an_hour_off(host: Host, late: int, exit: int) -> None:
    told = host.told("d-1", HOOK, expires_at=int(time.time()) - CLOCK_SKEW_SECONDS - late)
    assert step(host, "ApplicationStop", told).exit == exit


def test_the_same_instructions_again_run_nothing_twice(host: Host, tmp_path: Path) -> None:
    """Within their time, on their host, a copy is good: the journal answers as before."""
    said = tmp_path / "said"
    told = host.told("d-1", hooked("BeforeInstall", f"echo ran >>{said}"))
    for _ in range(2):
        for event in ("ApplicationStop", "DownloadBundle", "BeforeInstall"):
            assert step(host, event, signed(told)).exit == 0
    assert said.read_text() == "ran\n"


def test_a_document_names_its_own_runner(host: Host) -> None:
    """Of an older document a host takes the older runner only: another one is refused though it is signed."""
    told = host.told("d-1", revision({}), runner={"sha256": "0" * 64})
    assert "this document's is " + host.runner.stem in step(host, "ApplicationStop", told).message


def test_the_bootstrap_in_the_document_is_the_one_of_this_repository(host: Host) -> None:
    packed = next(line for line in step_script(LifecycleEvent.INSTALL, Trust("1", "1", "1")) if "exec(zlib" in line)
    program = f"import base64, zlib, sys\nsys.stdout.buffer.write({packed.removeprefix('exec(').removesuffix(')')})"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert ran.stdout == Path(bootstrap.__file__).read_bytes()

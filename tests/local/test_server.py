"""What the local cloud's process is to others: where it listens, and that requests count as secure."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.cloud import ROOT, LocalCloud
from tests.local.emulator import Account, refusal
from tests.local.sockets import listening


def reading_where_only_tls_may(account: Account) -> str:
    """The refusal of a request for an object of a bucket whose policy denies what comes without TLS; "" for none."""
    s3, bucket = account.client("s3"), account.name()
    s3.create_bucket(Bucket=bucket)
    account.at_end(s3.delete_bucket, Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="key", Body=b"")
    account.at_end(s3.delete_object, Bucket=bucket, Key="key")
    objects = f"arn:aws:s3:::{bucket}/*"
    plain = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": objects}
    statement = {**plain, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    account.at_end(s3.delete_bucket_policy, Bucket=bucket)
    user = account.caller("s3", may="s3:GetObject", on=objects)
    return refusal(user.get_object, Bucket=bucket, Key="key")


def test_a_request_counts_as_secure(cloud: Account) -> None:
    assert reading_where_only_tls_may(cloud) == ""


def test_the_cloud_listens_at_one_port_of_the_loopback_address(our_cloud: LocalCloud, cloud: Account) -> None:
    function = cloud.function()
    cloud.client("lambda").invoke(FunctionName=function.name)
    assert our_cloud._process
    assert listening(our_cloud._process.pid) == {f"tcp 127.0.0.1:{our_cloud.port}"}


BINDS = """
import socket, sys
from local.loopback import keep_to_loopback
keep_to_loopback()
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET) as it:
    try:
        it.bind((sys.argv[1], 0))
    except PermissionError as error:
        print(error)
"""


@pytest.mark.parametrize(("address", "shown"), [("0.0.0.0", "0.0.0.0"), ("", "*"), ("::", "::")])
def test_whatever_the_emulator_starts_listens_nowhere_else(address: str, shown: str) -> None:
    ran = subprocess.run([sys.executable, "-c", BINDS, address], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout == f"{shown}: the local cloud listens on the loopback address only\n", ran.stderr


def test_the_loopback_address_is_free_to_it() -> None:
    ran = subprocess.run([sys.executable, "-c", BINDS, "127.0.0.1"], cwd=ROOT, capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("", "")


def listeners() -> list[socket.socket]:
    """One of each kind that there is on this machine."""
    made = [socket.socket(), socket.socket(type=socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX)]
    made[0].bind(("0.0.0.0", 0))
    made[1].bind(("127.0.0.1", 0))
    made[2].bind(f"\0stepdeploy-{os.getpid()}")
    if socket.has_ipv6 and Path("/proc/net/tcp6").exists():
        made.append(socket.socket(socket.AF_INET6))
        made[3].bind(("::1", 0))
    for each in made:
        if each.type != socket.SOCK_DGRAM:
            each.listen()
    return made


def test_a_socket_of_any_kind_is_found() -> None:
    before = listening(os.getpid())
    made = listeners()
    found = listening(os.getpid()) - before
    names = {f"tcp 0.0.0.0:{made[0].getsockname()[1]}", f"udp 127.0.0.1:{made[1].getsockname()[1]}"}
    names |= {f"unix @stepdeploy-{os.getpid()}"}
    names |= {f"tcp6 [::1]:{each.getsockname()[1]}" for each in made[3:]}
    for each in made:
        each.close()
    assert found == names


def test_the_emulator_still_takes_loopback_for_insecure(bare: Account) -> None:
    assert reading_where_only_tls_may(bare) == "AccessDenied"

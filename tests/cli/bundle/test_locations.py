"""`stepdeploy local` with bundles that lie in S3 (moto's) or behind https (a server of the test's own)."""

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from moto.core.authorization import enable_iam_authentication

from cli.__main__ import main
from tests.host.conftest import revision

SPEC = """version: 0.0
os: linux
files: [{source: app, destination: /srv}]
hooks: {AfterInstall: [{location: note.sh}]}
"""


class Place:
    """A deployment root, and a folder to deploy below."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capture = capture

    def local(self, location: str, *options: str, type: str = "zip") -> int:
        place = ("--deployment-root", str(self.folder / "root"), "--prefix", str(self.folder / "place"))
        return main(["local", "--bundle-location", location, "--type", type, *place, *options])

    def erred(self) -> str:
        return self.capture.readouterr().err

    def installed(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in (self.folder / "place" / "srv").glob("*")}

    def noted(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (self.folder / "noted").read_text().splitlines())

    def bundle(self, text: str = "1", *, type: str = "zip", top: str = "") -> bytes:
        note = f"#!/bin/sh\nenv | grep ^BUNDLE_ > {self.folder}/noted\n"
        return revision({f"{top}appspec.yml": SPEC, f"{top}app/a": text, f"{top}note.sh": note}, type=type)


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    return Place(tmp_path, capsys)


# -- S3


def test_an_object_in_s3_is_deployed(place: Place, bucket: str) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key="shop/1 +%.zip", Body=place.bundle())
    assert place.local(f"s3://{bucket}/shop/1 +%.zip") == 0
    assert place.installed() == {"a": "1"}
    assert place.noted() == {"BUNDLE_BUCKET": bucket, "BUNDLE_KEY": "shop/1 +%.zip"}


@pytest.mark.parametrize("quotes", ["", '"'])
def test_the_version_that_was_asked_for_is_deployed_and_told_to_the_scripts(
    place: Place, bucket: str, quotes: str
) -> None:
    first, _ = (
        boto3.client("s3").put_object(Bucket=bucket, Key="b.tgz", Body=place.bundle(text, type="tgz")) for text in "12"
    )
    version, etag = first["VersionId"], first["ETag"].strip('"')
    assert place.local(f"s3://{bucket}/b.tgz?versionId={version}&etag={quotes}{etag}{quotes}", type="tgz") == 0
    assert place.installed() == {"a": "1"}
    noted = place.noted()
    assert noted["BUNDLE_VERSION"] == version and noted["BUNDLE_ETAG"].strip('"') == etag


def test_another_etag_than_was_asked_for_is_not_deployed(place: Place, bucket: str) -> None:
    put = boto3.client("s3").put_object(Bucket=bucket, Key="b.zip", Body=place.bundle())
    assert place.local(f"s3://{bucket}/b.zip?etag=0") == 1
    actual = put["ETag"].strip('"')
    assert f"Expected deployment artifact bundle etag 0 but was actually {actual}" in place.erred()
    assert not (place.folder / "place").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("revisions/nowhere", "revisions/nowhere: S3 answers NoSuchKey (The specified key does not exist): check the"),
        ("nowhere/b.zip", "S3 answers NoSuchBucket (The specified bucket does not exist): check the bucket"),
        ("revisions/b.zip?versionId=none", "check the bucket, the key and the versionId"),
    ],
)
def test_what_is_not_in_s3_is_told_with_a_remedy(place: Place, bucket: str, name: str, words: str) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key="b.zip", Body=place.bundle())
    assert place.local(f"s3://{name}", "--json") == 1
    out, err = place.capture.readouterr()
    found = json.loads(out)
    assert found["status"] == "Failed" and found["lifecycleEvents"][-1]["event"] == "DownloadBundle"
    message = found["lifecycleEvents"][-1]["message"]
    assert words in message and words in err and f"s3://{name}: " in message


def test_without_aws_credentials_the_remedy_says_how_to_give_some(
    place: Place, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(place.folder / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert place.local(f"s3://{bucket}/b.zip") == 1
    assert "there are no AWS credentials: set AWS_PROFILE" in place.erred()
    assert NoCredentialsError.__name__ not in place.erred()


def test_an_object_that_may_not_be_read_is_told_with_the_actions_that_are_needed(
    place: Place, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = boto3.client("iam")
    iam.create_user(UserName="stranger")
    key = iam.create_access_key(UserName="stranger")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with enable_iam_authentication():
        assert place.local(f"s3://{bucket}/b.zip") == 1
    erred = place.erred()
    assert "S3 answers AccessDenied (Access Denied): these AWS credentials need s3:GetObject" in erred


@pytest.mark.parametrize(("name", "value"), [("AWS_PROFILE", "none"), ("AWS_DEFAULT_REGION", "not a region!")])
def test_settings_of_aws_that_cannot_be_used_are_told(
    place: Place, bucket: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert place.local(f"s3://{bucket}/b.zip") == 1
    erred = place.erred()
    assert value in erred and "check the network, AWS_REGION" in erred


def test_a_dry_run_fetches_and_leaves_nothing(place: Place, bucket: str) -> None:
    boto3.client("s3").put_object(Bucket=bucket, Key="b.zip", Body=place.bundle())
    assert place.local(f"s3://{bucket}/b.zip", "--dry-run", "--json") == 0
    steps = [(step["event"], step["does"], step["what"]) for step in json.loads(place.capture.readouterr().out)]
    assert steps[0] == ("DownloadBundle", "unpack", f"s3://{bucket}/b.zip")
    assert ("Install", "copy", f"{place.folder}/place/srv/a") in steps
    assert list(place.folder.iterdir()) == []
    assert place.local(f"s3://{bucket}/none", "--dry-run") == 1
    assert "NoSuchKey" in place.erred()


@pytest.mark.parametrize(
    ("location", "type", "words"),
    [
        ("s3://bucket/key", "directory", "is an archive, give --type tgz, tar or zip"),
        ("https://example.com/key", "directory", "is an archive, give --type tgz, tar or zip"),
        ("http://example.com/key.zip", "zip", "give an https:// URL"),
        ("ftp://example.com/key.zip", "zip", "give a folder or an archive of this machine, s3://BUCKET/KEY"),
        ("https:///key.zip", "zip", "names no host"),
        ("https://[key.zip", "zip", "names no host"),
        ("s3://bucket", "zip", "give s3://BUCKET/KEY"),
        ("s3:///key", "zip", "give s3://BUCKET/KEY"),
        ("s3://bucket/key?version=1", "zip", "?versionId=VERSION&etag=ETAG at most"),
        ("s3://bucket/key?etag=", "zip", "?versionId=VERSION&etag=ETAG at most"),
    ],
)
def test_a_location_that_cannot_be_is_told_before_anything_runs(
    place: Place, location: str, type: str, words: str
) -> None:
    assert place.local(location, type=type) == 2
    erred = place.erred()
    assert f"--bundle-location {location}: " in erred and words in erred
    assert list(place.folder.iterdir()) == []


def test_boto3_is_imported_only_for_s3() -> None:
    code = "import sys, cli.__main__; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# -- https


class Site:
    """A web server with a certificate of its own; answers are (status, headers, body), by path."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(f"{self.path} {self.headers['User-Agent']}")
                status, headers, body = site.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    making = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run([*making, "-days", "2", *subject, *files], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def site(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    site = Site(*certificate)
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield site
    site.server.shutdown()
    site.server.server_close()
    thread.join()


def test_a_tarball_is_deployed_from_where_github_says_it_lies(place: Place, site: Site) -> None:
    site.answers["/shop/web/tarball/main"] = (302, {"Location": f"{site.url}/codeload/main"}, b"")
    site.answers["/codeload/main"] = (200, {}, place.bundle(type="tgz", top="shop-web-5fa7f0d/"))
    location = f"{site.url}/shop/web/tarball/main"
    assert place.local(location, type="tgz") == 0
    assert place.installed() == {"a": "1"}
    assert site.asked == ["/shop/web/tarball/main stepdeploy", "/codeload/main stepdeploy"]
    assert place.noted()["BUNDLE_KEY"] == location


@pytest.mark.parametrize("target", ["http://localhost:1/x", "ftp://localhost/x"])
def test_a_redirect_away_from_https_is_not_followed(place: Place, site: Site, target: str) -> None:
    site.answers["/b.zip"] = (302, {"Location": target}, b"")
    assert place.local(f"{site.url}/b.zip") == 1
    assert f"leads to {target}, which is not https" in place.erred() and not (place.folder / "place").exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, {}, b"none"), "the server answers 404 Not Found: check the address"),
        ((503, {}, b""), "the server answers 503 Service Unavailable: try again later"),
        ((200, {"Content-Length": "99"}, b"short"), "the last 94 bytes are missing: try again"),
        ((200, {}, b"no archive"), "the revision is not a zip archive"),
        ((200, {"Transfer-Encoding": "chunked"}, b"zz\r\n"), "cannot be fetched"),
        ((302, {"Location": "/b.zip"}, b""), "302"),
    ],
)
def test_an_answer_that_is_no_bundle_is_told(
    place: Place, site: Site, answer: tuple[int, dict[str, str], bytes], words: str
) -> None:
    site.answers["/b.zip"] = answer
    assert place.local(f"{site.url}/b.zip") == 1
    erred = place.erred()
    assert words in erred and "Traceback" not in erred and not (place.folder / "place").exists()


def test_a_server_whose_certificate_is_not_trusted_is_told_with_the_remedy(
    place: Place, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert place.local(f"{site.url}/b.zip") == 1
    erred = place.erred()
    assert "certificate verify failed" in erred and "SSL_CERT_FILE" in erred and site.asked == []


def test_a_server_that_is_not_there_is_told(place: Place, site: Site) -> None:
    gone = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    gone.server_close()
    assert place.local(f"https://localhost:{gone.server_address[1]}/b.zip") == 1
    assert "cannot be fetched: [Errno 111] Connection refused: check the address and the network" in place.erred()


def test_a_name_that_a_terminal_cannot_show_is_shown_all_the_same(place: Place, site: Site) -> None:
    body = revision({"appspec.yml": SPEC.replace("hooks", "x"), os.fsdecode(b"app/\xff"): "1"}, type="tar")
    site.answers["/b.tar"] = (200, {}, body)
    assert place.local(f"{site.url}/b.tar", "--dry-run", type="tar") == 0
    assert "srv/\\udcff" in place.capture.readouterr().out

"""Whatever an AppSpec and an archive hold: no crash, no write outside, and the next deployment succeeds."""

import gzip
import io
import json
import re
import stat
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cli.bundle.findings import Severity, findings
from host.appspec import FileExistsBehavior
from host.grammar import parse
from host.instructions import Bundle, Instructions
from host.lifecycle import LifecycleEvent
from host.posix.layout import Layout
from host.posix.revision import take
from host.posix.run import run_event
from host.posix.unpack import unpack
from host.posix.watchdog import Watchdog
from host.report import Report
from tests.host.random.appspecs import PATHS, appspecs
from tests.host.random.words import IS_ROOT, PATIENT
from tests.soak import examples

# -- archives

SANDBOX = "@"  # stands for the test's own folder in absolute names


@dataclass(frozen=True)
class Item:
    """One entry of an archive: a file's content, a link's target."""

    name: str
    kind: str
    body: str = ""
    mode: int = 0o644


USUAL = ["a", "b", "d", "l", "a b", " end ", "new\nline", "ünï", "back\\slash", "-dash", "n" * 255]
USUAL_PATHS = st.lists(st.sampled_from(USUAL), min_size=1, max_size=2).map(lambda parts: "/".join(["app", *parts]))
ENTRY_PATHS = st.one_of(
    PATHS,
    USUAL_PATHS,
    st.sampled_from(
        [
            "../canary", "/canary", f"{SANDBOX}/canary", "app/../../canary", "bad\udcff", "d/" * 60 + "x",
            "d/" * 129 + "x", "./app", "app//a", "app/.", "..", "l/..", "a\0b", "ends/", "\\\\host\\share",
            "C:\\x", "..\\..\\canary",
        ]
    ),
)  # fmt: skip
TARGETS = st.one_of(
    ENTRY_PATHS,
    st.sampled_from(["..", "../..", "../../..", ".", "a", "b", "app", "l", "nowhere", "../../../../canary", "./l/.."])
    | st.sampled_from([f"{SANDBOX}/canary", f"{SANDBOX}/beside", "/etc/passwd", "l/l/l", "x" * 5000, "../canary", ""]),
)
MODES = st.sampled_from([0o644, 0o755, 0o640, 0o4755, 0o6777, 0o1777] + [0, 0o200] * IS_ROOT)
KINDS = ["file"] * 6 + ["directory"] * 3 + ["symlink"] * 4 + ["hardlink"]
BODIES = st.sampled_from(["", "x", "canary's end", "#!/bin/sh\n", "x" * 3000])


@st.composite
def items(draw: st.DrawFn, odd: bool) -> list[Item]:
    kinds = draw(st.lists(st.sampled_from(KINDS + ["device", "pipe"] * odd), max_size=8))
    names = draw(
        st.lists(ENTRY_PATHS if odd else USUAL_PATHS, min_size=len(kinds), max_size=len(kinds), unique=not odd)
    )
    targets = (
        TARGETS if odd else st.sampled_from(["a", "b", "l", "nowhere", "d/l", ".", "../app", "../canary", "../d/b"])
    )
    bodies = {"symlink": targets, "hardlink": st.sampled_from(names) if names else BODIES}
    return [
        Item(name, kind, draw(bodies.get(kind, BODIES)), draw(MODES)) for name, kind in zip(names, kinds, strict=True)
    ]


def packed(entries: list[Item], type: str) -> bytes:
    body = io.BytesIO()
    if type == "zip":
        kinds = {"directory": stat.S_IFDIR, "symlink": stat.S_IFLNK, "device": stat.S_IFCHR, "pipe": stat.S_IFIFO}
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as zipped:
            for entry in entries:
                info = zipfile.ZipInfo("x", (2026, 1, 2, 3, 4, 6))
                info.filename = entry.name.encode("utf-8", "replace").decode()
                info.filename += "/" if entry.kind == "directory" and entry.mode & 0o100 else ""
                info.external_attr = (kinds.get(entry.kind, stat.S_IFREG) | entry.mode) << 16
                info.create_system = 0 if entry.mode == 0o640 else 3
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # names that come twice
                    zipped.writestr(info, entry.body.encode("utf-8", "replace"), zipfile.ZIP_DEFLATED)
        return body.getvalue()
    types = {"directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE}
    types.update(device=tarfile.CHRTYPE, pipe=tarfile.FIFOTYPE)
    with tarfile.open(fileobj=body, mode="w", format=tarfile.GNU_FORMAT) as tarred:
        for entry in entries:
            header = tarfile.TarInfo(entry.name)
            header.type, header.mode = types.get(entry.kind, tarfile.REGTYPE), entry.mode
            content = b"" if entry.kind in types else entry.body.encode()
            header.linkname = entry.body if entry.kind in ("symlink", "hardlink") else ""
            header.size = len(content)
            tarred.addfile(header, io.BytesIO(content))
    return gzip.compress(body.getvalue(), 1) if type == "tgz" else body.getvalue()


@dataclass(frozen=True)
class Case:
    """A revision that somebody may upload, and how it is deployed."""

    appspec: str
    entries: list[Item]
    top: str
    type: str
    behavior: FileExistsBehavior
    damage: list[tuple[int, int]]
    cut: int

    def archive(self, sandbox: Path) -> bytes:
        entries = [Item("appspec.yml", "file", self.appspec), *self.entries] if self.appspec else self.entries
        placed = [
            Item(
                entry.name.replace(SANDBOX, str(sandbox)) if SANDBOX in entry.name else self.top + entry.name,
                entry.kind, entry.body.replace(SANDBOX, str(sandbox)), entry.mode,
            )
            for entry in entries
        ]  # fmt: skip
        body = bytearray(packed(placed, self.type))
        for at, byte in self.damage:
            body[at % len(body)] = byte
        return bytes(body[: len(body) - self.cut])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    odd = draw(st.integers(0, 2)) == 0
    entries = draw(items(odd))
    names = [entry.name for entry in entries if "\udcff" not in entry.name] or ["app"]
    sources = st.sampled_from([*names, "/", "app"])
    below = st.sampled_from(names).map(lambda name: "/srv/" + name)
    places = below | st.sampled_from(["/srv/app", "/srv", "/", "/new/a", "/../../canary", "/srv/app/sub/b/c"])
    if odd:
        sources, places = sources | PATHS | st.sampled_from(["..", "l", "nowhere"]), places | PATHS
    text = draw(appspecs(sources, places, odd=odd))
    damaged = odd and draw(st.integers(0, 2)) == 0
    return Case(
        appspec=draw(st.sampled_from([text] * 6 + [""] * odd)),
        entries=entries,
        top=draw(st.sampled_from(["", "", "", "top/", "./"])),
        type=draw(st.sampled_from(["zip", "tar", "tgz"])),
        behavior=draw(st.sampled_from(FileExistsBehavior)),
        damage=draw(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3)) if damaged else [],
        cut=draw(st.integers(0, 600)) if damaged else 0,
    )


class Machine:
    """A folder to deploy below, in the midst of files that nothing may touch."""

    def __init__(self, sandbox: Path) -> None:
        self.sandbox = sandbox
        self.prefix = sandbox / "home" / "place"
        self.root = sandbox / "home" / "root"
        self.deployed = 0
        for folder in (sandbox, sandbox / "home", sandbox / "beside", sandbox / "beside" / "srv"):
            folder.mkdir(exist_ok=True)
            for name in ("canary", "a", "appspec.yml", "a.sh"):
                (folder / name).write_text("kept")
                (folder / name).chmod(0o640)
        self.prefix.mkdir()
        self.root.mkdir()

    def deploy(self, archive: bytes, type: str, behavior: FileExistsBehavior) -> Report:
        """DownloadBundle and Install, as `stepdeploy local` runs them; the last report."""
        self.deployed += 1
        layout = Layout("group", f"d-{self.deployed}", str(self.root))
        told = Instructions(
            deployment_id=f"d-{self.deployed}", deployment_group_id="group", deployment_group_name="g",
            application_name="a", bundle=Bundle("", "", 0, type, "", "", None, None), appspec_filename="appspec.yml",
            file_exists_behavior=behavior, ignore_application_stop_failures=False, logs=None,
        )  # fmt: skip

        def fetch_bundle(told: Instructions, layout: Layout, deadline: float) -> None:
            layout.forget_old_revisions()
            take(told, layout, lambda folder: unpack(io.BytesIO(archive), type, folder))

        for step in (LifecycleEvent.DOWNLOAD_BUNDLE, LifecycleEvent.INSTALL):
            with Watchdog() as watchdog:
                report = run_event(step, told, layout, watchdog, fetch_bundle=fetch_bundle, prefix=str(self.prefix))
            report.line()
            if report.status == "Failed":
                break
        log = Path(layout.script_log).read_text()
        assert report.cause != "ENGINE" and not re.match(r"[A-Za-z.]*(Error|Exception|Warning)\b", report.message), log
        assert "Traceback" not in log, log
        return report

    def check_made(self) -> None:
        """What the last Install says it made is there as the revision has it, and below the prefix."""
        layout = Layout("group", f"d-{self.deployed}", str(self.root))
        for made in json.loads(Path(layout.install).read_text())["instructions"]:
            path, source = Path(made["destination"]), Path(layout.archive, made["source"])
            assert ".." not in path.parts and self.prefix in (path, *path.parents)
            if made["kind"] == "symlink":
                assert path.readlink() == source.readlink()
            elif made["kind"] == "file":
                assert not path.is_symlink() and path.read_bytes() == source.read_bytes()
            else:
                assert path.is_dir()

    def outside(self) -> dict[str, object]:
        """All that lies beside what deployments may change."""
        own = (self.prefix, self.root)
        return seen(self.sandbox, lambda path: path not in own)

    def installed(self) -> dict[str, object]:
        return seen(self.prefix)


def seen(folder: Path, wanted: Callable[[Path], bool] = lambda path: True) -> dict[str, object]:
    """Everything in a folder: kind, mode, owner, content, and of files the time."""
    found: dict[str, object] = {}
    waiting = [folder]
    while waiting:
        for path in filter(wanted, waiting.pop().iterdir()):
            status = path.lstat()
            what: tuple[Any, ...] = (oct(status.st_mode), status.st_uid, status.st_gid)
            if path.is_symlink():
                what += (str(path.readlink()),)
            elif path.is_dir():
                waiting.append(path)
            else:
                what += (status.st_mtime_ns, path.read_bytes() if path.is_file() else None)
            found[str(path.relative_to(folder))] = what
    return found


def good(name: str) -> bytes:
    appspec = "version: 0.0\nos: linux\nfiles: [{source: app, destination: /srv/app}]\n"
    files = {"appspec.yml": appspec, f"app/{name}": name, "app/sub/both": name}
    return packed([Item(path, "file", text) for path, text in files.items()], "tar")


@pytest.fixture(scope="module", autouse=True)
def no_tools() -> Iterator[None]:
    """No setfacl and no semanage: the one fails as it likes, the other would change this very machine."""
    with tempfile.TemporaryDirectory() as empty, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", empty)
        yield


def check(case: Case, sandbox: Path) -> Report:
    """Deploy the case between two good revisions; its own report."""
    machine = Machine(sandbox)
    before = machine.outside()
    assert machine.deploy(good("first"), "tar", FileExistsBehavior.DISALLOW).status == "Succeeded"
    first = machine.installed()
    archive = case.archive(sandbox)
    report = machine.deploy(archive, case.type, case.behavior)
    assert machine.outside() == before
    if report.status == "Failed":
        assert machine.installed() == first, f"the release before is gone: {report.message}"
    bundle = sandbox / "home" / "root" / f"bundle.{case.type}"
    bundle.write_bytes(archive)
    errors = [found.message for found in findings(bundle) if found.severity is Severity.ERROR]
    if report.status == "Succeeded":
        machine.check_made()
        assert not [error for error in errors if not error.startswith("hooks.")]
    elif not errors:
        assert "the host has no" in report.message
    assert machine.deploy(good("next"), "tar", FileExistsBehavior.DISALLOW).status == "Succeeded"
    assert set(machine.installed()) == {"srv", "srv/app", "srv/app/next", "srv/app/sub", "srv/app/sub/both"}
    assert machine.outside() == before
    return report


@settings(PATIENT, max_examples=examples(24, 1000))
@given(cases())
def test_whatever_is_deployed_nothing_crashes_nothing_outside_changes_and_the_next_succeeds(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = check(case, Path(folder).resolve())
        event(f"{report.event} {report.status} {report.cause}")


def saying(appspec: str, *entries: Item) -> Case:
    text = f"version: 0.0\nos: linux\n{appspec}\n"
    return Case(text, list(entries), "", "tar", FileExistsBehavior.DISALLOW, [], 0)


@pytest.mark.parametrize(
    "case",
    [
        saying(f"files: [{{source: app, destination: /{'n' * 256}}}]", Item("app/a", "file")),
        saying(f"files: [{{source: app, destination: {'/nnnnnnnnn' * 410}}}]", Item("app/a", "file")),
        saying("files: [{source: app, destination: /srv}]", Item("app/.stepdeploy-partial-0/x", "file")),
        saying("files: [{source: app, destination: /srv}]", Item("app/.stepdeploy-partial", "file")),
        saying("files: [{source: app, destination: /srv/.stepdeploy-partial-0/x}]", Item("app/a", "file")),
    ],
    ids=["a long name", "a long path", "a folder named as Install's own", "a file so", "a destination so"],
)
def test_a_name_that_install_cannot_make_is_told_before_anything_is_removed(tmp_path: Path, case: Case) -> None:
    assert check(case, tmp_path).cause in ("APPSPEC", "CONFLICT")


def test_destinations_below_a_prefix_have_one_spelling() -> None:
    spec = parse("version: 0.0\nos: linux\nfiles: [{source: a, destination: /}, {source: a, destination: /b}]")
    for prefix, expected in (("/p", ["/p", "/p/b"]), ("/", ["/", "/b"]), ("", ["/", "/b"])):
        assert [entry.destination for entry in spec.below(prefix).files] == expected


def test_a_script_beside_the_revision_is_an_error_and_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "canary").write_text("#!/bin/sh\n")
    (tmp_path / "canary").chmod(0o200)
    hooks = "hooks: {AfterInstall: [{location: l/../canary}]}"
    (tmp_path / "b.tar").write_bytes(saying(hooks, Item("l", "symlink", ".")).archive(tmp_path))
    assert [found.message for found in findings(tmp_path / "b.tar")] == [
        "hooks.AfterInstall[0].location: 'l/../canary' leads out of the revision"
    ]
    assert stat.S_IMODE((tmp_path / "canary").stat().st_mode) == 0o200


@pytest.mark.parametrize("decoy", ["!!null files: [x]", "!!null files: {1: x}", "!!null hooks: [x]"])
def test_a_key_that_only_looks_like_one_confuses_no_message(tmp_path: Path, decoy: str) -> None:
    files = "files: [{source: a, destination: /b}, {source: none, destination: /c}]"
    hooks = "hooks: {AfterInstall: [{location: none}]}"
    (tmp_path / "b.tar").write_bytes(saying(f"{files}\n{hooks}\n{decoy}", Item("a", "file")).archive(tmp_path))
    errors = [found.message for found in findings(tmp_path / "b.tar") if found.severity is Severity.ERROR]
    assert sorted(error.partition(":")[0] for error in errors) == ["files[1].source", "hooks.AfterInstall[0].location"]

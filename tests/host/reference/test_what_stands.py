"""What Install does with what stands at a path already: the table of docs/appspec.md, tried case by case.

The agent's part was measured: its own installer.rb (1.8.1) under Ruby 3.1, with the same revisions and the same things
in their way, and once more afterwards.
"""

import os
import stat
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.host.conftest import Host, appspec, revision
from tests.host.trouble.conftest import install

BEHAVIORS = ("DISALLOW", "OVERWRITE", "RETAIN")
FILE, LINK, FOLDER = "file", "link to a file or to nothing", "folder, or link to one"
INSTALLED, FAILS, STAYS = "installed", "fails", "stays"
BY_LINK = "installed (agent: by way of the link)"
INTO_FOLDER = "fails (agent: into the folder)"
WAITS = "installed (agent: waits for ever)"
LATE = "installed (agent: fails half-way)"
HALF_WAY = "fails (agent: half-way)"


class Row(NamedTuple):
    """What the revision has, what is in its place without any deployment of the group, and what comes of that by
    behavior: here, and with the agent where that differs."""

    source: str
    standing: tuple[str, ...]
    outcomes: tuple[str, str, str]

    @property
    def line(self) -> str:
        return f"| {self.source} | {', '.join(self.standing)} | {' | '.join(self.outcomes)} |"


TABLE = (
    Row(FILE, ("nothing",), (INSTALLED, INSTALLED, INSTALLED)),
    Row(FILE, ("file",), (FAILS, INSTALLED, STAYS)),
    Row(FILE, ("link to a file",), (FAILS, BY_LINK, STAYS)),
    Row(FILE, ("link to nothing",), (BY_LINK, BY_LINK, BY_LINK)),
    Row(FILE, ("link to nothing in no folder",), (LATE, LATE, LATE)),
    Row(FILE, ("folder", "link to a folder"), (FAILS, INTO_FOLDER, STAYS)),
    Row(FILE, ("pipe",), (FAILS, WAITS, STAYS)),
    Row(LINK, ("nothing",), (INSTALLED, INSTALLED, INSTALLED)),
    Row(LINK, ("file", "link to a file", "pipe"), (FAILS, LATE, STAYS)),
    Row(LINK, ("link to nothing", "link to nothing in no folder"), (LATE, LATE, LATE)),
    Row(LINK, ("folder", "link to a folder"), (FAILS, INTO_FOLDER, STAYS)),
    Row(FOLDER, ("nothing", "folder", "link to a folder"), (INSTALLED, INSTALLED, INSTALLED)),
    Row(
        FOLDER,
        ("file", "link to a file", "link to nothing", "link to nothing in no folder", "pipe"),
        (HALF_WAY, HALF_WAY, HALF_WAY),
    ),
)
# Revisions of which "x" is such a source.
SOURCES: dict[str, dict[str, dict[str, str]]] = {
    FILE: {"file": {"x": "new"}},
    LINK: {"link": {"x": "-> y", "y": "new"}, "dangling link": {"x": "-> none"}},
    FOLDER: {"folder": {"x/y": "new"}, "link to a folder": {"x": "-> z", "z/y": "new"}},
}


class Case(NamedTuple):
    source: str
    files: dict[str, str]
    kind: str
    behavior: str
    outcome: str

    @property
    def stays(self) -> bool:
        return self.source == FOLDER or self.outcome == STAYS


CASES = {
    f"{source} for {kind} by {behavior}": Case(row.source, files, kind, behavior, outcome)
    for row in TABLE
    for source, files in SOURCES[row.source].items()
    for kind in row.standing
    for behavior, outcome in zip(BEHAVIORS, row.outcomes, strict=True)
}
CONFLICTS = {name: case for name, case in CASES.items() if case.outcome.startswith(FAILS)}


def stand(kind: str, place: Path, elsewhere: Path) -> None:
    (elsewhere / "folder").mkdir(parents=True)
    (elsewhere / "file").write_text("old")
    place.parent.mkdir(parents=True, exist_ok=True)
    links = {"link to a file": "file", "link to a folder": "folder", "link to nothing": "none"}
    links["link to nothing in no folder"] = "no/ne"
    if kind in links:
        place.symlink_to(elsewhere / links[kind])
    elif kind == "file":
        place.write_text("old")
    elif kind == "folder":
        place.mkdir()
        (place / "mine").write_text("mine")
    elif kind == "pipe":
        os.mkfifo(place)


def found(top: Path) -> dict[str, str]:
    """Everything below: what it holds, or leads to, or is."""
    return {path.relative_to(top).as_posix(): what(path) for path in top.rglob("*")}


def what(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"-> {path.readlink()}"
    return path.read_text() if stat.S_ISREG(mode) else oct(stat.S_IFMT(mode))


def release(place: Path, files: dict[str, str]) -> bytes:
    return revision({"appspec.yml": appspec({"app": place}), **{f"app/{name}": text for name, text in files.items()}})


@pytest.mark.parametrize("case", CONFLICTS.values(), ids=CONFLICTS.keys())
def test_what_is_a_conflict_changes_nothing(host: Host, tmp_path: Path, case: Case) -> None:
    srv, elsewhere = tmp_path / "srv", tmp_path / "elsewhere"
    stand(case.kind, srv / "x", elsewhere)
    theirs, theirs_elsewhere = found(srv), found(elsewhere)
    step = install(host, "d-1", release(srv, case.files), file_exists_behavior=case.behavior)
    assert (step.exit, step.cause) == (1, "CONFLICT") and str(srv / "x") in step.message
    assert (found(srv), found(elsewhere)) == (theirs, theirs_elsewhere)


@pytest.mark.parametrize("behavior", BEHAVIORS)
def test_what_is_installed_and_what_stays(host: Host, tmp_path: Path, behavior: str) -> None:
    """All in one deployment, and nothing in the next."""
    cases = {name: case for name, case in CASES.items() if case.behavior == behavior and name not in CONFLICTS}
    srv, elsewhere = tmp_path / "srv", tmp_path / "elsewhere"
    for name, case in cases.items():
        stand(case.kind, srv / name / "x", elsewhere / name)
    theirs, theirs_elsewhere = {name: found(srv / name) for name in cases}, found(elsewhere)
    files = {f"{name}/{path}": text for name, case in cases.items() for path, text in case.files.items()}
    assert install(host, "d-1", release(srv, files), file_exists_behavior=behavior).exit == 0
    for name, case in cases.items():
        place = srv / name
        assert theirs[name].items() <= found(place).items() if case.stays else what(place / "x") == case.files["x"], (
            name
        )
        assert case.source != FOLDER or (place / "x" / "y").read_text() == "new", name
    assert install(host, "d-2", revision({"appspec.yml": appspec()})).exit == 0
    assert {name: found(srv / name) for name in cases} == {n: theirs[n] if c.stays else {} for n, c in cases.items()}
    assert found(elsewhere) == theirs_elsewhere, "what a link leads to is somebody else's"


def test_the_page_has_the_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "appspec.md").read_text()
    lines = [row.line for row in TABLE]
    assert "\n".join(lines) in page, "\n".join(["", *lines])


# Beside the table: each is a line of that page, too.


def test_a_file_that_is_overwritten_keeps_its_other_names_and_readers(host: Host, tmp_path: Path) -> None:
    """The agent writes into it: another name has the new content, and a program that runs cannot be overwritten."""
    srv, other = tmp_path / "srv", tmp_path / "other"
    srv.mkdir()
    (srv / "x").write_text("old")
    os.link(srv / "x", other)
    assert install(host, "d-1", release(srv, {"x": "new"}), file_exists_behavior="OVERWRITE").exit == 0
    assert ((srv / "x").read_text(), other.read_text()) == ("new", "old")


@pytest.mark.parametrize("kind", ["file", "link to a folder", "link to nothing", "pipe"])
def test_what_has_come_in_an_installed_folder_s_place_stays(host: Host, tmp_path: Path, kind: str) -> None:
    """The agent removes it."""
    srv = tmp_path / "srv"
    assert install(host, "d-1", release(srv, {"x/y": "1", "z": "1"})).exit == 0
    (srv / "x" / "y").unlink()
    (srv / "x").rmdir()
    stand(kind, srv / "x", tmp_path / "elsewhere")
    theirs = what(srv / "x")
    assert install(host, "d-2", revision({"appspec.yml": appspec()})).exit == 0
    assert found(srv) == {"x": theirs}


def test_permissions_never_reach_what_a_link_leads_to(host: Host, tmp_path: Path) -> None:
    """The agent sets them there, and fails where that is nothing."""
    srv = tmp_path / "srv"
    permissions: list[dict[str, object]] = [{"object": str(srv), "mode": "600"}]
    files = {"app/link": "-> ../theirs", "app/dangling": "-> none", "app/file": "", "theirs": ""}
    (tmp_path / "theirs").write_text("")
    (tmp_path / "theirs").chmod(0o644)
    step = install(host, "d-1", revision({"appspec.yml": appspec({"app": srv}, permissions=permissions), **files}))
    assert step.exit == 0, step.message
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("srv/file", "theirs")]
    assert modes == [0o600, 0o644]


@pytest.mark.parametrize("kind", ["file", "link to a file", "link to nothing", "pipe"])
@pytest.mark.parametrize("source", ["app", "app/x"])
def test_a_destination_that_is_no_folder_is_a_conflict(host: Host, tmp_path: Path, kind: str, source: str) -> None:
    """The agent fails half-way."""
    stand(kind, tmp_path / "srv", tmp_path / "elsewhere")
    theirs = what(tmp_path / "srv")
    bundle = revision({"appspec.yml": appspec({source: tmp_path / "srv"}), "app/x": "new"})
    step = install(host, "d-1", bundle, file_exists_behavior="OVERWRITE")
    assert step.cause == "CONFLICT" and str(tmp_path / "srv") in step.message
    assert what(tmp_path / "srv") == theirs


def test_a_destination_may_be_a_link_to_a_folder(host: Host, tmp_path: Path) -> None:
    stand("link to a folder", tmp_path / "srv", tmp_path / "elsewhere")
    assert install(host, "d-1", release(tmp_path / "srv", {"x": "new"})).exit == 0
    assert (tmp_path / "elsewhere" / "folder" / "x").read_text() == "new"
    assert install(host, "d-2", revision({"appspec.yml": appspec()})).exit == 0
    assert list((tmp_path / "elsewhere" / "folder").iterdir()) == [] and (tmp_path / "srv").is_symlink()

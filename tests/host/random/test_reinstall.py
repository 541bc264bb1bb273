"""Whatever two revisions hold: A, then B, then A leaves what A alone leaves, and nothing else."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from host.appspec import FileExistsBehavior
from host.grammar import parse
from host.posix.install import install
from host.posix.layout import Layout
from tests.soak import examples

Tree = Mapping[str, object]  # by name: text of a file, a mode for an empty one, a Path that a link names, or a Tree

NAMES = st.sampled_from(["a", "b", "c.txt", " end ", "new\nline", "ünïcode", '"quoted"', "-dash", "#", "a b", "..."])
FILES = st.one_of(
    st.text(max_size=5),
    st.sampled_from([0o600, 0o644, 0o755, 0o4755]),
    st.sampled_from([Path("a"), Path("nowhere"), Path("../b")]),
)
TREES = st.recursive(
    st.dictionaries(NAMES, FILES, max_size=4),
    lambda inner: st.dictionaries(NAMES, st.one_of(FILES, inner), max_size=4),
    max_leaves=8,
)


def write(folder: Path, tree: Tree) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, what in tree.items():
        path = folder / name
        if isinstance(what, Mapping):
            write(path, what)
        elif isinstance(what, Path):
            path.symlink_to(what)
        elif isinstance(what, int):
            path.touch()
            path.chmod(what)
        else:
            path.write_text(str(what))


def links_to_folders(folder: Path) -> bool:
    """Whether a link of the revision leads to a folder: Install follows it, which may well conflict."""
    return any(path.is_symlink() and path.is_dir() for path in folder.rglob("*"))


def deploy(root: Path, place: Path, number: int, tree: Tree) -> bool:
    """Install a tree as the group's next revision; False when it is one that these tests are not about."""
    layout = Layout("group", f"d-{number}", str(root))
    layout.make()
    app = Path(layout.archive) / "app"
    write(app, tree)
    if links_to_folders(app):
        return False
    appspec = parse(f"version: 0.0\nos: linux\nfiles: [{{source: app, destination: '{place}'}}]\n")
    install(appspec, FileExistsBehavior.DISALLOW, layout)
    return True


def found(folder: Path) -> dict[str, object]:
    """Everything below a folder: kind, mode and content, by path."""
    shown: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        mode = oct(path.lstat().st_mode)
        content = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else None
        shown[os.fsdecode(path.relative_to(folder))] = (mode, content)
    return shown


@settings(max_examples=examples(30, 1000), deadline=None)
@given(first=TREES, second=TREES)
def test_a_then_b_then_a_is_as_a_alone(first: Tree, second: Tree) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name in ("alone", "again"):
            (here / name).mkdir()
        if not deploy(here / "root-1", here / "alone", 1, first):
            return
        if not all(deploy(here / "root-2", here / "again", n, tree) for n, tree in enumerate((first, second, first))):
            return
        assert found(here / "again") == found(here / "alone")


@settings(max_examples=examples(24, 1000), deadline=None)
@given(tree=TREES)
def test_what_a_hook_has_made_stays_and_what_the_revision_has_made_goes(tree: Tree) -> None:
    """Files that no deployment brought keep themselves and their folders, whatever is deployed around them."""
    with tempfile.TemporaryDirectory() as folder:
        place, root = Path(folder) / "place", Path(folder) / "root"
        place.mkdir()
        if not deploy(root, place, 1, tree):
            return
        folders = [place, *(path for path in place.rglob("*") if path.is_dir() and not path.is_symlink())]
        for each in folders:
            (each / "made by a hook").write_text("kept")
        deploy(root, place, 2, {})
        assert all((each / "made by a hook").read_text() == "kept" for each in folders)
        left = {path for path in place.rglob("*") if path.name != "made by a hook"}
        assert left == set(folders) - {place}, "only folders that hold something of a hook's"

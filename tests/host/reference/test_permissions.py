"""The rules of permissions (E.5)."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from host.grammar import parse
from tests.host.conftest import Host
from tests.host.reference.rules import case, rule
from tests.host.reference.test_appspec import ME, MY_GROUP, RECORD, names, release, tools
from tests.host.test_appspec import permission


def modes(
    host: Host, srv: Path, files: Sequence[str], *permissions: dict[str, object], **changes: Any
) -> dict[str, int]:
    """The modes below `srv` once these files were installed with these permissions."""
    step = host.install("d-1", release(srv, *files, permissions=list(permissions)), **changes)
    assert step.exit == 0, step.message
    return {name: (srv / name).stat().st_mode & 0o7777 for name in names(srv)}


@rule("E.5 object is a copied file")
def test_an_object_may_be_a_file_that_was_copied(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    of_x, of_y = ({"object": str(srv / name), "mode": 600} for name in "xy")
    assert modes(host, srv, ["x", "y"], of_x, {**of_y, "type": ["directory"]}) == {"x": 0o600, "y": 0o644}
    for more in ({"pattern": "*"}, {"except": ["a"]}):
        step = host.install("d-2", release(srv, "x", permissions=[{**of_x, **more}]))
        assert f"{srv}/x is a file: it takes neither pattern nor except" in step.message


@rule("E.5 object is anything else")
def test_an_object_that_this_deployment_has_nothing_of_is_ignored(host: Host, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_text("")
    (tmp_path / "other" / "x").chmod(0o604)
    others = [{"object": str(tmp_path / name), "mode": 600} for name in ("other", "other/x", "gone", "sr")]
    assert modes(host, tmp_path / "srv", ["x"], *others) == {"x": 0o644}
    assert (tmp_path / "other" / "x").stat().st_mode & 0o777 == 0o604


@rule("E.5 never applied: to the object itself, what was there, and what is retained")
def test_only_what_this_deployment_made_gets_permissions(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    (srv / "before").mkdir(parents=True)
    (srv / "kept").write_text("")
    for path, mode in ((srv, 0o701), (srv / "before", 0o711), (srv / "kept", 0o604)):
        path.chmod(mode)
    found = modes(
        host, srv, ["kept", "new", "before/new"], {"object": str(srv), "mode": 700}, file_exists_behavior="RETAIN"
    )
    assert found == {"before": 0o711, "before/new": 0o700, "kept": 0o604, "new": 0o700}
    assert srv.stat().st_mode & 0o777 == 0o701


@pytest.mark.parametrize(
    ("keys", "changed"),
    [
        case("E.5 pattern: ** is the default", {}, {"d", "d/x.py", "x.py", "y.txt"}),
        case("E.5 pattern: **", {"pattern": "**"}, {"d", "d/x.py", "x.py", "y.txt"}),
        case("E.5 pattern: * is the only wildcard", {"pattern": "?.py"}, set()),
        case("E.5 direct children: pattern", {"pattern": "*.py"}, {"x.py"}),
        case("E.5 direct children: a name with a slash", {"pattern": "d/*"}, set()),
        case("E.5 direct children: except", {"except": ["x.py"]}, {"d", "d/x.py", "y.txt"}),
        case("E.5 except: globs", {"except": ["*.txt", "d"]}, {"d/x.py", "x.py"}),
        case("E.5 type: both are the default", {"pattern": "*"}, {"d", "x.py", "y.txt"}),
        case("E.5 type: file", {"type": ["file"]}, {"d/x.py", "x.py", "y.txt"}),
        case("E.5 type: directory", {"type": ["directory"]}, {"d"}),
    ],
)
def test_what_a_permission_applies_to(host: Host, tmp_path: Path, keys: dict[str, object], changed: set[str]) -> None:
    srv = tmp_path / "srv"
    found = modes(host, srv, ["x.py", "y.txt", "d/x.py"], {"object": str(srv), "mode": 770, **keys})
    assert {name for name, mode in found.items() if mode == 0o770} == changed


@rule("E.5 matched twice")
def test_a_path_that_two_permissions_match_is_an_error(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    twice = [{"object": str(srv), "mode": 700}, {"object": str(srv / "x"), "owner": ME}]
    step = host.install("d-1", release(srv, "x", permissions=twice))
    assert f"the permissions setting for ({srv}/x) is specified more than once" in step.message


@pytest.mark.parametrize(
    ("written", "mode"),
    [
        case("E.5 mode: a number", 644, 0o644),
        case("E.5 mode: text", "644", 0o644),
        case("E.5 mode: text with a zero", "0640", 0o640),
        case("E.5 mode: setuid", 4755, 0o4755),
        case("E.5 mode: padded", 7, 0o007),
        case("E.5 mode: unchanged by default", None, 0o644),
    ],
)
def test_modes(host: Host, tmp_path: Path, written: object, mode: int) -> None:
    assert modes(host, tmp_path / "srv", ["x"], {"object": str(tmp_path / "srv"), "mode": written}) == {"x": mode}


@rule("E.5 owner and group: names")
@pytest.mark.parametrize(
    "keys",
    [
        {"owner": ME},
        {"group": MY_GROUP},
        pytest.param(
            {"owner": "daemon", "group": "daemon"},
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away"),
        ),
    ],
)
def test_owners_are_names_and_unchanged_by_default(host: Host, tmp_path: Path, keys: dict[str, str]) -> None:
    modes(host, tmp_path / "srv", ["x"], {"object": str(tmp_path / "srv"), **keys})
    made = tmp_path / "srv" / "x"
    assert (made.owner(), made.group()) == (keys.get("owner", ME), keys.get("group", MY_GROUP))


@rule("E.5 order: differs, the owner comes first so that setuid stays")
def test_permissions_come_after_the_copies_in_the_list_s_order(host: Host, tmp_path: Path) -> None:
    srv, owner = tmp_path / "srv", "daemon" if os.geteuid() == 0 else ME
    record = f'for last; do :; done; echo "${{0##*/}} $(stat -c "%n %a %U" "$last") $(ls {srv} | wc -l)" >>"$LOG"'
    log = tools(host, tmp_path, setfacl=record, restorecon=record, semanage=record)
    each: dict[str, object] = {"mode": 4750, "owner": owner, "acls": ["daemon:r"], "context": {"type": "t"}}
    modes(host, srv, ["x", "y"], {"object": str(srv / "y"), **each}, {"object": str(srv / "x"), **each})
    assert log.read_text().splitlines() == [
        f"{tool} {srv}/{name} 4750 {owner} 2" for name in "yx" for tool in ("setfacl", "semanage", "restorecon")
    ]


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        case("E.5 ACL grammar: two parts are a user", "bob:rw", "user:bob:rw-"),
        case("E.5 ACL grammar: short types", "g:ops:r-x", "group:ops:r-x"),
        case("E.5 ACL grammar: long types", "user:bob:x", "user:bob:--x"),
        case("E.5 ACL grammar: a digit", "u:bob:5", "user:bob:r-x"),
        case("E.5 ACL grammar: no permission at all", "u:bob:", "user:bob:---"),
        case("E.5 ACL grammar: mask", "m::rx", "mask::r-x"),
        case("E.5 ACL grammar: default", "default:user:bob:7", "default:user:bob:rwx"),
        case("E.5 ACL grammar: short default", "d:bob:0", "default:user:bob:---"),
        case("E.5 ACL grammar: base entry of a default", "d:o::r", "default:other::r--"),
    ],
)
def test_acl_entries(written: str, entry: str) -> None:
    assert [str(acl) for acl in parse(permission(f"acls: ['{written}']")).permissions[0].acls] == [entry]


@rule("E.5 ACL errors: a default entry on a file")
def test_default_entries_are_for_directories(host: Host, tmp_path: Path) -> None:
    tools(host, tmp_path, setfacl=RECORD)
    acls: dict[str, object] = {"object": str(tmp_path / "srv"), "acls": ["d:bob:r"]}
    step = host.install("d-1", release(tmp_path / "srv", "x", permissions=[acls]))
    assert step.cause == "APPSPEC" and "x is a file: only folders take default entries" in step.message


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        case(
            "E.5 ACL execution: base entries and mask by the mode",
            ["daemon:rw"],
            "user::7,group::5,other::0,mask::5,user:daemon:rw-",
        ),
        case(
            "E.5 ACL execution: a mask of its own",
            ["g:daemon:r", "m::7"],
            "user::7,group::5,other::0,group:daemon:r--,mask::rwx",
        ),
        case("E.5 ACL execution: nobody is named", ["m::r"], "user::7,group::5,other::0,mask::r--"),
        case(
            "E.5 ACL execution: default entries",
            ["d:daemon:r", "d:o::x"],
            "user::7,group::5,other::0,default:user::7,default:group::5,default:mask::5,"
            "default:user:daemon:r--,default:other::--x",
        ),
        case(
            "E.5 ACL execution: a default mask by the default group",
            ["d:g::rwx", "d:daemon:r"],
            "user::7,group::5,other::0,default:user::7,default:other::0,default:mask::rwx,"
            "default:group::rwx,default:user:daemon:r--",
        ),
    ],
)
def test_setfacl_gets_the_whole_acl(host: Host, tmp_path: Path, written: list[str], whole: str) -> None:
    log = tools(host, tmp_path, setfacl=RECORD)
    acls: dict[str, object] = {"object": str(tmp_path / "srv"), "type": ["directory"], "mode": 750, "acls": written}
    modes(host, tmp_path / "srv", ["d/x"], acls)
    assert log.read_text() == f"setfacl --set {whole} -- {tmp_path}/srv/d\n"


@rule("E.5 ACL execution: by setfacl itself")
@pytest.mark.skipif(shutil.which("setfacl") is None, reason="needs setfacl")
def test_an_acl_is_replaced(host: Host, tmp_path: Path) -> None:
    acls: dict[str, object] = {"object": str(tmp_path / "srv"), "mode": 750, "acls": ["nobody:rw", "g:daemon:x"]}
    modes(host, tmp_path / "srv", ["x"], acls)
    acl = subprocess.run(["getfacl", "-cE", tmp_path / "srv" / "x"], capture_output=True, text=True).stdout.split()
    assert acl == ["user::rwx", "user:nobody:rw-", "group::r-x", "group:daemon:--x", "mask::r-x", "other::---"]


@pytest.mark.parametrize(
    ("context", "options"),
    [
        case("E.5 context execution: all keys", {"user": "u", "type": "t", "range": "s0:c1"}, "-s u -t t -r s0:c1"),
        case("E.5 context user: the key name is taken, too", {"name": "u", "type": "t"}, "-s u -t t"),
        case("E.5 context range: differs, none is passed on", {"type": "t"}, "-t t"),
    ],
)
def test_contexts_are_set_on_the_real_path(host: Host, tmp_path: Path, context: dict[str, str], options: str) -> None:
    log = tools(host, tmp_path, semanage=RECORD, restorecon=RECORD)
    (tmp_path / "real").mkdir()
    (tmp_path / "srv").symlink_to("real")
    modes(host, tmp_path / "srv", ["x"], {"object": str(tmp_path / "srv"), "context": context})
    real = tmp_path / "real" / "x"
    assert log.read_text() == f"semanage fcontext -a {options} {real}\nrestorecon -v {real}\n"

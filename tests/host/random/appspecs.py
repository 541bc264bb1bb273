"""Random AppSpecs."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.host.random.words import IS_ROOT

WORDS = r"""
~ null true no 0 -1 0.0 1e400 0644 0o17 1_000 .inf .nan 2026-01-02 = << !!binary!! "" '' "\0" "\ud800" "\U0010ffff"
"a\nb" "\u2028" '..' '../..' / // /etc/passwd *a *nobody !!int !!str !x !!set !!merge !!null linux windows DISALLOW
RETAIN file directory @ % ` | > - ? : # & ! {{ ]] "\x07" 0777 8888 07777 999999999999 1:30:00 s0-s3:c0.c5 u:root:rwx
d:u::rwx m::7 x:y:z:w root nobody -c 'a:b' 'a b' .stepdeploy-partial
"""
SCALARS = st.one_of(
    st.sampled_from(WORDS.split()),
    st.text(max_size=12).map(json.dumps),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from([250, 4096, 70_000]).map(lambda count: "n" * count),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(inner, inner), max_size=3).map(lambda items: yaml_mapping(dict(items))),
        st.tuples(st.sampled_from(["&a", "&b", "!!str", "!!seq", "!!map", "!!null", "!x"]), inner).map(" ".join),
    ),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [
        "a", "b", "d", "..", ".", "", "app", "a b", " end ", "new\nline", "ünï", "back\\slash", "-dash", "n" * 255,
        "n" * 256, "appspec.yml", ".stepdeploy-partial-0", "*", '"', "canary", "scripts", "a.sh", "\u2028", "'", "#",
    ]
)  # fmt: skip
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
ODDITIES = ["drop", "rename", "twice", "replace", "merge"]


def yaml_mapping(pairs: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"


@st.composite
def mappings(
    draw: st.DrawFn, fields: dict[str, st.SearchStrategy[str]], *, rare: tuple[str, ...] = (), odd: bool = True
) -> list[str]:
    """`key: value` lines of which most are right, or all."""
    lines = []
    ways = st.sampled_from(["keep"] * 15 + ODDITIES * odd)
    for key, values in fields.items():
        if key in rare and draw(st.integers(0, 2)):
            continue
        how = draw(ways)
        name = draw(SCALARS) if how == "rename" else key
        lines += [f"{name}: {draw(VALUES if how == 'replace' else values)}"] if how != "drop" else []
        lines += [f"{name}: {draw(values)}"] if how == "twice" else []
        lines += [f"<<: {draw(st.sampled_from(['*a', '[*a, *b]', '{}', '[]', 'x']))}"] if how == "merge" else []
    return lines


def in_braces(fields: dict[str, st.SearchStrategy[str]], **options: Any) -> st.SearchStrategy[str]:
    return mappings(fields, **options).map(lambda lines: f"{{{', '.join(lines)}}}")


def lists(items: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(items, max_size=most).map(lambda found: f"[{', '.join(found)}]")


def appspecs(
    sources: st.SearchStrategy[str], destinations: st.SearchStrategy[str], *, odd: bool = True
) -> st.SearchStrategy[str]:
    """Texts; the sources and destinations are still to be quoted."""
    globs = st.sampled_from(["'**'", "'*'", "'*.sh'", "a", "'[a]*'", "'***'"])
    accounts = st.sampled_from(["root" if IS_ROOT else "~"] * 3 + ["nosuchuser", "0", "''"] * odd)
    permission = in_braces(
        {
            "object": destinations.map(json.dumps),
            "pattern": globs,
            "except": lists(globs, 2),
            "type": lists(st.sampled_from(["file", "directory"]), 2),
            "owner": accounts,
            "group": accounts,
            "mode": st.sampled_from(["4755", "2770", "1777"] + ["644", "0", "'0000'"] * IS_ROOT + ["89"] * odd),
            "acls": lists(st.sampled_from(["u:root:rwx", "root:r", "d:u:root:7", "g:root:0", "m:7", "u::7"]), 2),
            "context": in_braces(
                {"type": st.just("t"), "user": st.just("u"), "range": st.sampled_from(["s0", "s1-s0"])}
            ),
        },
        rare=("pattern", "except", "type", "owner", "group", "acls", "context"),
        odd=odd,
    )
    hook = in_braces(
        {
            "location": st.one_of(sources.map(json.dumps), st.sampled_from(["a.sh", "scripts/a", "l/../../x", "/"])),
            "timeout": st.sampled_from(["5", "3600", "0", "1.5", "'9'", "1e9", "-1"]),
            "runas": accounts,
            "sudo": st.sampled_from(["true", "no", "x"]),
        },
        rare=("timeout", "runas", "sudo"),
        odd=odd,
    )
    whole = mappings(
        {
            "version": st.sampled_from(["0.0", "0", "'0.0'"]),
            "os": st.just("linux"),
            "file_exists_behavior": st.sampled_from(["DISALLOW", "OVERWRITE", "RETAIN"]),
            "files": lists(
                in_braces({"source": sources.map(json.dumps), "destination": destinations.map(json.dumps)}, odd=odd), 4
            ),
            "permissions": lists(permission, 2),
            "hooks": in_braces(
                {name: lists(hook, 2) for name in ("AfterInstall", "BeforeInstall", "Install", "Nonsense") if odd},
                rare=("BeforeInstall", "Install", "Nonsense"),
                odd=odd,
            ),
        },
        rare=("file_exists_behavior", "permissions", "hooks") if odd else ("file_exists_behavior", "permissions"),
        odd=odd,
    )
    anchors = st.sampled_from(
        ["", "x: &a {object: /a, source: a}\ny: &b {destination: /b, <<: *a}\n", "x: &a {<<: *a}\n"]
    )
    return st.builds(lambda head, lines: head + "\n".join(lines) + "\n", anchors, whole)

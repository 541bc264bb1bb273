"""Every text that a user may read, by package and file: `make texts` prints them, to be read through in one go.

A message stays beside the rule that it tells about; this is the other view of it. A text is a literal of three words or
more that is not a docstring; what is put in stands in braces.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("functions", "cli", "host", "infra", "local")
_MIN_WORDS = 3


class Text(NamedTuple):
    """A text with its place."""

    file: Path  # below ROOT
    line: int
    text: str


@cache
def texts(package: str) -> Sequence[Text]:
    """The texts of a package, file by file."""
    return list(_texts(package))


def _texts(package: str) -> Iterator[Text]:
    for file in sorted((ROOT / package).rglob("*.py")):
        for node in _literals(ast.parse(file.read_text())):
            text = _text(node)
            if text and len(text.split()) >= _MIN_WORDS:
                yield Text(file.relative_to(ROOT), getattr(node, "lineno", 0), text)


def _literals(tree: ast.AST) -> Iterator[ast.AST]:
    """Without docstrings, and without what an f-string has inside, which is shown with it."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.Constant | ast.JoinedStr):
            yield node
            continue
        has_docstring = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        children = [
            child
            for child in ast.iter_child_nodes(node)
            if not (has_docstring and isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant))
        ]
        left.extend(reversed(children))


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(each) or f"{{{ast.unparse(getattr(each, 'value', each))}}}" for each in values)
    return None


def main() -> None:
    """Print all."""
    for package in PACKAGES:
        last = None
        for each in texts(package):
            if each.file != last:
                last = each.file
                sys.stdout.write(f"\n{each.file}\n")
            sys.stdout.write(f"  {each.line}: {' '.join(each.text.split())}\n")


if __name__ == "__main__":
    main()

"""Revisions for the demo and the end-to-end tests: an example folder as a zip, with some files changed."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def bundle(example: str, changes: Mapping[str, str | None] | None = None) -> bytes:
    """The example as a zip; `changes` gives files (by path inside it) other text, or None to leave them out.

    Permission bits are kept, times are fixed: the same input gives the same bytes.
    """
    root, changes = EXAMPLES / example, dict(changes or {})
    files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted({*files, *changes}):
            text = changes.get(name, files[name].read_text() if name in files else "")
            if text is None:
                continue
            mode = files[name].stat().st_mode if name in files else 0o100755
            entry = zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0))
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return packed.getvalue()


def webapp(version: str, changes: Mapping[str, str | None] | None = None, *, healthy: bool = True) -> bytes:
    """The example web application as some version of itself; an unhealthy one fails its ValidateService."""
    own = {"app/version.txt": f"{version}\n", "app/health.txt": "ok\n" if healthy else "sick\n"}
    return bundle("webapp", {**own, **(changes or {})})

"""The code that Lambda's sandboxes have in common on the local cloud."""

import inspect
import zipfile
from pathlib import Path

import pytest

from local.shims.sandboxes import SharedCode


def unpacked(folder: Path, text: str) -> Path:
    """As the emulator makes it for a sandbox."""
    code = folder / "code"
    code.mkdir(parents=True)
    with zipfile.ZipFile(folder / "code.zip", "w") as packed:
        packed.writestr(zipfile.ZipInfo("handler.py"), text)
    with SharedCode(folder / "code.zip") as archive:
        archive.extractall(code)
    assert (code / "handler.py").read_text() == text
    return code.resolve()


def test_sandboxes_of_the_same_code_have_it_in_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, second, other = (unpacked(tmp_path / name, text) for name, text in (("a", "1"), ("b", "1"), ("c", "2")))
    assert first == second != other


def test_the_emulator_still_unpacks_for_each() -> None:
    from ministack.core import lambda_runtime

    assert "zipfile.ZipFile(" in inspect.getsource(lambda_runtime.Worker._spawn)

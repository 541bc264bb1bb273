"""How the command is started: by Python's -m, and as `make setup` installs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAME = "größe.sh"


def installed(folder: Path) -> list[str]:
    """The script that the Makefile writes."""
    written = re.search(r"printf '\\(#!%s.*?)' ", (ROOT / "Makefile").read_text())
    assert written
    script = folder / "stepdeploy"
    script.write_text(written[1].replace("\\n", "\n") % (sys.executable, ROOT))
    script.chmod(0o755)
    return [str(script)]


@pytest.mark.parametrize("way", ["installed", "module"])
def test_names_and_texts_are_utf_8_under_any_locale(tmp_path: Path, latin_1: dict[str, str], way: str) -> None:
    command = installed(tmp_path) if way == "installed" else [sys.executable, "-m", "cli"]
    site = tmp_path / "site"
    site.mkdir()
    hooks = f"hooks: {{AfterInstall: [{{location: {NAME}}}, {{location: grüße.sh}}]}}"
    (site / "appspec.yml").write_text(f"version: 0.0\nos: linux\n{hooks}\n", encoding="utf-8")
    (site / NAME).write_text("#!/bin/sh\n")
    (site / NAME).chmod(0o755)
    environment = {**os.environ, **latin_1}
    ran = subprocess.run([*command, "validate", str(site)], cwd=ROOT, env=environment, capture_output=True)
    said = (ran.stdout + ran.stderr).decode("utf-8")
    assert "'grüße.sh'" in said and NAME not in said, said


def test_an_output_that_takes_latin_1_only_gets_other_names_with_escapes(tmp_path: Path) -> None:
    (tmp_path / "appspec.yml").write_text("version: 0.0\nos: linux\n")
    (tmp_path / "łódź.sh").write_text("")
    command = [sys.executable, "-m", "cli", "push", "shop/web", str(tmp_path), "--dry-run"]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="latin-1")
    assert "\\u0142\xf3d\\u017a.sh\n" in ran.stdout, ran.stderr

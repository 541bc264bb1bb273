"""Names and texts are UTF-8 whatever the host's locale is."""

import os
import shutil
from pathlib import Path

import pytest

from tests.host.conftest import Host, appspec, pythons, revision, script
from tests.host.test_segment import deploy

NAME = "grüße 日本.txt"


@pytest.mark.parametrize("locale", ["C", "POSIX", "latin-1", "no such locale"])
@pytest.mark.parametrize("type", ["zip", "tgz"])
def test_names_and_texts_beyond_ascii_arrive_under_any_locale(
    host: Host, tmp_path: Path, latin_1: dict[str, str], locale: str, type: str
) -> None:
    host.environment |= latin_1 if locale == "latin-1" else {"LC_ALL": locale}
    srv = tmp_path / "srv"
    files = {
        "appspec.yml": "# grüße\n" + appspec({"app": srv}, {"AfterInstall": [{"location": "größe.sh"}]}),
        "größe.sh": script("echo 'grüße 🎉'", 'echo "$LC_ALL"'),
        f"app/{NAME}": "hello",
    }
    told = host.told("d-1", revision(files, type=type), type=type)
    steps = deploy(host, told)
    assert [(each.event, each.status) for each in steps] == [(event, "Succeeded") for event in told["events"]]
    assert [path.name for path in srv.iterdir()] == [NAME]
    log = (host.folder("d-1") / "logs" / "scripts.log").read_bytes().decode()
    assert "[stdout]grüße 🎉" in log and "Script - größe.sh" in log
    assert f"[stdout]{host.environment['LC_ALL']}" in log, "the script's own locale stays"


@pytest.mark.parametrize("python", pythons().values(), ids=pythons().keys())
def test_every_python_takes_them_and_leaves_scripts_the_host_s_locale(
    host: Host, tmp_path: Path, latin_1: dict[str, str], python: str
) -> None:
    """Nothing that Python knows for itself reaches a script: no UTF-8 mode, and not the C locale's coercion."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text(script(f'exec {python} "$@"'))
    (tmp_path / "bin" / "python3").chmod(0o755)
    host.environment["PATH"] = f"{tmp_path}/bin:{os.environ['PATH']}"
    spec = appspec({"app": tmp_path / "srv"}, {"BeforeInstall": [{"location": "größe.sh"}]})
    hook = script(f"env | grep -E '^(LC_|LANG|LOCPATH|PYTHON)' >{tmp_path}/locale", "echo grüße")
    locales = {"none": {}, "C": {"LANG": "C"}, "POSIX": {"LC_CTYPE": "POSIX"}, "latin-1": latin_1}
    for name, variables in locales.items():
        bundle = revision({"appspec.yml": spec, "größe.sh": hook, f"app/{NAME}": name}, type="tgz")
        told = host.told(f"d-{name}", bundle, type="tgz", events=["DownloadBundle", "BeforeInstall", "Install"])
        told["application_name"] = "größe"
        unlike = Host(host.root, host.runner, host.web, environment={**host.environment, **variables})
        assert [each.status for each in deploy(unlike, told)] == ["Succeeded"] * 3, name
        assert (tmp_path / "srv" / NAME).read_text() == name
        assert "[stdout]grüße" in (host.folder(f"d-{name}") / "logs" / "scripts.log").read_bytes().decode()
        seen = dict(line.split("=", 1) for line in (tmp_path / "locale").read_text().splitlines())
        assert seen == variables, name


@pytest.mark.parametrize("python", pythons().values(), ids=pythons().keys())
def test_the_runner_takes_them_by_hand_too(host: Host, tmp_path: Path, latin_1: dict[str, str], python: str) -> None:
    """Out of its zip, as on a disk that had no room for its folder."""
    host.environment |= latin_1
    host.python = python
    host.runner = Path(shutil.copy(host.runner, tmp_path))
    bundle = revision({"appspec.yml": appspec({"app": tmp_path / "srv"}), f"app/{NAME}": "hello"})
    assert host.install("d-1", bundle).exit == 0
    assert [path.name for path in (tmp_path / "srv").iterdir()] == [NAME]

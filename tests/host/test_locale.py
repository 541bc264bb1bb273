"""Names and texts are UTF-8 whatever the host's locale is."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.host.conftest import Host, appspec, pythons, revision, script
from tests.host.test_segment import deploy

NAME = "grüße 日本.txt"


@pytest.fixture(scope="module")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A locale whose texts are Latin-1, made for this test."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        pytest.skip("needs localedef")
    made = subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(folder / "en_US.ISO-8859-1")])
    if made.returncode:
        pytest.skip("needs the sources of locales (Debian: apt install locales)")
    return {"LOCPATH": str(folder), "LC_ALL": "en_US.ISO-8859-1"}


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
def test_every_python_here_takes_them(host: Host, tmp_path: Path, latin_1: dict[str, str], python: str) -> None:
    host.environment |= latin_1
    host.python = python
    bundle = revision({"appspec.yml": appspec({"app": tmp_path / "srv"}), f"app/{NAME}": "hello"})
    assert host.install("d-1", bundle).exit == 0
    assert [path.name for path in (tmp_path / "srv").iterdir()] == [NAME]

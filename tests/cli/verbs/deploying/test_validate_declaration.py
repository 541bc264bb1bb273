"""`stepdeploy validate deployments.yaml`: it is told from an AppSpec by content, and says what `cdk synth` says."""

import json
from pathlib import Path

import pytest

from cli.__main__ import main
from functions.core.declaration import load
from functions.core.errors import InvalidInput

Captured = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[4]
WRONG = """applications:
  shop:
    groups:
      web:
        ec2TagFilters: [{Key: app}]
        deploymentConfigNam: OneAtATime
        onBusy: qeue
"""


def test_it_says_what_synth_says(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "deployments.yaml"
    file.write_text(WRONG)
    with pytest.raises(InvalidInput) as synth:
        load(file)
    assert main(["validate", str(file)]) == 1
    *lines, counts = capsys.readouterr().out.splitlines()
    assert [line.replace(f"{file}:", "deployments.yaml:").replace(": error: ", ": ") for line in lines] == str(
        synth.value
    ).splitlines()
    assert 'did you mean "deploymentConfigName"?' in lines[0] and counts == "2 errors"


def test_its_place_is_in_the_json(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "groups.yml"
    file.write_text(WRONG)
    assert main(["validate", str(file), "--json"]) == 1
    first, second = json.loads(capsys.readouterr().out)["findings"]
    assert (first["line"], first["column"], second["line"], second["column"]) == (6, 9, 7, 17)


def test_the_shipped_one_has_no_problems(capsys: Captured) -> None:
    assert main(["validate", str(ROOT / "deployments.yaml")]) == 0
    assert capsys.readouterr().out == "no problems\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("deployments.yaml", "aplications: {}", '1:1: error: aplications: unknown key: did you mean "applications"?'),
        ("deployments.yaml", "", "1:1: error: the file is empty: it needs the key applications"),
        ("groups.yaml", "applications:\n\tshop: {}", "2:1: error: found character '\\t' that cannot start any token"),
        ("groups.yaml", "applications: {}\nx: \x07", "2:4: error: the character '\\x07' is not allowed in YAML"),
        ("deployments.yaml", "version: 1.0\nos: linux\n", "1:10: error: version: "),
        ("shop.yaml", "version: 0.0\nos: linux\napplication: {}\n", "3:1: warning: application: is ignored"),
        ("shop.yaml", "[]", "1:1: error: "),
    ],
)
def test_content_tells_it_from_an_appspec(name: str, text: str, said: str, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / name).write_text(text)
    main(["validate", str(tmp_path / name)])
    assert f"{tmp_path / name}:{said}" in capsys.readouterr().out

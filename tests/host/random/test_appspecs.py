"""Random AppSpecs: each is one, or an error."""

import contextlib
import io
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cli.__main__ import main
from host.appspec import AppSpecError
from host.grammar import parse
from host.nodes import compose
from tests.host.random.appspecs import PATHS, VALUES, appspecs
from tests.host.random.words import PATIENT
from tests.soak import examples

TEXTS = st.one_of(
    appspecs(PATHS, PATHS.map(lambda path: "/" + path)),
    appspecs(PATHS, PATHS),
    VALUES,
    st.text(max_size=60),
    st.tuples(
        st.just("version: 0.0\nos: linux\nhooks: "), st.text(alphabet="{}[]&*!|>'\"-:,? \n\ta\0\x85", max_size=30)
    ).map("".join),
)


@settings(PATIENT, max_examples=examples(80, 3000))
@given(TEXTS, st.sampled_from(["text", "json", "github"]))
def test_whatever_an_appspec_says_it_is_one_or_an_error(text: str, form: str) -> None:
    try:
        event("an AppSpec" if parse(text) else "")
        is_right = True
    except AppSpecError as error:
        assert error.problems and str(error).count("\n") == len(error.problems) - 1
        event("an error")
        is_right = False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "appspec.yml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(said):
            assert main(["validate", str(path), "--format", form]) in ((0,) if is_right else (1,))


SCALARS = st.one_of(
    st.text(alphabet="0123456789+-._:eExb ~=<!aFTZ/", max_size=12),
    st.sampled_from(
        ["yes", "No", "TRUE", "oN", "off", "Null", "NULL", "nULL", "~", "=", "<<", ".inf", "-.INF", ".NaN"]
    ),
    st.sampled_from(
        ["0.0", "0", "00", "0755", "0899", "755", "5:00", "1_000", "2026-11-28", "0x1F", "1.", ".5", "1e3"]
    ),
    st.from_regex(r"[0-9\u0660-\u0669.]{1,4}", fullmatch=True),
)


@settings(PATIENT, max_examples=examples(150, 5000))
@given(SCALARS)
def test_a_scalar_is_of_the_kind_that_pyyaml_takes_it_for(scalar: str) -> None:
    text = f"a: {scalar}"
    try:
        theirs = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        with pytest.raises(AppSpecError):
            compose(text, "appspec.yml")
        return
    assert yaml.serialize(compose(text, "appspec.yml")[0]) == yaml.serialize(theirs)

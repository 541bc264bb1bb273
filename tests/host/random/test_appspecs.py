"""Random AppSpecs: each is one, or an error."""

import contextlib
import io
import tempfile
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

from cli.__main__ import main
from host.appspec import AppSpecError
from host.grammar import parse
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


@settings(PATIENT, max_examples=examples(150, 3000))
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

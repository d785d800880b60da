"""Whatever stands in the files, a declaration or faults come of it, and each fault has a place in them."""

from __future__ import annotations

import tomllib
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.config.declaration.faults import Faulty
from evercert.config.declaration.patterns import expanded
from evercert.config.declaration.reading import read_declaration
from evercert.config.declaration.schema import DeclarationFile
from evercert.config.declaration.shape import shaped
from evercert.config.settings import load_settings
from tests.config.toml_writing import written_toml
from tests.engine.declaring.corpus import cases

TEXTS = [case.text for case in cases()]

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.dates(), st.datetimes()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["names", "each", "cas", "certificates", "dns", "zones", "options", "freezes", "from", "until", "x"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)
tables = ["defaults", "cas", "dns", "challenges", "policies", "targets", "certificates", "x"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(tables), values, max_size=4))
def test_any_document_is_right_or_reported(document: dict[str, object]) -> None:
    reported: list[str] = []

    def report(path: object, message: str, hint: str = "", *, at_key: bool = False) -> None:
        reported.append(message)

    read = shaped(document, DeclarationFile, report)
    assert reported or read == shaped(document, DeclarationFile, report)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_any_text_is_a_declaration_or_has_faults_inside_of_it(tmp_path: Path, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    cut, other = data.draw(st.integers(0, len(text))), data.draw(st.sampled_from(TEXTS))
    text = data.draw(st.sampled_from([text[:cut] + other, text[:cut] + text[cut + 1 :], f"{text}\n{other}"]))
    file = tmp_path / "evercert.toml"
    file.write_text(text)
    try:
        read_declaration(file, load_settings({}, home=str(tmp_path)))
    except Faulty as faulty:
        lines = text.split("\n")
        for fault in faulty.faults:
            if fault.file == str(file):
                assert 1 <= fault.line <= len(lines) + 1
                assert 1 <= fault.column <= len([*lines, ""][fault.line - 1]) + 1


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_toml_of_somebody_else_is_refused_and_not_more(tmp_path: Path, data: st.DataObject) -> None:
    text = written_toml(data).text
    tomllib.loads(text)
    (tmp_path / "evercert.toml").write_text(text)
    try:
        read_declaration(tmp_path / "evercert.toml", load_settings({}, home=str(tmp_path)))
    except Faulty:
        return
    assert not tomllib.loads(text)


@given(st.text(alphabet="a{},.019", max_size=14))
def test_a_pattern_is_several_texts_without_braces_or_refused(text: str) -> None:
    try:
        for number, each in enumerate(expanded(text)):
            assert not {"{", "}"} & set(each)
            if number > 50:
                break
    except EvercertError as error:
        assert error.hint  # noqa: PT017 - most texts are right

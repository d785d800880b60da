"""Where keys and values of TOML stand."""

from __future__ import annotations

import tomllib
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evercert.config.places import Path, Place, find_places
from tests.config.toml_writing import written_toml


def _at(text: str, offset: int) -> Place:
    before = text[:offset]
    return Place(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def _paths(value: object, path: Path = ()) -> set[Path]:
    if isinstance(value, dict):
        return {path}.union(*(_paths(each, (*path, key)) for key, each in value.items()))
    if isinstance(value, list):
        return {path}.union(*(_paths(each, (*path, index)) for index, each in enumerate(value)))
    return {path}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_every_key_and_value_is_found_where_it_was_written(data: st.DataObject) -> None:
    written = written_toml(data)
    places = find_places(written.text)
    assert dict(places.keys) == {path: _at(written.text, offset) for path, offset in written.keys.items()}
    assert dict(places.values) == {path: _at(written.text, offset) for path, offset in written.values.items()}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nothing_that_the_reader_reads_is_without_a_place(data: st.DataObject) -> None:
    written = written_toml(data)
    places = find_places(written.text)
    assert _paths(tomllib.loads(written.text)) - {()} <= {*places.keys, *places.values}


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("a",), Place(1, 1), Place(1, 5)),
        (("t", "u", "x"), Place(3, 2), Place(3, 6)),
        (("t", "u"), Place(2, 4), Place(2, 4)),
        (("t", "u", "x", 1), Place(3, 10), Place(3, 10)),
        (("t", "u", "gone", 4), Place(2, 4), Place(2, 4)),
        (("gone",), Place(1, 1), Place(1, 1)),
    ],
)
def test_what_is_not_there_is_where_it_would_be(path: Path, key: Place, value: Place) -> None:
    places = find_places("a = 1\n[t.u]\n x = [1, 2]\n")
    assert (places.of_key(path), places.of_value(path)) == (key, value)


@given(st.text(alphabet="[]{}=.,'\"#\n ab1\\", max_size=40))
def test_what_the_reader_takes_ends(text: str) -> None:
    with suppress(tomllib.TOMLDecodeError):
        tomllib.loads(text)
        find_places(text)

"""Named parameters become numbered ones, and nothing else does."""

from __future__ import annotations

import pytest

from evercert.base.errors import EvercertError
from evercert.db.pg.numbered import numbered, values_of
from evercert.db.protocol import Query


@pytest.mark.parametrize(
    ("sql", "becomes", "names"),
    [
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1", ("a", "b")),
        ("SELECT :a::text, b::int", "SELECT $1::text, b::int", ("a",)),
        ("SELECT ':a', '''it'':b', :c", "SELECT ':a', '''it'':b', $1", ("c",)),
        (r"SELECT E'\':a', e'\\', :b", r"SELECT E'\':a', e'\\', $1", ("b",)),
        ('SELECT ":a"":b", :c', 'SELECT ":a"":b", $1', ("c",)),
        ("SELECT 1 -- :a ' \n, :b", "SELECT 1 -- :a ' \n, $1", ("b",)),
        ("SELECT 1 /* :a ' */, :b", "SELECT 1 /* :a ' */, $1", ("b",)),
        ("SELECT $$ :a ' $$, $x$ :b $$ $x$, :c", "SELECT $$ :a ' $$, $x$ :b $$ $x$, $1", ("c",)),
        ("SELECT a[1:2], :b", "SELECT a[1:2], $1", ("b",)),
        ("SELECT 1", "SELECT 1", ()),
    ],
)
def test_a_name_is_a_parameter_only_where_it_stands_alone(sql: str, becomes: str, names: tuple[str, ...]) -> None:
    query = numbered(Query("q", sql))  # type: ignore[arg-type]  # literal, but for the table
    assert (query.sql, query.names) == (becomes, names)


def test_the_twin_is_taken_where_there_is_one() -> None:
    assert numbered(Query("q", "SELECT ifnull(:a, 1)", "SELECT coalesce(:a, 1)")).sql == "SELECT coalesce($1, 1)"


def test_a_query_is_compiled_once() -> None:
    assert numbered(Query("q", "SELECT :a")) is numbered(Query("q", "SELECT :a"))


def test_values_come_in_the_order_of_the_numbers_and_none_is_forgotten() -> None:
    query = Query("q", "SELECT :b, :a")
    assert values_of(query(a=1, b=2, c=3), numbered(query).names) == [2, 1]
    with pytest.raises(EvercertError, match="q: no value for a"):
        values_of(query(b=2), numbered(query).names)


@pytest.mark.parametrize(
    ("sql", "is_guarded"),
    [
        ("UPDATE t SET a = 1", True),
        ("insert into t values (1) returning a", True),
        ("DELETE FROM t", True),
        ("SELECT 1", False),
        ("WITH x AS (UPDATE t SET a = 1 RETURNING a) SELECT a FROM x", False),
    ],
)
def test_a_plain_change_can_guard_itself(sql: str, is_guarded: bool) -> None:
    assert bool(numbered(Query("q", sql)).guarded) is is_guarded  # type: ignore[arg-type]  # as above

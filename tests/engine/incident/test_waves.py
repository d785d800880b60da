"""The order in which the certificates of an incident are replaced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from evercert.engine.incident.waves import Ranked, members
from evercert.model.incident import Measures, Stage

NOW = datetime(2026, 1, 1, tzinfo=UTC)

chosen = st.lists(
    st.builds(
        Ranked,
        rank=st.integers(0, 3),
        not_after=st.integers(0, 90).map(lambda days: NOW + timedelta(days=days)),
        issued_id=st.integers(1, 1000),
        needs_request=st.booleans(),
    ),
    unique_by=lambda each: each.issued_id,
)
measures = st.builds(Measures, wave_size=st.integers(1, 20), growth=st.integers(1, 3))


@given(chosen, measures)
def test_each_is_in_one_wave_and_the_waves_are_without_a_gap(found: list[Ranked], how: Measures) -> None:
    placed = list(members(found, how))
    assert sorted(each.issued_id for each in placed) == sorted(each.issued_id for each in found)
    waiting = sorted({each.wave for each in placed if each.stage is Stage.WAITING})
    assert waiting == list(range(1, len(waiting) + 1))


@given(chosen, measures)
def test_no_wave_mixes_criticalities_and_the_most_critical_are_first(found: list[Ranked], how: Measures) -> None:
    by_id = {each.issued_id: each for each in found}
    waiting = [each for each in members(found, how) if each.stage is Stage.WAITING]
    order = [(each.wave, by_id[each.issued_id].rank) for each in waiting]
    for (wave, rank), (next_wave, next_rank) in pairwise(sorted(order)):
        assert rank <= next_rank
        assert rank == next_rank or wave < next_wave


@given(chosen, measures)
def test_no_wave_is_larger_than_it_may_be(found: list[Ranked], how: Measures) -> None:
    sizes: dict[int, int] = {}
    for each in members(found, how):
        if each.stage is Stage.WAITING:
            sizes[each.wave] = sizes.get(each.wave, 0) + 1
    assert all(size <= how.wave_size * how.growth ** (wave - 1) for wave, size in sizes.items())


@given(chosen, measures)
def test_what_only_its_owner_can_replace_is_told_so_and_nothing_else_is(found: list[Ranked], how: Measures) -> None:
    failed = {each.issued_id for each in members(found, how) if each.stage is Stage.FAILED and each.detail}
    assert failed == {each.issued_id for each in found if each.needs_request}

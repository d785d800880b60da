"""What an incident does next, whatever its waves look like."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from evercert.engine.incident.deciding import Close, Release, Rest, Stall, decide, failing, is_over, under_way
from evercert.model.incident import Incident, IncidentState, Measures, Selection
from evercert.store.incidents import Wave

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def wave(number: int, counts: tuple[int, ...]) -> Wave:
    """One that may be: the failing are among those that are being replaced, and so on."""
    waiting, failing, held, working, unplaced, superseded, placing, revoking, done, failed = counts
    return Wave(
        number=number,
        waiting=waiting,
        replacing=failing + held + working,
        replaced=unplaced + superseded + placing,
        revoking=revoking,
        done=done,
        failed=failed,
        failing=failing,
        held=held,
        unplaced=unplaced,
        superseded=superseded,
    )


counts = st.tuples(*[st.sampled_from([0, 0, 1, 7])] * 10)
waves = st.lists(counts, min_size=1, max_size=4).map(
    lambda found: tuple(wave(number, each) for number, each in enumerate(found, 1))
)
incidents = st.builds(
    Incident,
    id=st.just(1),
    opened_at=st.just(NOW),
    closed_at=st.none(),
    state=st.sampled_from(IncidentState),
    reason=st.just(""),
    selection=st.just(Selection()),
    measures=st.builds(Measures, waits=st.booleans(), most_failing=st.sampled_from([0.0, 0.1, 0.5, 1.0])),
    stalled=st.sampled_from(["", "too many fail"]),
    tolerated=st.integers(0, 40),
)


@given(incidents, waves)
def test_nothing_is_decided_about_what_is_not_open(incident: Incident, found: tuple[Wave, ...]) -> None:
    if incident.state is not IncidentState.OPEN:
        assert decide(incident, found) == Rest()


@given(incidents, waves)
def test_it_is_closed_exactly_when_nothing_is_left(incident: Incident, found: tuple[Wave, ...]) -> None:
    incident = msgspec.structs.replace(incident, state=IncidentState.OPEN)
    assert isinstance(decide(incident, found), Close) == all(map(is_over, found))


@given(incidents, waves)
def test_only_the_first_wave_that_waits_is_released_and_whole(incident: Incident, found: tuple[Wave, ...]) -> None:
    decision = decide(incident, found)
    if isinstance(decision, Release):
        first = next(each for each in found if each.waiting)
        assert decision == Release(first.number, first.waiting)
        assert not incident.stalled
        assert not (incident.measures.waits and any(map(under_way, found)))


@given(incidents, waves)
def test_what_waits_is_released_unless_there_is_a_reason(incident: Incident, found: tuple[Wave, ...]) -> None:
    incident = msgspec.structs.replace(incident, state=IncidentState.OPEN)
    if decide(incident, found) == Rest() and any(each.waiting for each in found):
        is_busy = incident.measures.waits and any(map(under_way, found))
        assert incident.stalled or is_busy


@given(incidents, waves)
def test_what_was_noted_is_not_noted_again(incident: Incident, found: tuple[Wave, ...]) -> None:
    decision = decide(incident, found)
    if isinstance(decision, Stall):
        noted = msgspec.structs.replace(incident, stalled=decision.why)
        assert not isinstance(decide(noted, found), Stall)


@given(incidents, waves)
def test_failures_that_an_operator_took_hold_nothing_up(incident: Incident, found: tuple[Wave, ...]) -> None:
    taken = msgspec.structs.replace(incident, state=IncidentState.OPEN, stalled="", tolerated=failing(found))
    assert not isinstance(decide(taken, found), Stall)


def test_a_few_failures_are_no_sign_and_many_are() -> None:
    incident = Incident(1, NOW, None, IncidentState.OPEN, "", Selection(), Measures(most_failing=0.5))
    few, many = Wave(1, replacing=4, failing=4), Wave(1, replacing=5, failing=5)
    assert decide(incident, [few, Wave(2, waiting=1)]) == Release(2, 1)
    assert decide(incident, [many, Wave(2, waiting=1)]) == Stall("5 of 5 fail")
    assert decide(incident, [many]) == Rest()

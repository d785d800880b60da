"""What goes wrong, drawn; and when nothing does."""

from __future__ import annotations

from random import Random

from evercert.simulation.ca.limits import Bucket
from evercert.simulation.faults import Fault, FaultKind, Weather, calm_spans, drawn
from evercert.simulation.story import ALL_FAULTS, Wanted, told


def fault(since: float, until: float, kind: FaultKind = FaultKind.CRASH, subject: int = 0) -> Fault:
    return Fault(kind, since, until, subject, 0.5)


def test_what_is_no_faults_is_calm() -> None:
    faults = [fault(10, 20), fault(15, 30), fault(40, 50)]
    assert calm_spans(faults, 0, 60) == [(0, 10), (30, 40), (50, 60)]
    assert calm_spans(faults, 12, 45) == [(30, 40)]
    assert calm_spans([], 1, 2) == [(1, 2)]


def test_no_fault_outlasts_the_end() -> None:
    found = [each for seed in range(50) for each in drawn(ALL_FAULTS, Random(seed), begin=0, end=1000, life=300)]
    assert {each.kind for each in found} == set(FaultKind)
    assert all(0 <= each.since < each.until <= 1000 for each in found)


def test_a_fault_is_one_subjects() -> None:
    weather = Weather([fault(10, 20, FaultKind.CA_OUTAGE, subject=3)])
    assert weather.at(15, FaultKind.CA_OUTAGE, own=1, among=2)
    assert not weather.at(15, FaultKind.CA_OUTAGE, own=0, among=2)
    assert not weather.at(20, FaultKind.CA_OUTAGE, own=1, among=2)
    assert not weather.at(15, FaultKind.CA_SLOW, own=1, among=2)


def test_a_thousand_stories_know_every_fault_and_number_of_nodes() -> None:
    stories = [told(seed, Wanted()) for seed in range(1000)]
    assert {each.kind for story in stories for each in story.faults} == set(FaultKind)
    assert {story.nodes for story in stories} == {1, 2, 3}
    assert {story.cas for story in stories} == {1, 2}


def test_a_bucket_gives_its_burst_and_then_one_each_period() -> None:
    bucket = Bucket(burst=3, period=30)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, 10]
    assert bucket.take(10) == 0
    assert bucket.take(10) == 10

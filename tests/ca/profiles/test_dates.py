"""Lives of certificates: what an order may ask for, and what it is given, never beyond its issuer's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from evercert.acme.problem import Problem, ProblemType
from evercert.ca.profiles.profile import BUILT_IN, Profile
from evercert.ca.profiles.request import Requested, leaf_of

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
ISSUER = (NOW - 365 * DAY, NOW + 1000 * DAY)
WEB = Profile(name="web", life=90 * DAY, backdate=HOUR, postdate=7 * DAY)


def given(
    profile: Profile = WEB,
    *,
    issuer: tuple[datetime, datetime] = ISSUER,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> tuple[datetime, datetime]:
    leaf = leaf_of(
        Requested(b"", ()),
        profile,
        serial=1,
        now=NOW,
        issuer_window=issuer,
        not_before=not_before,
        not_after=not_after,
    )
    return leaf.not_before, leaf.not_after


def test_a_life_counts_its_first_and_its_last_second_and_its_backdating() -> None:
    begin, end = given()
    assert begin == NOW - HOUR
    assert end - begin + SECOND == WEB.life


def test_a_part_of_the_issuers_life_is_of_what_is_left_of_it() -> None:
    begin, end = given(msgspec.structs.replace(WEB, life=0.1))
    assert end - begin + SECOND == 100 * DAY


def test_no_certificate_outlives_its_issuer_or_is_older() -> None:
    assert given(issuer=(NOW - SECOND, NOW + DAY)) == (NOW - SECOND, NOW + DAY)
    with pytest.raises(Problem, match="issuer's are"):
        given(issuer=(NOW - 10 * DAY, NOW - DAY))


def test_backdating_takes_no_more_than_a_tenth_of_a_short_life() -> None:
    begin, end = given(msgspec.structs.replace(WEB, life=10 * timedelta(minutes=1)))
    assert begin == NOW - timedelta(minutes=1)
    assert end == NOW + timedelta(minutes=9) - SECOND


def test_dates_that_were_asked_for_are_given() -> None:
    assert given(not_before=NOW + DAY, not_after=NOW + 2 * DAY) == (NOW + DAY, NOW + 2 * DAY)
    assert given(not_before=NOW + DAY) == (NOW + DAY, NOW + 91 * DAY - SECOND)
    assert given(not_after=NOW + DAY) == (NOW - HOUR, NOW + DAY)


def test_a_whole_life_from_now_is_not_lengthened_by_backdating() -> None:
    assert given(not_after=NOW + 90 * DAY) == (NOW, NOW + 90 * DAY)


def test_an_order_that_is_finalized_after_its_end_is_malformed() -> None:
    with pytest.raises(Problem, match="make a new order") as caught:
        given(not_before=NOW - 2 * DAY, not_after=NOW - 2 * DAY)
    assert caught.value.type is ProblemType.MALFORMED


def test_an_order_may_have_begun_since_it_was_made() -> None:
    assert given(not_before=NOW - 2 * DAY)[0] == NOW - 2 * DAY


@pytest.mark.parametrize(
    ("not_before", "not_after"),
    [
        (None, None),
        (NOW, None),
        (NOW - HOUR, None),
        (NOW + 7 * DAY, None),
        (None, NOW + 90 * DAY),
        (NOW + DAY, NOW + 91 * DAY),
        (None, NOW + SECOND),
    ],
)
def test_dates_within_the_profile_may_be_asked_for(not_before: datetime | None, not_after: datetime | None) -> None:
    WEB.check_dates(not_before, not_after, NOW, ISSUER[1])
    begin, end = given(not_before=not_before, not_after=not_after)
    assert end - begin <= WEB.life


@pytest.mark.parametrize(
    ("not_before", "not_after"),
    [
        (NOW - HOUR - SECOND, None),
        (NOW + 7 * DAY + SECOND, None),
        (None, NOW + 90 * DAY + SECOND),
        (None, NOW),
        (NOW + DAY, NOW + DAY),
        (NOW + 2 * DAY, NOW + DAY),
        (NOW - HOUR, NOW - SECOND),
    ],
)
def test_other_dates_are_malformed(not_before: datetime | None, not_after: datetime | None) -> None:
    with pytest.raises(Problem) as caught:
        WEB.check_dates(not_before, not_after, NOW, ISSUER[1])
    assert caught.value.type is ProblemType.MALFORMED


def test_the_longest_life_may_be_more_than_what_is_given_unasked() -> None:
    longer = msgspec.structs.replace(WEB, max_life=180 * DAY)
    longer.check_dates(None, NOW + 180 * DAY, NOW)
    assert given(longer, not_after=NOW + 180 * DAY) == (NOW, NOW + 180 * DAY)
    assert given(longer) == given()


def test_no_more_than_the_issuer_has_left_may_be_asked_for() -> None:
    WEB.check_dates(None, NOW + 5 * DAY, NOW, NOW + 5 * DAY)
    with pytest.raises(Problem):
        WEB.check_dates(None, NOW + 6 * DAY, NOW, NOW + 5 * DAY)


def test_an_order_of_before_the_profile_became_shorter_is_cut() -> None:
    assert given(not_before=NOW, not_after=NOW + 365 * DAY) == (NOW, NOW + 90 * DAY)


def test_a_profile_may_let_nobody_choose() -> None:
    fixed = msgspec.structs.replace(WEB, choose_dates=False)
    fixed.check_dates(None, None, NOW)
    with pytest.raises(Problem, match="choose dates"):
        fixed.check_dates(None, NOW + DAY, NOW)


def test_what_the_ends_of_the_calendar_make_is_malformed() -> None:
    for profile in (*BUILT_IN.values(), msgspec.structs.replace(WEB, life=1.0)):
        for extreme in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
            for since, until in ((extreme, None), (None, extreme), (extreme, extreme)):
                with pytest.raises(Problem):
                    profile.check_dates(since, until, NOW, ISSUER[1])

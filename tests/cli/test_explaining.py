"""What `evercert explain` says of several CAs; the rest of it is typed in test_declaration.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evercert.cli.explaining import prospect_lines
from evercert.engine.asking.prospects import Prospect

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def test_a_ca_that_was_silent_is_not_said_to_be_left_alone_until_a_moment_that_is_over() -> None:
    silent = Prospect("https://a.test/d", "default", False, "outage", "no answer", NOW)
    other = Prospect("https://b.test/d", "default", True)
    before = [*prospect_lines([silent, other], NOW - timedelta(seconds=1))]
    assert before == [
        "  https://a.test/d outage: no answer; not asked before 2027-01-01 00:00:00 UTC",
        "  https://b.test/d is asked when it is due",
    ]
    assert [*prospect_lines([silent, other], NOW)] == [
        "  https://a.test/d outage: no answer; it may be asked again",
        "  https://b.test/d is asked when it is due",
    ]


def test_of_several_accounts_at_one_ca_each_is_named() -> None:
    both = [Prospect("https://a.test/d", "default", True), Prospect("https://a.test/d", "reserve", False)]
    assert [*prospect_lines(both, NOW)] == [
        "  https://a.test/d is asked when it is due",
        "  https://a.test/d (account reserve) is asked if others cannot be",
    ]

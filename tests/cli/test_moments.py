"""What a person types for a moment is one, or is told to be none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evercert.base.errors import EvercertError
from evercert.cli.moments import moment_from

NOW = datetime(2026, 11, 27, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T12:00", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20T12:00+02:00", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        ("3d", NOW - timedelta(days=3)),
        ("365000d", NOW - timedelta(days=365_000)),
    ],
)
def test_a_date_a_moment_and_a_length_of_time_are_read(written: str, moment: datetime) -> None:
    assert moment_from(written, NOW) == moment


def test_a_length_of_time_may_lie_ahead() -> None:
    assert moment_from("12h", NOW, ahead=True) == NOW + timedelta(hours=12)


@pytest.mark.parametrize(
    "written", ["", "yesterday", "2026-13-01", "٣d", "9999999d", "999999999w", "0001-01-01T00:00+14:00"]
)
@pytest.mark.parametrize("ahead", [False, True])
def test_what_is_none_is_told(written: str, ahead: bool) -> None:
    with pytest.raises(EvercertError) as caught:
        moment_from(written, NOW, ahead=ahead)
    assert caught.value.code.name == "bad-input"

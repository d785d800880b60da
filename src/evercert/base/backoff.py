"""How long to wait after the n-th failure in a row."""

from __future__ import annotations

from datetime import timedelta
from random import Random

__all__ = ["poll_delay", "pressing_delay", "retry_delay"]

# Let's Encrypt's integration guide: one minute, ten minutes, a hundred minutes, then once a day.
_RETRIES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=100))
_DAILY = timedelta(days=1)

# However near the end is: at most three times an hour for a life of ninety days, because five failed validations in an
# hour lock a name out (Let's Encrypt); more often for a shorter life, but never without a pause.
_OFTEN, _OFTENEST, _SOONEST = 1 / 6000, timedelta(minutes=20), timedelta(seconds=5)


def retry_delay(
    failures: int, *, rng: Random, left: timedelta | None = None, life: timedelta | None = None
) -> timedelta:
    """The wait after *failures* (1 or more) in a row, with up to a quarter more at random.

    *left* is how long the certificate in use still lives of its whole *life*, None where there is none: as it runs out
    the wait shrinks to a twentieth of it, so that a certificate of six days is not left alone for one.
    """
    wait = _RETRIES[failures - 1] if failures <= len(_RETRIES) else _DAILY
    if left is not None and life is not None:
        wait = min(wait, pressing_delay(left, life))
    return wait * (1 + rng.random() / 4)


def pressing_delay(left: timedelta, life: timedelta) -> timedelta:
    """The longest wait of a certificate that has so much *left* of its *life*, but for what is added at random."""
    return max(left / 20, min(max(life * _OFTEN, _SOONEST), _OFTENEST))


def poll_delay(asked: int) -> float:
    """Seconds before asking again for the (*asked* + 1)-th time, where the server named no time.

    Quick at first, because most CAs are done within a second; never more than ten seconds.
    """
    return min(0.1 * 1.6**asked, 10.0)

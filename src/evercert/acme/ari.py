"""When to renew, as the CA suggests (RFC 9773). Pure; a certificate's identifier is made in `pki`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from random import Random
from typing import Final

from evercert.acme.foreign import shown
from evercert.base.errors import EvercertError

__all__ = ["DEFAULT_POLL", "bounded_poll", "checked_ari_id", "moment_within", "usual_poll"]

# §4.3.2: at most once a minute, at least once a day; Let's Encrypt asks for every six hours.
_SOONEST: Final = timedelta(minutes=1)
_LATEST: Final = timedelta(days=1)
DEFAULT_POLL: Final = timedelta(hours=6)

# §4.1: base64url(keyIdentifier) "." base64url(serial number's octets).
_ARI_ID = re.compile(r"[A-Za-z0-9_-]{1,300}\.[A-Za-z0-9_-]{1,300}")


def moment_within(start: datetime, end: datetime, rng: Random) -> datetime:
    """A moment inside the window, spread evenly (§4.2). Draw it once for a window, and keep it."""
    return start + (end - start) * rng.random()


def usual_poll(life: timedelta) -> timedelta:
    """After how long to ask again about a certificate that lives so long, if the CA says nothing of it: six hours, or
    less where they would be much of its life."""
    return min(DEFAULT_POLL, life / 20)


def bounded_poll(asked: timedelta | None) -> timedelta:
    """After how long to ask again, given the server's Retry-After."""
    return min(max(asked, _SOONEST), _LATEST) if asked is not None else DEFAULT_POLL


def checked_ari_id(ari_id: str) -> str:
    """*ari_id*, if it can stand in a URL; raises `bad-input`."""
    if not _ARI_ID.fullmatch(ari_id):
        raise EvercertError("bad-input", f"{shown(ari_id)!r} identifies no certificate for renewal information")
    return ari_id

"""External accounts (RFC 8555 §7.3.4): keys that are handed out, for whom and for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from evercert.acme.jose import b64url
from evercert.base.errors import EvercertError
from evercert.base.secret import Secret
from evercert.ca.operating.office import Office
from evercert.ca.profiles.policy import NamePolicy
from evercert.ca.protocol.envelope import MACS
from evercert.ca.store import audit, eab
from evercert.ca.store.eab import ExternalKey
from evercert.store.columns import to_text

__all__ = ["HandedOut", "hand_out", "take_back"]

_KEY_OCTETS = 32


@dataclass(frozen=True, slots=True)
class HandedOut:
    """What the customer is given, once: nobody can read the key again."""

    key: ExternalKey
    hmac_key: Secret


async def hand_out(
    office: Office,
    *,
    label: str = "",
    reusable: bool = False,
    authorizes: bool = False,
    names: Sequence[str] = (),
    profiles: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> HandedOut:
    """A new key. *names* is what its accounts may order, in the words of a profile's `allow`; with *authorizes* those
    names need no challenge. Raises `bad-input` for what makes no sense."""
    if authorizes and not names:
        raise EvercertError("bad-input", "a key that authorizes has to say which names", hint="such as .corp.test")
    if unknown := [name for name in profiles if name not in office.profiles]:
        raise EvercertError("not-found", f"there is no profile {unknown[0]!r}", hint=", ".join(office.profiles))
    policy = to_text(NamePolicy(tuple(names))) if names else ""
    now, secret = office.clock.now(), Secret(office.rng.randbytes(_KEY_OCTETS))
    key = ExternalKey(
        kid=b64url(office.rng.randbytes(12)),
        algorithms=MACS,
        label=label,
        reusable=reusable,
        authorizes=authorizes,
        names=policy,
        profiles=tuple(profiles),
        created_at=now,
        expires_at=expires_at,
    )
    body = {"kid": key.kid, "label": label, "reusable": reusable, "authorizes": authorizes, "names": list(names)}
    record = audit.appended("eab handed out", body | {"by": office.who}, now)
    await office.db.write(eab.added(key, secret, office.sealer), record)
    return HandedOut(replace(key, sealed=b""), Secret(b64url(secret.reveal())))


async def take_back(office: Office, kid: str) -> None:
    """Afterwards nobody registers with it, and accounts that did order nothing more. Raises `not-found`."""
    now = office.clock.now()
    record = audit.appended("eab taken back", {"kid": kid, "by": office.who}, now)
    try:
        await office.db.write(eab.revoked(kid, now), record)
    except EvercertError as error:
        if error.code.name != "conflict":
            raise
        raise EvercertError("not-found", f"there is no key {kid[:60]!r} in use", hint="evercert ca eab list") from error

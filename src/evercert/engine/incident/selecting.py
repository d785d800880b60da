"""Which certificates an incident means. Reads only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from hashlib import sha256

import msgspec

from evercert.base.errors import EvercertError
from evercert.db.protocol import Database
from evercert.model.incident import Selection
from evercert.model.intent import CertificateIntent, is_called
from evercert.pki.cert import read_certificate
from evercert.store import incidents, issued
from evercert.store.incidents import Candidate

__all__ = ["Chosen", "check", "choose", "means"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A certificate that was issued and is meant, and what is wanted of its name."""

    issued: Candidate
    intent: CertificateIntent

    @property
    def ca(self) -> str:
        """The CA that issued it; where it came from elsewhere, the one that is asked for its next."""
        return self.issued.ca or self.intent.ca


def check(selection: Selection) -> None:
    """Raises `bad-input` where nothing is said, which would mean everything."""
    if selection == Selection():
        hint = "such as --ca, --issuer, --serial-from, --key, --profile, --issued-from or --tag; for all of a CA: --ca"
        raise EvercertError("bad-input", "say which certificates the incident is about", hint=hint)
    if selection.serials_file and not selection.serials:
        raise EvercertError("bad-input", f"{selection.serials_file} holds no serial number")


async def choose(db: Database, selection: Selection, now: datetime, *, superseded: bool) -> AsyncIterator[Chosen]:
    """Those that are meant, valid still and not revoked, in the order of their issuance, portion by portion.
    *superseded*: also those in whose place others are current, which only a revocation concerns."""
    after = 0
    while portion := await incidents.candidates(db, selection, now, superseded=superseded, after=after):
        after = portion[-1].issued_id
        for candidate in portion:
            chosen = Chosen(candidate, _intent(candidate.intent))
            if means(selection, chosen) and await _has_key(db, selection, candidate):
                yield chosen


def means(selection: Selection, chosen: Chosen) -> bool:
    """Whether all of it is true that columns of the store do not tell by themselves. Pure."""
    candidate, intent = chosen.issued, chosen.intent
    return (
        selection.ca in {"", chosen.ca}
        and (not selection.issuer or fnmatchcase(candidate.issuer, selection.issuer))
        and (not selection.serials_file or candidate.serial.lstrip("0") in selection.serials)
        and selection.key_type in {None, intent.key_type if not intent.csr else None}
        and selection.profile in {"", candidate.profile or intent.profile}
        and selection.owner in {"", intent.terms.owner}
        and (not selection.tag or selection.tag in intent.terms.tags)
        and (not selection.name or is_called(intent.name, intent.identifiers, selection.name))
    )


async def _has_key(db: Database, selection: Selection, candidate: Candidate) -> bool:
    """Where its key never was here, the certificate itself says which it is."""
    if not selection.key or candidate.key:
        return True
    leaf, _ = await issued.body(db, candidate.issued_id)
    return sha256(read_certificate(leaf).spki).hexdigest() == selection.key


_intent = msgspec.json.Decoder(CertificateIntent).decode

"""What each operation does: words into an act of `ca.operating`, and what came of it into a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

import msgspec

from evercert.base.clock import from_epoch, to_epoch
from evercert.base.errors import EvercertError
from evercert.ca.admin import shapes
from evercert.ca.admin.desk import AdminDesk
from evercert.ca.admin.shapes import account_shown, certificate_shown, key_shown, list_shown
from evercert.ca.nouns import Certificate
from evercert.ca.operating import auditing, external, figures, incident, listing, people, rationing
from evercert.ca.operating.auditing import Verified
from evercert.ca.operating.figures import Figures
from evercert.ca.store import certificates, crls, eab, pauses
from evercert.ca.store.operating import Wanted, accounts_of, find
from evercert.config.toml import span_of
from evercert.pki.cert import certificate_pem

__all__ = [
    "close_incident",
    "declare_incident",
    "end_account",
    "find_certificates",
    "hand_out_external",
    "list_accounts",
    "list_audit",
    "list_buckets",
    "list_external",
    "list_incidents",
    "list_issuers",
    "list_lists",
    "list_paused",
    "list_profiles",
    "make_lists",
    "prove_audit",
    "revoke_certificate",
    "show_account",
    "show_certificate",
    "show_figures",
    "take_back_external",
    "unpause",
]

Words = Mapping[str, str]

# What the store's numbers are, at most.
_LARGEST: Final = 2**63 - 1
_DIGITS: Final = len(str(_LARGEST))
_MOST: Final = 1000
# In the year 9999, the last that there are dates of.
_LAST: Final = 253_370_764_800_000_000


async def find_certificates(desk: AdminDesk, words: Words, asked: shapes.FindCertificates) -> shapes.CertificateList:
    now = desk.office.clock.now()
    wanted = replace(_wanted(asked), revoked={"valid": False, "revoked": True}.get(asked.state))
    if asked.state == "valid":
        wanted = replace(wanted, alive_at=now)
    if asked.before:
        at, _, serial = asked.before.partition(".")
        wanted = replace(wanted, page=(from_epoch(min(_number(at), _LAST)), serial))
    found = await find(desk.office.db, wanted, asked.limit)
    further = _cursor(found[-1]) if len(found) == asked.limit else ""
    return shapes.CertificateList([certificate_shown(each, now) for each in found], further)


async def show_certificate(desk: AdminDesk, words: Words, asked: None) -> shapes.CertificateWhole:
    found = await desk.office.certificate(words["serial"])
    pem = certificate_pem(await certificates.body(desk.office.db, found.serial))
    shown = msgspec.structs.asdict(certificate_shown(found, desk.office.clock.now()))
    return shapes.CertificateWhole(**shown, pem=pem)


async def revoke_certificate(desk: AdminDesk, words: Words, asked: shapes.Revoking) -> shapes.CertificateShown:
    revoked = await desk.office.revoke(words["serial"], asked.reason)
    return certificate_shown(await desk.office.certificate(revoked.serial), desk.office.clock.now())


async def list_accounts(desk: AdminDesk, words: Words, asked: shapes.FindAccounts) -> shapes.AccountList:
    found = await accounts_of(desk.office.db, asked.limit, _number(asked.before or "0"))
    further = str(found[-1].id) if len(found) == asked.limit else ""
    return shapes.AccountList([account_shown(each) for each in found], further)


async def show_account(desk: AdminDesk, words: Words, asked: None) -> shapes.AccountShown:
    return account_shown(await people.account_of(desk.office, _number(words["account"])))


async def end_account(desk: AdminDesk, words: Words, asked: None) -> shapes.AccountShown:
    return account_shown(await people.end_account(desk.office, _number(words["account"])))


async def list_external(desk: AdminDesk, words: Words, asked: None) -> shapes.KeyList:
    now = desk.office.clock.now()
    return shapes.KeyList([key_shown(each, now) for each in await eab.newest(desk.office.db)])


async def hand_out_external(desk: AdminDesk, words: Words, asked: shapes.HandingOut) -> shapes.HandedOutKey:
    given = msgspec.structs.asdict(asked)
    expires = given.pop("expires")
    end = desk.office.clock.now() + span_of(expires) if expires else None
    out = await external.hand_out(desk.office, **given, expires_at=end)
    return shapes.HandedOutKey(out.key.kid, out.hmac_key.text())


async def take_back_external(desk: AdminDesk, words: Words, asked: None) -> shapes.NothingMore:
    await external.take_back(desk.office, words["kid"])
    return shapes.NothingMore()


async def list_profiles(desk: AdminDesk, words: Words, asked: None) -> shapes.Profiles:
    profiles = desk.office.profiles.values()
    return shapes.Profiles([shapes.ProfileShown(each.name, each.description, _plain(each)) for each in profiles])


async def list_issuers(desk: AdminDesk, words: Words, asked: None) -> shapes.Issuers:
    return shapes.Issuers(
        [
            shapes.IssuerShown(
                name=each.name,
                active=each.active,
                key=each.signer.key.type.value,
                not_before=each.signer.not_before,
                not_after=each.signer.not_after,
                chains=len(each.chains),
            )
            for each in desk.issuers
        ]
    )


async def list_incidents(desk: AdminDesk, words: Words, asked: None) -> shapes.Incidents:
    found = await incident.open_incidents(desk.office)
    return shapes.Incidents([shapes.IncidentShown(**asdict(each)) for each in found])


async def declare_incident(desk: AdminDesk, words: Words, asked: shapes.Declaring) -> shapes.Counted:
    wanted = _wanted(asked)
    if wanted == Wanted():
        raise EvercertError("bad-input", "an incident names its certificates", hint='name = "*" means all')
    return shapes.Counted(await incident.declare(desk.office, wanted, asked.explanation, span_of(asked.within)))


async def close_incident(desk: AdminDesk, words: Words, asked: shapes.Closing) -> shapes.Counted:
    return shapes.Counted(await incident.close(desk.office, asked.explanation))


async def show_figures(desk: AdminDesk, words: Words, asked: None) -> Figures:
    return await figures.figures(desk.office)


async def list_audit(desk: AdminDesk, words: Words, asked: shapes.FindRecords) -> shapes.AuditList:
    found = await auditing.latest(desk.office.db, asked.limit, asked.kind, asked.before)
    further = str(found[-1].id) if len(found) == asked.limit else ""
    return shapes.AuditList([shapes.RecordShown(**asdict(each)) for each in found], further)


async def prove_audit(desk: AdminDesk, words: Words, asked: shapes.Proving) -> Verified:
    return await auditing.verify(desk.office.db, (asked.id, asked.hash) if asked.id else None)


async def list_buckets(desk: AdminDesk, words: Words, asked: shapes.FindBuckets) -> shapes.BucketList:
    found = await rationing.buckets(desk.office, asked.about, asked.limit)
    return shapes.BucketList([shapes.Bucket(**asdict(each)) for each in found])


async def list_paused(desk: AdminDesk, words: Words, asked: None) -> shapes.PauseList:
    found = await pauses.newest(desk.office.db, _MOST)
    items = (shapes.PauseShown(str(each.account_id), each.identifier, each.failures, each.paused_at) for each in found)
    return shapes.PauseList(list(items))


async def list_lists(desk: AdminDesk, words: Words, asked: None) -> shapes.Lists:
    return shapes.Lists([list_shown(each) for each in await crls.newest(desk.office.db)])


async def make_lists(desk: AdminDesk, words: Words, asked: None) -> shapes.Lists:
    return shapes.Lists([list_shown(each) for each in await listing.made_now(desk.office, desk.lists)])


async def unpause(desk: AdminDesk, words: Words, asked: shapes.Unpausing) -> shapes.NothingMore:
    await rationing.unpause(desk.office, _number(asked.account), asked.identifier)
    return shapes.NothingMore()


def _plain(profile: object) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(profile, enc_hook=str)
    return plain


def _cursor(last: Certificate) -> str:
    return f"{to_epoch(last.issued_at)}.{last.serial}"


def _wanted(asked: shapes.FindCertificates | shapes.Declaring) -> Wanted:
    return Wanted(
        serial=asked.serial,
        name=asked.name,
        issuer=asked.issuer,
        profile=asked.profile,
        account_id=_number(asked.account or "0"),
    )


def _number(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > _DIGITS:
        raise EvercertError("bad-input", "that is no number")
    return min(int(text), _LARGEST)

"""Every operation of the admin API, in one table: what may be asked, by whom, with what, and what does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from evercert.ca.admin import acts, shapes
from evercert.ca.admin.desk import AdminDesk
from evercert.ca.operating.auditing import Verified
from evercert.ca.operating.figures import Figures
from evercert.ca.store.tokens import Role

__all__ = ["OPERATIONS", "Act", "Operation"]

Words = Mapping[str, str]

# Given the desk, the path's variables, and the query or the body, as the operation takes one.
Act = Callable[[AdminDesk, Words, Any], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` has its variables in braces. *query* and *body* are structs, each where there is one."""

    method: str
    path: str
    role: Role
    summary: str
    gives: type
    act: Act
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    status: int = 200

    @property
    def name(self) -> str:
        """The act's own, in every language that reads the document."""
        return self.act.__name__


def _get(path: str, summary: str, gives: type, act: Act, query: type[msgspec.Struct] | None = None) -> Operation:
    return Operation("GET", path, "read", summary, gives, act, query=query)


def _post(
    path: str, summary: str, gives: type, act: Act, body: type[msgspec.Struct] | None = None, status: int = 200
) -> Operation:
    return Operation("POST", path, "operate", summary, gives, act, body=body, status=status)


OPERATIONS: Final = (
    _get(
        "/v1/certificates",
        "Certificates, newest first",
        shapes.CertificateList,
        acts.find_certificates,
        shapes.FindCertificates,
    ),
    _get("/v1/certificates/{serial}", "One certificate", shapes.CertificateWhole, acts.show_certificate),
    _post(
        "/v1/certificates/{serial}/revocation",
        "Revoke a certificate",
        shapes.CertificateShown,
        acts.revoke_certificate,
        shapes.Revoking,
    ),
    _get("/v1/accounts", "Accounts, newest first", shapes.AccountList, acts.list_accounts, shapes.FindAccounts),
    _get("/v1/accounts/{account}", "One account", shapes.AccountShown, acts.show_account),
    _post("/v1/accounts/{account}/end", "End an account for ever", shapes.AccountShown, acts.end_account),
    _get("/v1/eab", "External accounts, never their keys", shapes.KeyList, acts.list_external),
    _post("/v1/eab", "Hand out a key", shapes.HandedOutKey, acts.hand_out_external, shapes.HandingOut, 201),
    Operation("DELETE", "/v1/eab/{kid}", "operate", "Take a key back", shapes.NothingMore, acts.take_back_external),
    _get("/v1/profiles", "Profiles in force", shapes.Profiles, acts.list_profiles),
    _get("/v1/issuers", "Issuers", shapes.Issuers, acts.list_issuers),
    _get("/v1/incidents", "Incidents that are open", shapes.Incidents, acts.list_incidents),
    _post(
        "/v1/incidents", "Have certificates renewed early", shapes.Counted, acts.declare_incident, shapes.Declaring, 201
    ),
    _post("/v1/incidents/end", "Close an incident", shapes.Counted, acts.close_incident, shapes.Closing),
    _get("/v1/crls", "Lists of what is revoked", shapes.Lists, acts.list_lists),
    _post("/v1/crls", "Make every list anew now", shapes.Lists, acts.make_lists),
    _get("/v1/limits", "Buckets, emptiest first", shapes.BucketList, acts.list_buckets, shapes.FindBuckets),
    _get("/v1/pauses", "Names that are not tried any more", shapes.PauseList, acts.list_paused),
    _post("/v1/pauses/end", "Let a name be tried again", shapes.NothingMore, acts.unpause, shapes.Unpausing),
    _get("/v1/stats", "The CA in figures", Figures, acts.show_figures),
    _get("/v1/audit", "Audit records, newest first", shapes.AuditList, acts.list_audit, shapes.FindRecords),
    Operation("POST", "/v1/audit/proof", "read", "Prove the audit", Verified, acts.prove_audit, body=shapes.Proving),
)

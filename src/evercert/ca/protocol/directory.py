"""The directory (RFC 8555 §7.1.1): what is offered here, and nothing that is not."""

from __future__ import annotations

from evercert.base.serving import Answer
from evercert.ca.protocol.answers import Header, json_answer
from evercert.ca.protocol.desk import Desk

__all__ = ["directory"]


def directory(desk: Desk, *headers: Header) -> Answer:
    urls = desk.urls
    members: dict[str, object] = {
        "newNonce": urls.new_nonce,
        "newAccount": urls.new_account,
        "newOrder": urls.new_order,
        "newAuthz": urls.new_authz,
        "revokeCert": urls.revoke_cert,
        "keyChange": urls.key_change,
        "renewalInfo": urls.renewal_info,
        "meta": _meta(desk),
    }
    return json_answer(200, members, *headers)


def _meta(desk: Desk) -> dict[str, object]:
    rules = desk.rules
    meta: dict[str, object] = {
        "termsOfService": rules.terms,
        "website": rules.website,
        "caaIdentities": rules.caa_identities,
        "externalAccountRequired": rules.eab_required,
        "profiles": {name: profile.description or name for name, profile in desk.profiles.items()},
        "subdomainAuthAllowed": rules.subdomains,
    }
    if rules.caa_identities:
        # draft-ietf-acme-dns-persist-02
        meta |= {"issuerDomainNames": rules.caa_identities[:10], "accountHashPrefix": desk.urls.account_hashes}
    if rules.recurrence:
        meta["auto-renewal"] = {
            "min-lifetime": int(rules.recurrence.shortest.total_seconds()),
            "max-duration": int(rules.recurrence.longest.total_seconds()),
            "allow-certificate-get": True,
        }
    return {name: value for name, value in meta.items() if value not in ("", (), False)}

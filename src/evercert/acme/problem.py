"""What a CA says when it says no (RFC 8555 §6.7).

Rule of this file: everything that is true of a type of problem stands in `ProblemType`, once.
A CA that answers and a client that is answered read the same table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

import msgspec

from evercert.acme.foreign import retry_after, shown
from evercert.acme.wire import ProblemDocument
from evercert.base.errors import EvercertError, Retry
from evercert.base.message import Response

__all__ = ["URN", "Problem", "ProblemType", "problem_of", "problem_type", "refusal"]

URN: Final = "urn:ietf:params:acme:error:"


@dataclass(frozen=True, slots=True)
class _Kind:
    """`name` completes the URN; `status` is what a CA sends; `code` and `retry` are our verdict."""

    name: str
    status: int
    code: str
    retry: Retry
    meaning: str
    hint: str = ""


_DNS_HINT = "run `evercert doctor NAME` to see what public DNS says"
# CAs say this of accounts, and of names whose proof they have seen and do not believe.
_NOT_ALLOWED_HINT = "`evercert doctor NAME` looks at the name and the account; another account goes with --account"
_REACH_HINT = "the CA must reach the name from the internet; run `evercert doctor NAME`"


class ProblemType(Enum):
    """RFC 8555 §6.7 and the later entries of the registry "ACME Error Types"."""

    ACCOUNT_DOES_NOT_EXIST = _Kind(
        "accountDoesNotExist",
        400,
        "acme",
        Retry.NEVER,
        "the CA knows no account with this key",
        "the next certificate registers another one; or take over the key that the CA knows: evercert account import",
    )
    ALREADY_REPLACED = _Kind(
        "alreadyReplaced", 409, "acme", Retry.NOW, "another order replaces that certificate (RFC 9773)"
    )
    ALREADY_REVOKED = _Kind("alreadyRevoked", 400, "acme", Retry.NEVER, "the certificate is revoked already")
    AUTO_RENEWAL_CANCELED = _Kind(
        "autoRenewalCanceled", 403, "acme", Retry.NEVER, "the recurrent order was cancelled (RFC 8739)"
    )
    AUTO_RENEWAL_CANCELLATION_INVALID = _Kind(
        "autoRenewalCancellationInvalid", 403, "acme", Retry.NEVER, "such an order cannot be cancelled now (RFC 8739)"
    )
    AUTO_RENEWAL_EXPIRED = _Kind(
        "autoRenewalExpired", 403, "acme", Retry.NEVER, "the recurrent order has come to its end (RFC 8739)"
    )
    AUTO_RENEWAL_REVOCATION_NOT_SUPPORTED = _Kind(
        "autoRenewalRevocationNotSupported",
        403,
        "acme",
        Retry.NEVER,
        "a recurrent order's certificate is not revoked but cancelled (RFC 8739)",
    )
    BAD_ATTESTATION_STATEMENT = _Kind(
        "badAttestationStatement", 400, "challenge-failed", Retry.NEVER, "the device's attestation was not accepted"
    )
    BAD_CSR = _Kind(
        "badCSR",
        400,
        "ca-refused",
        Retry.OTHER_CA,
        "the CA does not accept the certificate request",
        "try another key type (ec256 and rsa2048 are accepted everywhere)",
    )
    BAD_NONCE = _Kind("badNonce", 400, "acme", Retry.NOW, "the nonce was used or has expired")
    BAD_PUBLIC_KEY = _Kind(
        "badPublicKey", 400, "ca-refused", Retry.OTHER_CA, "the CA does not accept the key", "try another key type"
    )
    BAD_REVOCATION_REASON = _Kind(
        "badRevocationReason", 400, "acme", Retry.NEVER, "the CA does not take that reason for a revocation"
    )
    BAD_SIGNATURE_ALGORITHM = _Kind(
        "badSignatureAlgorithm",
        400,
        "acme",
        Retry.NEVER,
        "the CA does not accept the account key's algorithm",
        "use an account key of type ec256 or rsa2048",
    )
    CAA = _Kind(
        "caa",
        403,
        "ca-refused",
        Retry.OTHER_CA,
        "the name's CAA records forbid this CA to issue",
        "add a CAA record that names the CA, or use another CA; `evercert doctor NAME` shows the records",
    )
    COMPOUND = _Kind("compound", 400, "acme", Retry.LATER, "there are several faults")
    CONFLICT = _Kind("conflict", 409, "acme", Retry.LATER, "something else was changed at the same time")
    CONNECTION = _Kind(
        "connection",
        400,
        "challenge-failed",
        Retry.LATER,
        "the CA could not connect to the name to validate it",
        _REACH_HINT,
    )
    DNS = _Kind("dns", 400, "challenge-failed", Retry.LATER, "the CA's DNS query failed", _DNS_HINT)
    EXTERNAL_ACCOUNT_REQUIRED = _Kind(
        "externalAccountRequired",
        403,
        "acme",
        Retry.NEVER,
        "the CA registers only with an external account binding",
        "get a key id and an HMAC key from the CA, and give them as --eab-kid and --eab-key",
    )
    INCORRECT_RESPONSE = _Kind(
        "incorrectResponse",
        403,
        "challenge-failed",
        Retry.LATER,
        "the CA found something else than the challenge's answer",
        "another server or DNS record answers for the name; run `evercert doctor NAME`",
    )
    INVALID_CONTACT = _Kind(
        "invalidContact", 400, "acme", Retry.NEVER, "the CA does not accept a contact", "check the e-mail address"
    )
    INVALID_PROFILE = _Kind(
        "invalidProfile",
        400,
        "ca-refused",
        Retry.NEVER,
        "the CA does not offer that profile for this order",
        "`evercert ca show` lists the profiles that the CA offers",
    )
    MALFORMED = _Kind("malformed", 400, "acme", Retry.NEVER, "the CA does not understand the request")
    ONION_CAA_REQUIRED = _Kind(
        "onionCAARequired", 403, "ca-refused", Retry.NEVER, "the CA wants the onion service's CAA (RFC 9799)"
    )
    ORDER_NOT_READY = _Kind("orderNotReady", 403, "acme", Retry.NOW, "the order cannot be finalized yet")
    RATE_LIMITED = _Kind("rateLimited", 429, "rate-limited", Retry.LATER, "too many requests; the CA asks to wait")
    REJECTED_IDENTIFIER = _Kind(
        "rejectedIdentifier", 400, "ca-refused", Retry.OTHER_CA, "the CA will not issue for a name"
    )
    SERVER_INTERNAL = _Kind("serverInternal", 500, "acme", Retry.LATER, "the CA has a fault of its own")
    TLS = _Kind(
        "tls",
        400,
        "challenge-failed",
        Retry.LATER,
        "the CA's TLS connection to the name failed while validating",
        _REACH_HINT,
    )
    UNAUTHORIZED = _Kind("unauthorized", 403, "acme", Retry.LATER, "the CA does not allow that", _NOT_ALLOWED_HINT)
    UNKNOWN_DELEGATION = _Kind("unknownDelegation", 400, "acme", Retry.NEVER, "there is no such delegation (RFC 9115)")
    UNSUPPORTED_CONTACT = _Kind(
        "unsupportedContact", 400, "acme", Retry.NEVER, "the CA does not take contacts of that kind", "use mailto:"
    )
    UNSUPPORTED_IDENTIFIER = _Kind(
        "unsupportedIdentifier",
        400,
        "ca-refused",
        Retry.OTHER_CA,
        "the CA does not issue for identifiers of that type",
    )
    USER_ACTION_REQUIRED = _Kind(
        "userActionRequired", 403, "acme", Retry.NEVER, "the CA wants its customer to do something first"
    )
    # Not a registered type: whatever a CA sends that we do not know.
    OTHER = _Kind("", 400, "acme", Retry.LATER, "the CA refused")

    @property
    def urn(self) -> str:
        return URN + self.value.name if self.value.name else "about:blank"


_TYPES: Final = {kind.urn: kind for kind in ProblemType}
# Where a server (or a proxy in front of it) sends no problem document, its status must do.
_BY_STATUS: Final = {429: ProblemType.RATE_LIMITED, 401: ProblemType.UNAUTHORIZED, 403: ProblemType.UNAUTHORIZED}


# How CAs call the external account, its key and what binds them, in the details of problems.
_BINDING: Final = re.compile(r"external[ _-]?account|\beab\b|\bbinding|\bkey[ _-]?id|\bkid\b|\bhmac\b", re.IGNORECASE)


class Problem(EvercertError):
    """A CA's refusal. Its own class because flows, stages and the ledger branch on `type`.

    `status` is the HTTP status, `instance` a URL for the user to visit, `subproblems` what is
    wrong with each name; `detail` is the CA's text, printable and bounded; `algorithms` those that
    may be used instead (`badSignatureAlgorithm`, §6.2). `is_said` is false where there was a status alone, which may be
    a gateway's in front of the CA.
    """

    def __init__(
        self,
        type: ProblemType,  # noqa: A002 - the RFC's word
        detail: str = "",
        *,
        status: int = 0,
        subproblems: tuple[Problem, ...] = (),
        instance: str = "",
        name: str = "",
        ca: str = "",
        after: timedelta | None = None,
        unknown_type: str = "",
        algorithms: tuple[str, ...] = (),
        is_said: bool = True,
    ) -> None:
        self.type = type
        self.detail = shown(detail, 2000)
        self.status = status or type.value.status
        self.subproblems = subproblems
        self.instance = shown(instance, 500)
        self.unknown_type = shown(unknown_type)
        self.algorithms = algorithms
        self.is_said = is_said
        super().__init__(
            type.value.code, self._message(), hint=self._hint(), name=name, ca=ca, retry=type.value.retry, after=after
        )
        self.parts = subproblems
        if self.status >= 500 and type is ProblemType.OTHER:
            self.retry = Retry.LATER

    @property
    def refuses_profile(self) -> bool:
        """Whether it is about the order's profile: `invalidProfile`, or what CAs have said instead
        (Let's Encrypt's staging `unauthorized`, Pebble `malformed`)."""
        if self.type is ProblemType.INVALID_PROFILE:
            return True
        return self.type in {ProblemType.UNAUTHORIZED, ProblemType.MALFORMED} and "profile" in self.detail.lower()

    @property
    def refuses_binding(self) -> bool:
        """Whether it may be about the external account that a new account was to be bound to. Google says
        `unauthorized` of one that it does not know (any more), Sectigo `malformed`."""
        is_malformed = self.type is ProblemType.MALFORMED and "external account" in self.detail.lower()
        return self.is_said and (self.type is ProblemType.UNAUTHORIZED or is_malformed)

    @property
    def names_binding(self) -> bool:
        """Whether its words are about the external account, where `refuses_binding` leaves that open: `unauthorized` is
        said of contacts, terms, addresses and suspended customers, too."""
        is_named = self.type is ProblemType.EXTERNAL_ACCOUNT_REQUIRED or _BINDING.search(self.detail) is not None
        return self.is_said and is_named

    def _message(self) -> str:
        named = self.type.value.name or self.unknown_type.rpartition(":")[2]
        said = shown(self.detail, 400) or f"{self.type.value.meaning} (status {self.status})"
        parts = [f"{named}: {said}" if named and named != "about:blank" else said]
        parts += [str(each) for each in self.subproblems[:10]]
        if len(self.subproblems) > 10:
            parts.append(f"and {len(self.subproblems) - 10} more")
        return "; ".join(parts)

    def _hint(self) -> str:
        if self.instance.startswith(("https://", "http://")):
            return f"see {self.instance}"
        return self.type.value.hint or next((each.hint for each in self.subproblems if each.hint), "")


def problem_type(urn: str) -> ProblemType:
    """The type of that URN; `OTHER` where we do not know it."""
    return _TYPES.get(urn, ProblemType.OTHER)


def problem_of(
    document: ProblemDocument, *, status: int = 0, after: timedelta | None = None, depth: int = 1
) -> Problem:
    """The problem that *document* describes, with its subproblems (one level: §6.7.1)."""
    kind = problem_type(document.type)
    if kind is ProblemType.OTHER and status == ProblemType.RATE_LIMITED.value.status:
        kind = ProblemType.RATE_LIMITED
    return Problem(
        kind,
        document.detail or document.title,
        status=status or document.status or 0,
        subproblems=tuple(problem_of(each, depth=depth - 1) for each in document.subproblems) if depth else (),
        instance=document.instance,
        name=shown((document.identifier or {}).get("value", "")),
        after=after,
        unknown_type=document.type if kind is ProblemType.OTHER else "",
    )


def refusal(response: Response) -> Problem:
    """The problem that an error response is, be it a problem document or not."""
    after = retry_after(response)
    try:
        document = msgspec.json.decode(response.body, type=ProblemDocument, strict=False)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        document = None
    if document is None or (document.type == "about:blank" and not document.detail):
        return _bare(response, after)
    return problem_of(document, status=response.status, after=after)


def _bare(response: Response, after: timedelta | None) -> Problem:
    kind = _BY_STATUS.get(response.status, ProblemType.OTHER)
    if response.status >= 500:
        kind = ProblemType.SERVER_INTERNAL
    words = f"the server answered with status {response.status}"
    return Problem(kind, words, status=response.status, after=after, is_said=False)

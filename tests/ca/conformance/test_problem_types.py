"""The registry "ACME Error Types", row by row: what provokes each type at our CA, and what comes with it.

A problem that is about a validation stands in its challenge, one about the issuance in its order (RFC 8555 §7.1.6):
there the answer is 200, and the status of the problem is its member.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
import pytest

from evercert.acme.jose import external_account_binding, key_change
from evercert.acme.problem import Problem, ProblemType, problem_type
from evercert.base.probe import CaaRecord, Handshake, Page
from evercert.base.secret import Secret
from evercert.base.serving import Answer
from evercert.ca.limits import Limit, Limits
from evercert.ca.profiles.profile import BUILT_IN
from evercert.ca.protocol.answers import problem_answer
from evercert.ca.protocol.envelope import ALGORITHMS, MACS
from evercert.ca.rules import Rules
from evercert.pki.cert import read_certificate
from evercert.pki.key_type import KeyType
from evercert.pki.keys import generate
from tests.ca.given import BASE, World, a_ca
from tests.ca.protocol.test_certificates import REVOKE, csr_for, issued, ready, recurring
from tests.ca.protocol.wire import Wire, encoded, header, read

NAME: Final = "www.example.test"
TERMS: Final = "https://ca.test/terms"
NEW_ACCOUNT, NEW_ORDER, CHANGE = (f"{BASE}/acme/{each}" for each in ("new-account", "new-order", "key-change"))
_DEVICES: Final = msgspec.structs.replace(
    BUILT_IN["default"], names=(*BUILT_IN["default"].names, "permanent-identifier", "hardware-module")
)

Provoke = Callable[[World, Wire], Awaitable[Answer]]
Check = Callable[[World, Answer, dict[str, Any]], bool]


@dataclass(frozen=True)
class Row:
    """What *provoke* asks for last is answered with the problem, or with the resource in which it stands under
    *within*. *more* is what else must be true of the answer and the problem document."""

    kind: ProblemType
    status: int
    provoke: Provoke
    within: str = ""
    more: Check = lambda world, answer, document: True
    world: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


# What provokes them


async def no_account(world: World, wire: Wire) -> Answer:
    return await Wire(world.node.site).post(NEW_ACCOUNT, {"onlyReturnExisting": True})


async def replaced_already(world: World, wire: Wire) -> Answer:
    replaces = read_certificate(await issued(world, wire, NAME)).ari_id
    await wire.order(NAME, replaces=replaces)
    return await wire.order(NAME, "more.example.test", replaces=replaces)


async def revoked_already(world: World, wire: Wire) -> Answer:
    certificate = encoded(await issued(world, wire, NAME))
    await wire.post(REVOKE, {"certificate": certificate})
    return await wire.post(REVOKE, {"certificate": certificate})


async def recurrent(world: World, wire: Wire) -> dict[str, Any]:
    order = await ready(world, wire, NAME, **{"auto-renewal": recurring()})
    return read(await wire.post(order["finalize"], csr_for(NAME)))


async def recurrence_cancelled(world: World, wire: Wire) -> Answer:
    order = await recurrent(world, wire)
    await wire.post(order["finalize"].removesuffix("/finalize"), {"status": "canceled"})
    return await wire.post(order["star-certificate"])


async def not_to_be_cancelled(world: World, wire: Wire) -> Answer:
    return await wire.post(header(await wire.order(NAME), "location"), {"status": "canceled"})


async def recurrence_over(world: World, wire: Wire) -> Answer:
    order = await recurrent(world, wire)
    world.clock.advance(timedelta(days=3))
    wire.forget()
    return await wire.get(order["star-certificate"])


async def recurrent_revoked(world: World, wire: Wire) -> Answer:
    order = await recurrent(world, wire)
    fetched = await wire.raw(
        order["star-certificate"], await wire.signed(order["star-certificate"], None), accept="application/pkix-cert"
    )
    return await wire.post(REVOKE, {"certificate": encoded(fetched.body)})


async def not_attested(world: World, wire: Wire) -> Answer:
    wanted = [{"type": "permanent-identifier", "value": "SN-1"}]
    return await answered(wire, await wire.post(NEW_ORDER, {"identifiers": wanted}), "device-attest-01", attObj="oA")


async def other_names(world: World, wire: Wire) -> Answer:
    return await wire.post((await ready(world, wire, NAME))["finalize"], csr_for("other.example.test"))


async def nonce_used(world: World, wire: Wire) -> Answer:
    nonce = await wire.fresh()
    await wire.post(wire.kid, nonce=nonce)
    return await wire.post(wire.kid, nonce=nonce)


async def small_key(world: World, wire: Wire) -> Answer:
    """A point that is not on its curve."""
    crooked = _Crooked()
    return await wire.post(NEW_ACCOUNT, {}, key=crooked, kid="")


class _Crooked:
    jws_alg = "ES256"
    jwk: Final = {"kty": "EC", "crv": "P-256", "x": encoded(b"\1" * 32), "y": encoded(b"\2" * 32)}

    def sign_jws(self, data: bytes) -> bytes:
        return bytes(64)


async def no_such_reason(world: World, wire: Wire) -> Answer:
    return await wire.post(REVOKE, {"certificate": encoded(await issued(world, wire, NAME)), "reason": 7})


async def other_algorithm(world: World, wire: Wire) -> Answer:
    return await wire.post(wire.kid, key=generate(KeyType.EC384))


async def mac_by_another_algorithm(world: World, wire: Wire) -> Answer:
    stranger = Wire(world.node.site)
    binding = external_account_binding("kid", Secret("c2VjcmV0"), "HS256", stranger.key.jwk, NEW_ACCOUNT)
    signed = msgspec.json.decode(await stranger.signed(NEW_ACCOUNT, b"{}"))
    return await stranger.register(externalAccountBinding={**binding, "protected": signed["protected"]})


async def forbidden_by_caa(world: World, wire: Wire) -> Answer:
    order = await ready(world, wire, NAME, "b.example.test")
    world.network.records |= {each: [CaaRecord(0, "issue", ";")] for each in (NAME, "b.example.test")}
    return await wire.post(order["finalize"], csr_for(NAME, "b.example.test"))


async def two_kinds_of_fault(world: World, wire: Wire) -> Answer:
    wanted = [{"type": "email", "value": "a@example.test"}, {"type": "dns", "value": "a_b.example.test"}]
    return await wire.post(NEW_ORDER, {"identifiers": wanted})


async def key_of_another(world: World, wire: Wire) -> Answer:
    other = Wire(world.node.site)
    await other.register()
    return await wire.post(
        CHANGE, msgspec.json.decode(key_change(wire.key, other.key, account_url=wire.kid, url=CHANGE))
    )


async def answered(wire: Wire, order: Answer, kind: str = "http-01", **payload: str) -> Answer:
    """The authorization after its challenge of that kind was answered."""
    (authorization,) = read(order)["authorizations"]
    challenges = read(await wire.post(authorization))["challenges"]
    await wire.post(next(each["url"] for each in challenges if each["type"] == kind), payload)
    return await wire.post(authorization)


async def nobody_there(world: World, wire: Wire) -> Answer:
    world.network.names[NAME] = ["127.0.0.1"]
    return await answered(wire, await wire.order(NAME))


async def no_name(world: World, wire: Wire) -> Answer:
    return await answered(wire, await wire.order(NAME))


async def something_else(world: World, wire: Wire) -> Answer:
    world.network.names[NAME] = ["127.0.0.1"]
    world.network.pages[f"127.0.0.1:80 http://{NAME}/"] = Page(200, body=b"It works!")
    return await answered(wire, await wire.order(NAME))


async def old_tls(world: World, wire: Wire) -> Answer:
    world.network.names[NAME] = ["127.0.0.1"]
    world.network.doors[f"127.0.0.1:443 {NAME}"] = Handshake("acme-tls/1", "TLSv1.1", b"")
    return await answered(wire, await wire.order(NAME), "tls-alpn-01")


async def unbound(world: World, wire: Wire) -> Answer:
    return await Wire(world.node.site).register()


async def two_addresses(world: World, wire: Wire) -> Answer:
    return await wire.post(wire.kid, {"contact": ["mailto:a@example.test,b@example.test"]})


async def no_such_profile(world: World, wire: Wire) -> Answer:
    return await wire.order(NAME, profile="nothing")


async def no_json(world: World, wire: Wire) -> Answer:
    return await wire.raw(NEW_ORDER, await wire.signed(NEW_ORDER, b"{"))


async def not_proved_yet(world: World, wire: Wire) -> Answer:
    return await wire.post(read(await wire.order(NAME))["finalize"], csr_for(NAME))


async def too_many(world: World, wire: Wire) -> Answer:
    await wire.order(NAME)
    return await wire.order("other.example.test")


async def bad_names(world: World, wire: Wire) -> Answer:
    return await wire.order("a_b.example.test", NAME, "c_d.example.test")


async def a_fault_of_ours(world: World, wire: Wire) -> Answer:
    signed = await wire.signed(wire.kid, None)
    await world.node.desk.db.close()
    return await wire.raw(wire.kid, signed)


async def not_his(world: World, wire: Wire) -> Answer:
    other = Wire(world.node.site)
    await other.register()
    return await other.post(header(await wire.order(NAME), "location"))


async def by_telephone(world: World, wire: Wire) -> Answer:
    return await wire.post(wire.kid, {"contact": ["tel:+49301234"]})


async def a_mailbox(world: World, wire: Wire) -> Answer:
    return await wire.post(NEW_ORDER, {"identifiers": [{"type": "email", "value": "a@example.test"}]})


async def not_agreed(world: World, wire: Wire) -> Answer:
    return await Wire(world.node.site).post(NEW_ACCOUNT, {})


def has_algorithms(*wanted: str) -> Check:
    """RFC 8555 §6.2: "The problem document returned MUST include an "algorithms" field"."""
    return lambda world, answer, document: document["algorithms"] == list(wanted)


def has_nonce(world: World, answer: Answer, document: dict[str, Any]) -> bool:
    """§6.5: with an error too, so that the client can ask again at once."""
    return bool(header(answer, "replay-nonce"))


def has_subproblems(*names: str) -> Check:
    """§6.7.1: one for each name, with its identifier."""
    wanted = [{"type": "dns", "value": each} for each in names]
    return lambda world, answer, document: [e["identifier"] for e in document["subproblems"]] == wanted


def is_told_by_kind(world: World, answer: Answer, document: dict[str, Any]) -> bool:
    kinds = {problem_type(each["type"]) for each in document["subproblems"]}
    return kinds == {ProblemType.UNSUPPORTED_IDENTIFIER, ProblemType.REJECTED_IDENTIFIER}


def leads_to_terms(world: World, answer: Answer, document: dict[str, Any]) -> bool:
    """§7.3.3: `instance` for the human, Link "terms-of-service" for the client."""
    return ("link", f'<{TERMS}>;rel="terms-of-service"') in answer.headers and document["instance"] == TERMS


def names_the_holder(world: World, answer: Answer, document: dict[str, Any]) -> bool:
    """§7.3.5: the URL of the account that has the key."""
    return header(answer, "location").startswith(f"{BASE}/acme/account/")


def says_when(world: World, answer: Answer, document: dict[str, Any]) -> bool:
    """§6.6."""
    return 3500 < int(header(answer, "retry-after")) <= 3600


def tells_nothing(world: World, answer: Answer, document: dict[str, Any]) -> bool:
    return set(document) == {"type", "detail", "status"} and "closed" not in document["detail"]


ROWS: Final = (
    Row(ProblemType.ACCOUNT_DOES_NOT_EXIST, 400, no_account),
    Row(ProblemType.ALREADY_REPLACED, 409, replaced_already),
    Row(ProblemType.ALREADY_REVOKED, 400, revoked_already),
    Row(ProblemType.AUTO_RENEWAL_CANCELED, 403, recurrence_cancelled),
    Row(ProblemType.AUTO_RENEWAL_CANCELLATION_INVALID, 403, not_to_be_cancelled),
    Row(ProblemType.AUTO_RENEWAL_EXPIRED, 403, recurrence_over),
    Row(ProblemType.AUTO_RENEWAL_REVOCATION_NOT_SUPPORTED, 403, recurrent_revoked),
    Row(
        ProblemType.BAD_ATTESTATION_STATEMENT,
        400,
        not_attested,
        "challenge",
        world={"profiles": {"default": _DEVICES}},
    ),
    Row(ProblemType.BAD_CSR, 400, other_names),
    Row(ProblemType.BAD_NONCE, 400, nonce_used, more=has_nonce),
    Row(ProblemType.BAD_PUBLIC_KEY, 400, small_key),
    Row(ProblemType.BAD_REVOCATION_REASON, 400, no_such_reason),
    Row(ProblemType.BAD_SIGNATURE_ALGORITHM, 400, other_algorithm, more=has_algorithms(*ALGORITHMS)),
    Row(ProblemType.BAD_SIGNATURE_ALGORITHM, 400, mac_by_another_algorithm, more=has_algorithms(*MACS)),
    Row(ProblemType.CAA, 403, forbidden_by_caa, "order", more=has_subproblems(NAME, "b.example.test")),
    Row(ProblemType.COMPOUND, 400, two_kinds_of_fault, more=is_told_by_kind),
    Row(ProblemType.CONFLICT, 409, key_of_another, more=names_the_holder),
    Row(ProblemType.CONNECTION, 400, nobody_there, "challenge"),
    Row(ProblemType.DNS, 400, no_name, "challenge"),
    Row(ProblemType.EXTERNAL_ACCOUNT_REQUIRED, 403, unbound, world={"rules": Rules(eab_required=True)}),
    Row(ProblemType.INCORRECT_RESPONSE, 403, something_else, "challenge"),
    Row(ProblemType.INVALID_CONTACT, 400, two_addresses),
    Row(ProblemType.INVALID_PROFILE, 400, no_such_profile),
    Row(ProblemType.MALFORMED, 400, no_json),
    Row(ProblemType.ORDER_NOT_READY, 403, not_proved_yet),
    Row(
        ProblemType.RATE_LIMITED,
        429,
        too_many,
        more=says_when,
        world={"limits": Limits({"orders-per-account": Limit(1, timedelta(hours=1))})},
    ),
    Row(ProblemType.REJECTED_IDENTIFIER, 400, bad_names, more=has_subproblems("a_b.example.test", "c_d.example.test")),
    Row(ProblemType.SERVER_INTERNAL, 503, a_fault_of_ours, more=tells_nothing),
    Row(ProblemType.TLS, 400, old_tls, "challenge"),
    Row(ProblemType.UNAUTHORIZED, 403, not_his),
    Row(ProblemType.UNSUPPORTED_CONTACT, 400, by_telephone),
    Row(ProblemType.UNSUPPORTED_IDENTIFIER, 400, a_mailbox),
    Row(ProblemType.USER_ACTION_REQUIRED, 403, not_agreed, more=leads_to_terms, world={"rules": Rules(terms=TERMS)}),
)

# Of the registry, what nothing here can lead to.
NEVER: Final = {
    ProblemType.ONION_CAA_REQUIRED: "names below .onion are not certified here (RFC 9799)",
    ProblemType.UNKNOWN_DELEGATION: "there are no delegations here (RFC 9115)",
    ProblemType.OTHER: "not a type of the registry, but what we call those that we do not know",
}


def test_every_type_has_its_row_or_the_reason_why_not() -> None:
    assert {row.kind for row in ROWS} | NEVER.keys() == set(ProblemType)
    assert {row.kind for row in ROWS} & NEVER.keys() == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind.value.name}-{row.provoke.__name__}")
async def test_a_type_is_emitted_where_it_belongs(row: Row, tmp_path: Path) -> None:
    async with a_ca(tmp_path / "ca", **row.world) as world:
        wire = Wire(world.node.site)
        if not {"rules"} & row.world.keys():
            await wire.register()
        answer = await row.provoke(world, wire)
        document = problem_in(answer, row.within)
        assert (problem_type(document["type"]), document["status"]) == (row.kind, row.status), document
        assert document["detail"]
        assert row.more(world, answer, document), (answer.headers, document)


def problem_in(answer: Answer, within: str) -> dict[str, Any]:
    document = read(answer)
    if within:
        assert (answer.status, document["status"]) == (200, "invalid")
        shown = document["challenges"][0] if within == "challenge" else document
        return dict(shown["error"])
    assert (header(answer, "content-type"), answer.status) == ("application/problem+json", document["status"])
    return document


@pytest.mark.parametrize("kind", [each for each in ProblemType if each is not ProblemType.OTHER])
def test_a_problem_is_written_as_it_is_registered(kind: ProblemType) -> None:
    answer = problem_answer(Problem(kind))
    assert read(answer)["type"] == f"urn:ietf:params:acme:error:{kind.value.name}"
    assert answer.status == kind.value.status

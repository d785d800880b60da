"""Requests for certificates, the certificates, and their revocation (RFC 8555 §7.4, §7.4.2, §7.6; RFC 9773)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography import x509

from evercert.acme.jose import b64url, unb64url
from evercert.base.message import Response
from evercert.pki.cert import read_certificate
from evercert.pki.keys import KeyType, generate
from tests.ca.conformance.corpus.cases import Cases
from tests.ca.conformance.ground import Ground, Speaker, csr_of, document
from tests.ca.profiles.requests import dns, email, ip, request, signed_with, uri

_cases: Final = Cases("certificate")
CASES: Final = _cases.named

_CSRS: Final[Mapping[str, Callable[[str], bytes]]] = {
    "right": lambda name: request(dns(name)),
    "the name as CN too": lambda name: request(dns(name), common_names=(name,)),
    "the name as CN alone": lambda name: request(common_names=(name,)),
    "the name in capitals": lambda name: request(dns(name.upper())),
    "the name twice": lambda name: request(dns(name), dns(name)),
    "no name": lambda name: request(),
    "a CN of another name": lambda name: request(dns(name), common_names=("other.example.com",)),
    "an address more": lambda name: request(dns(name), ip(b"\x7f\0\0\1")),
    "an e-mail address more": lambda name: request(dns(name), email("a@example.com")),
    "a URI more": lambda name: request(dns(name), uri("spiffe://example.com/a")),
    "a NUL behind the name": lambda name: request(dns(name + "\0.example.net")),
    "not ASCII": lambda name: request(dns(b"b\xfccher.example.com")),
    "a thousand names": lambda name: request(*(dns(f"a{number}.{name}") for number in range(1000))),
    "CA: TRUE": lambda name: request(dns(name), extensions=(x509.BasicConstraints(True, None),)),
    "must-staple": lambda name: request(dns(name), extensions=(x509.TLSFeature([x509.TLSFeatureType.status_request]),)),
    "RSA 2048": lambda name: request(dns(name), key=generate(KeyType.RSA2048)),
    "P-384": lambda name: request(dns(name), key=generate(KeyType.EC384)),
    "Ed25519": lambda name: unb64url(csr_of(name, key=generate(KeyType.ED25519))),
    "MD5": lambda name: signed_with("1.2.840.113549.1.1.4", dns(name)),
    "SHA-1": lambda name: signed_with("1.2.840.113549.1.1.5", dns(name)),
    "a wrong signature": lambda name: request(dns(name))[:-1] + b"\0",
    "cut off": lambda name: request(dns(name))[:-10],
    "octets behind it": lambda name: request(dns(name)) + b"\0\0\0\0",
    "no DER": lambda name: b"nonsense",
    "empty": lambda name: b"",
}

for _name, _csr in _CSRS.items():

    @_cases(f"request: {_name}")
    async def _requested(ground: Ground, csr: Callable[[str], bytes] = _csr) -> Response:
        speaker, name = await ground.registered(), ground.name()
        order = await speaker.ready(name)
        return await speaker.post(order["finalize"], {"csr": b64url(csr(name))})


for _name, _value in {
    "with padding": "AAAA====",
    "that is not base64url": "+/+/!",
    "that is PEM": "-----BEGIN CERTIFICATE REQUEST-----",
    "that is a number": 7,
    "that is null": None,
    "that is missing": ...,
    "of five megabytes": "A" * 5_000_000,
}.items():

    @_cases(f"a request {_name}")
    async def _encoded(ground: Ground, value: Any = _value) -> Response:
        speaker = await ground.registered()
        order = await speaker.ready(ground.name())
        return await speaker.post(order["finalize"], {} if value is ... else {"csr": value})


@_cases("a request with the account's key")
async def _(ground: Ground) -> Response:
    speaker, name = await ground.registered(), ground.name()
    order = await speaker.ready(name)
    return await speaker.post(order["finalize"], {"csr": csr_of(name, key=speaker.key)})


@_cases("the same request again")
async def _(ground: Ground) -> Response:
    return await finalized_again(ground, None)


@_cases("another request for the same order")
async def _(ground: Ground) -> Response:
    return await finalized_again(ground, generate(KeyType.EC256))


async def finalized_again(ground: Ground, other: Any) -> Response:
    speaker, name, key = await ground.registered(), ground.name(), generate(KeyType.EC256)
    order, csr = await speaker.ready(name), csr_of(name, key=key)
    await speaker.post(order["finalize"], {"csr": csr})
    await speaker.until(order["url"], "valid")
    return await speaker.post(order["finalize"], {"csr": csr_of(name, key=other) if other else csr})


@_cases("an order right after its request")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    return await speaker.post((await speaker.issued(ground.name()))["url"])


# Fetched


async def fetched(ground: Ground, payload: Any = None, by: Speaker | None = None, end: str = "") -> Response:
    speaker = await ground.registered()
    order = await speaker.issued(ground.name())
    return await (by or speaker).post(order["certificate"] + end, payload)


@_cases("fetched by its owner")
async def _(ground: Ground) -> Response:
    return await fetched(ground)


@_cases("fetched by another account")
async def _(ground: Ground) -> Response:
    return await fetched(ground, by=await ground.registered())


@_cases("fetched with a payload")
async def _(ground: Ground) -> Response:
    return await fetched(ground, {})


@_cases("fetched by GET")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    return await speaker.ask((await speaker.issued(ground.name()))["certificate"])


for _end in ("/1", "/x", "x", "/alternate/9"):

    @_cases(f"fetched with {_end} behind its URL")
    async def _behind(ground: Ground, end: str = _end) -> Response:
        return await fetched(ground, end=end)


# Revoked


async def revoked(ground: Ground, **more: Any) -> Response:
    speaker = await ground.registered()
    order = await speaker.issued(ground.name())
    return await speaker.post("revokeCert", {"certificate": order["der"], **more})


for _name, _more in {
    "without a reason": {},
    **{f"for reason {number}": {"reason": number} for number in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1, 10**9)},
    "for a reason that is a text": {"reason": "1"},
    "for a reason that is null": {"reason": None},
    "for a reason with a fraction": {"reason": 1.5},
    "a certificate that is a number": {"certificate": 7},
    "a certificate that is no base64url": {"certificate": "!"},
    "a certificate that is none": {"certificate": "AAAA"},
    "no certificate": {"certificate": None},
    "a certificate of a megabyte": {"certificate": "A" * 1_000_000},
}.items():

    @_cases(f"revoked: {_name}")
    async def _revoked(ground: Ground, more: dict[str, Any] = _more) -> Response:
        return await revoked(ground, **more)


@_cases("revoked: twice")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    order = await speaker.issued(ground.name())
    await speaker.post("revokeCert", {"certificate": order["der"]})
    return await speaker.post("revokeCert", {"certificate": order["der"]})


@_cases("revoked: with one bit changed")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    der = unb64url((await speaker.issued(ground.name()))["der"])
    return await speaker.post("revokeCert", {"certificate": b64url(der[:-1] + bytes([der[-1] ^ 1]))})


@_cases("revoked: by its own key")
async def _(ground: Ground) -> Response:
    key = generate(KeyType.EC256)
    return await by_key(ground, key, key)


@_cases("revoked: by a stranger's key")
async def _(ground: Ground) -> Response:
    return await by_key(ground, generate(KeyType.EC256), generate(KeyType.EC256))


async def by_key(ground: Ground, key: Any, signing: Any) -> Response:
    speaker = await ground.registered()
    order = await speaker.issued(ground.name(), key=key)
    return await Speaker(ground, signing).post("revokeCert", {"certificate": order["der"]})


@_cases("revoked: by the account's key as a jwk")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    order = await speaker.issued(ground.name())
    return await Speaker(ground, speaker.key).post("revokeCert", {"certificate": order["der"]})


@_cases("revoked: by another account")
async def _(ground: Ground) -> Response:
    speaker, other = await ground.registered(), await ground.registered()
    order = await speaker.issued(ground.name())
    return await other.post("revokeCert", {"certificate": order["der"]})


@_cases("revoked: by another account that may have the name")
async def _(ground: Ground) -> Response:
    speaker, other, name = await ground.registered(), await ground.registered(), ground.name()
    order = await speaker.issued(name)
    await other.ready(name)
    return await other.post("revokeCert", {"certificate": order["der"]})


@_cases("revoked: POST-as-GET")
async def _(ground: Ground) -> Response:
    return await (await ground.registered()).post("revokeCert")


@_cases("revoked: the key certified again after its compromise")
async def _(ground: Ground) -> Response:
    speaker, key, name = await ground.registered(), generate(KeyType.EC256), ground.name()
    order = await speaker.issued(name, key=key)
    await speaker.post("revokeCert", {"certificate": order["der"], "reason": 1})
    again = await speaker.ready(name)
    return await speaker.post(again["finalize"], {"csr": csr_of(name, key=key)})


# Renewed


@_cases("renewal: information")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    ari_id = read_certificate(unb64url((await speaker.issued(ground.name()))["der"])).ari_id
    return await speaker.ask(f"{ground.url('renewalInfo').rstrip('/')}/{ari_id}")


for _end in ("AAAA.AAAA", "nonsense", ".", "", "a.b=c"):

    @_cases(f"renewal: information about {_end!r}")
    async def _informed(ground: Ground, end: str = _end) -> Response:
        return await ground.speaker().ask(f"{ground.url('renewalInfo').rstrip('/')}/{end}")


for _name, _other in {"its own certificate": (), "its own with a name more": ("more.example.com",)}.items():

    @_cases(f"renewal: an order that replaces {_name}")
    async def _replaces(ground: Ground, other: tuple[str, ...] = _other) -> Response:
        speaker, name = await ground.registered(), ground.name()
        ari_id = read_certificate(unb64url((await speaker.issued(name))["der"])).ari_id
        return await speaker.order(name, *other, replaces=ari_id)


@_cases("renewal: an order that replaces another account's certificate")
async def _(ground: Ground) -> Response:
    speaker, other, name = await ground.registered(), await ground.registered(), ground.name()
    ari_id = read_certificate(unb64url((await speaker.issued(name))["der"])).ari_id
    return await other.order(name, replaces=ari_id)


@_cases("renewal: an order that replaces a certificate of other names")
async def _(ground: Ground) -> Response:
    speaker = await ground.registered()
    ari_id = read_certificate(unb64url((await speaker.issued(ground.name()))["der"])).ari_id
    return await speaker.order(ground.name(), replaces=ari_id)


@_cases("renewal: replaced already")
async def _(ground: Ground) -> Response:
    speaker, name = await ground.registered(), ground.name()
    ari_id = read_certificate(unb64url((await speaker.issued(name))["der"])).ari_id
    placed = document(await speaker.order(name, replaces=ari_id))
    for url in placed["authorizations"]:
        shown = document(await speaker.post(url))
        if shown["status"] == "pending":
            challenge = next(each for each in shown["challenges"] if each["type"] == "http-01")
            ground.show(shown["identifier"]["value"], challenge["token"], speaker.key)
            await speaker.post(challenge["url"], {})
            await speaker.until(url, "valid")
    await speaker.post(placed["finalize"], {"csr": csr_of(name)})
    return await speaker.order(name, "b.example.com", replaces=ari_id)

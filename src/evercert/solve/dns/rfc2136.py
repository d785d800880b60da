"""Dynamic update (RFC 2136) with TSIG (RFC 8945): BIND, Knot, PowerDNS, Windows DNS and many more."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, ClassVar, Final

from evercert.base.errors import EvercertError, Retry
from evercert.base.foreign import one_line
from evercert.plugins.contracts import Ports
from evercert.plugins.info import Field, Options, PluginInfo, PluginKind
from evercert.solve.txt import quoted

if TYPE_CHECKING:
    import dns.message
    import dns.tsig
    import dns.update

__all__ = ["Rfc2136"]

_PATIENCE = 15.0

# RFC 8945 §6 and its registry; hmac-md5 is there for servers that know nothing better.
_ALGORITHMS: Final = {
    "hmac-md5": "hmac-md5.sig-alg.reg.int.",
    **{
        name: f"{name}."
        for name in (
            "hmac-sha1",
            "hmac-sha224",
            "hmac-sha256",
            "hmac-sha256-128",
            "hmac-sha384",
            "hmac-sha384-192",
            "hmac-sha512",
            "hmac-sha512-256",
        )
    },
}

_REFUSALS: Final = {
    "REFUSED": "the server's update policy does not allow it",
    "NOTAUTH": "the server is not authoritative for the zone, or its policy does not allow it",
    "NOTZONE": "the name is not in the zone",
    "NOTIMP": "the server does not take updates",
    "SERVFAIL": "the server failed; is its zone file or journal writable?",
}


class Rfc2136:
    """One update message a change: it adds or deletes one value of the record set and leaves the others."""

    info: ClassVar = PluginInfo(
        "rfc2136",
        PluginKind.DNS,
        "dynamic update (RFC 2136) with TSIG: BIND, Knot, PowerDNS and others",
        (
            Field("server", "the zone's primary: address[:port]", required=True),
            Field("key_name", "the TSIG key's name; empty: updates are not signed"),
            Field("key_secret", "the TSIG key's secret, base64", secret=True),
            Field("key_algorithm", f"one of {', '.join(_ALGORITHMS)}", default="hmac-sha256"),
        ),
        "https://www.rfc-editor.org/rfc/rfc2136",
    )
    record_by_record: ClassVar = True

    def __init__(self, options: Options, ports: Ports) -> None:
        self._server = options["server"]
        self._dns = ports.dns
        self._key = _tsig_key(options) if options["key_name"] else None

    async def add_txt(self, zone: str, name: str, value: str, ttl: int) -> str:
        update = self._update(zone)
        update.add(f"{name}.", ttl, "TXT", quoted(value))
        await self._send(update, zone, name)
        return ""

    async def remove_txt(self, zone: str, name: str, value: str, reference: str) -> None:
        update = self._update(zone)
        update.delete(f"{name}.", "TXT", quoted(value))
        await self._send(update, zone, name)

    def _update(self, zone: str) -> dns.update.UpdateMessage:
        import dns.update

        update = dns.update.UpdateMessage(f"{zone}.")
        if self._key is not None:
            update.use_tsig(self._key)
        return update

    async def _send(self, update: dns.update.UpdateMessage, zone: str, name: str) -> None:
        import dns.exception

        reply = await self._dns.send_message(update.to_wire(), self._server, _PATIENCE)
        try:
            refused = _refusal(self._answer(reply, update))
        except dns.exception.DNSException as error:
            refused = _fault(error)
        if refused:
            raise EvercertError(
                "zone-not-found" if refused == _REFUSALS["NOTZONE"] else "provider",
                f"{self._server} refused to update {zone}: {refused}",
                name=name,
                hint="may this key change TXT records of this name? where the zone is another one, set zone=...",
            )

    def _answer(self, wire: bytes, update: dns.update.UpdateMessage) -> dns.message.Message:
        import dns.message

        answer = dns.message.from_wire(wire, keyring=self._key, request_mac=update.mac, ignore_trailing=True)
        # RFC 8945 §5.3: who signs is answered signed; an unsigned refusal only costs us this attempt.
        unsigned = self._key is not None and not answer.had_tsig and not answer.rcode()
        if unsigned or not update.is_response(answer):
            fault = "without a signature" if unsigned else "something else than it was asked"
            raise EvercertError("provider", f"{self._server} answered {fault}")
        return answer


def _refusal(answer: dns.message.Message) -> str:
    """Why the server refused; "" if it did not."""
    import dns.rcode

    if answer.rcode() == dns.rcode.NOERROR:
        return ""
    code = dns.rcode.to_text(answer.rcode())
    return _REFUSALS.get(code, code)


def _fault(error: Exception) -> str:
    import dns.message
    import dns.tsig

    if isinstance(error, dns.tsig.PeerBadKey):
        # Knot says BADKEY also where it knows the key and denies the update.
        return "it does not know the key, or does not let it change this name (BADKEY)"
    if isinstance(error, dns.tsig.PeerBadSignature):
        return "the key's secret or algorithm is not the one that the server has (BADSIG)"
    if isinstance(error, (dns.tsig.PeerBadTime, dns.tsig.BadTime)):
        return "this machine's clock and the server's differ by minutes (BADTIME)"
    if isinstance(error, dns.message.UnknownTSIGKey):
        return "its answer is signed with another key"
    return f"its answer cannot be trusted: {type(error).__name__} {one_line(str(error))}"


def _tsig_key(options: Options) -> dns.tsig.Key:
    import dns.exception
    import dns.tsig

    algorithm = _ALGORITHMS.get(options["key_algorithm"].lower().rstrip("."))
    if algorithm is None:
        raise EvercertError(
            "bad-input",
            f"{options['key_algorithm'][:60]!r} is no TSIG algorithm",
            hint=f"known are {', '.join(_ALGORITHMS)}",
            name=options.info.name,
            retry=Retry.NEVER,
        )
    try:
        # Strictly: read leniently, a whole key file is some other secret, which the server alone would notice.
        secret = base64.b64decode("".join(options.secret("key_secret").text().split()), validate=True)
        return dns.tsig.Key(f"{options['key_name'].rstrip('.')}.", secret, algorithm)
    except (binascii.Error, ValueError, dns.exception.DNSException) as error:
        raise EvercertError(
            "bad-input",
            "key_name or key_secret is not that of a TSIG key",
            hint="the secret is base64 alone: of a file made by tsig-keygen, what stands after the word secret",
            name="rfc2136",
        ) from error

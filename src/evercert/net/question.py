"""One DNS question, as it is put to one server after another, and why one of them gave no usable answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evercert.base.errors import EvercertError, Retry
from evercert.base.foreign import one_line
from evercert.net.nameserver import NameServer, ask

if TYPE_CHECKING:
    from dns.message import QueryMessage
    from dns.name import Name

__all__ = ["Question", "absolute", "fault_of", "plain"]

# What passes every network without being fragmented (the DNS flag day of 2020).
_PAYLOAD = 1232


def absolute(name: str) -> Name:
    """*name* as DNS writes it. Raises `dns` for what is too long for it, or no name at all."""
    from dns.exception import DNSException
    from dns.name import from_text

    try:
        return from_text(name.rstrip(".") + ".", idna_codec=None) if name.isascii() else from_text(name)
    except (DNSException, UnicodeError) as error:
        raise EvercertError(
            "dns", f"{one_line(name)!r} cannot be asked for: it is no DNS name", retry=Retry.NEVER
        ) from error


def plain(name: Name) -> str:
    """The name in lower case, without its final dot; "" for the root."""
    return "" if len(name.labels) == 1 else name.to_text(omit_final_dot=True).lower()


@dataclass(frozen=True, slots=True)
class Question:
    """`flags` are those of the header; `dnssec` asks for signatures with the answer (RFC 3225)."""

    name: Name
    type: str
    flags: int
    dnssec: bool = False

    async def put_to(self, server: NameServer, timeout: float) -> QueryMessage | str:
        """The server's answer where it is usable (NOERROR or NXDOMAIN), else what was wrong with it."""
        from dns.exception import DNSException
        from dns.rcode import BADVERS, FORMERR, NOERROR, NOTIMP, NXDOMAIN, to_text

        try:
            reply = await ask(server, self._message(edns=True), timeout)
            # RFC 6891 §7: a server that knows no EDNS says so, and is asked again without.
            if reply.rcode() in {FORMERR, NOTIMP, BADVERS}:
                reply = await ask(server, self._message(edns=False), timeout)
        except (OSError, EOFError, TimeoutError, DNSException) as error:
            return fault_of(error, timeout)
        if reply.rcode() in {NOERROR, NXDOMAIN}:
            return reply
        # RFC 8914: why, where the server says it.
        reasons = "".join(f" ({one_line(reason.to_text(), 80)})" for reason in reply.extended_errors()[:2])
        return f"answered {to_text(reply.rcode())}{reasons}"

    def _message(self, *, edns: bool) -> QueryMessage:
        from dns.message import make_query

        if not edns:
            return make_query(self.name, self.type, flags=self.flags, use_edns=False)
        return make_query(self.name, self.type, flags=self.flags, use_edns=0, payload=_PAYLOAD, want_dnssec=self.dnssec)


def fault_of(error: BaseException, timeout: float) -> str:
    """What an exchange failed of, as a clause whose subject is the server."""
    if isinstance(error, TimeoutError):
        return f"did not answer within {timeout:g} s"
    if isinstance(error, OSError):
        # A failed name look-up (socket.gaierror) numbers its errors below zero.
        number = error.errno or 0
        words = os.strerror(number) if number > 0 else one_line(str(error))
        return f"cannot be reached: {words}"
    return "answered with something that is no DNS message"

"""DNS: questions to resolvers, and to one server directly. Keeps the contract of `plugins.contracts.Resolver`.

Names go in and come out as A-labels without a final dot. "There is none" is an empty answer; only
where nobody gives a usable one is it an error (`dns`), which names the servers that were asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.probe import CaaRecord
from evercert.net.nameserver import NameServer, ask_over_tcp, configured_servers
from evercert.net.question import Question, absolute, fault_of, plain

if TYPE_CHECKING:
    from dns.message import QueryMessage
    from dns.name import Name
    from dns.rrset import RRset

__all__ = ["DnsResolver", "send_message"]

# A lost datagram is no answer; a second one is.
_ROUNDS = 2
# Where a resolver leaves an alias to us; those that resolve give up between eight and sixteen.
_MAX_ALIASES = 8
_MAX_NAME_SERVERS = 16

_HINT = "is the name server right, and may this machine go there by UDP and TCP?"


class DnsResolver:
    """Asks *servers* (by default those of /etc/resolv.conf, read anew each time) in their order.

    Each is given *timeout* seconds in two tries. Keeps nothing between questions. Safe to use from many tasks.
    """

    def __init__(self, servers: Sequence[str] = (), timeout: float = 5.0) -> None:
        self._servers = [NameServer.parse(server) for server in servers]
        self._timeout = timeout

    async def txt(self, name: str, *, server: str = "") -> list[str]:
        """The TXT values (strings of one record joined); of *server* directly, without recursion, if it is given."""
        records = await self._records(name, "TXT", server)
        return [b"".join(record.strings).decode("utf-8", "replace") for record in records]

    async def cname(self, name: str) -> str:
        """Where *name* itself is an alias to, or ""."""
        reply = await self._ask(name, "CNAME")
        alias = _rrset(reply.answer, absolute(name), "CNAME")
        return plain(alias[0].target) if alias else ""

    async def addresses(self, name: str) -> list[str]:
        """The A, then the AAAA addresses."""
        ipv4, ipv6 = await asyncio.gather(self._records(name, "A"), self._records(name, "AAAA"))
        return [record.address for record in (*ipv4, *ipv6)]

    async def caa(self, name: str) -> list[CaaRecord]:
        """The records at *name* (or where it is an alias to), not above it: climbing is the caller's (RFC 8659 §3)."""
        records = await self._records(name, "CAA")
        return [CaaRecord(each.flags, each.tag.decode("latin-1"), each.value.decode("latin-1")) for each in records]

    async def query(self, name: str, kind: str, server: str = "") -> list[str]:
        """The records of any *kind* (TXT, NS, ...), as a zone file would write them."""
        return [record.to_text() for record in await self._records(name, kind, server)]

    async def zone(self, name: str) -> str:
        """The zone cut above or at *name*: the owner of the SOA record that answers for it; "" for the root."""
        async for parent, reply in self._climb(absolute(name)):
            if _rrset(reply.answer, parent, "SOA"):
                return plain(parent)
            # RFC 2308 §3: the SOA beside "there is none" is the zone's that would hold the name.
            owner = _soa_above(reply, parent)
            if owner is not None and not _rrset(reply.answer, parent, "CNAME"):
                return plain(owner)
            # An alias has another zone's SOA with it, and some servers send none: both hold the
            # name in the zone of what is above it.
        return ""

    async def authoritative(self, zone: str) -> list[str]:
        """Every address, IPv4 and IPv6, of every name server of *zone*; one that has none is passed over.
        Raises `dns` where none has any."""
        names = [plain(record.target) for record in await self._records(zone, "NS")][:_MAX_NAME_SERVERS]
        kinds = [(name, kind) for name in sorted(names) for kind in ("A", "AAAA")]
        found = await asyncio.gather(*(self._records(*each) for each in kinds), return_exceptions=True)
        addresses = [
            record.address for records in found if not isinstance(records, BaseException) for record in records
        ]
        failures = [each for each in found if isinstance(each, BaseException)]
        if failures and not addresses:
            raise failures[0]
        return list(dict.fromkeys(addresses))

    async def send_message(self, wire: bytes, server: str, timeout: float) -> bytes:
        """The function of that name: a message goes to the server it is for, whichever resolvers these are."""
        return await send_message(wire, server, timeout)

    async def secure(self, name: str) -> bool | None:
        """Whether a validating resolver vouched for the answer (RFC 4035 §3.2.3, AD); None where it found
        it bogus, which shows as SERVFAIL that goes away with the checks (CD)."""
        from dns.flags import AD, CD

        try:
            reply = await self._ask(name, "A", flags=AD, dnssec=True)
        except EvercertError as error:
            try:
                await self._ask(name, "A", flags=CD, dnssec=True)
            except EvercertError:
                raise error from None
            return None
        return bool(reply.flags & AD)

    async def _climb(self, name: Name) -> AsyncIterator[tuple[Name, QueryMessage]]:
        """*name* and each name above it, with what is answered to the question for its SOA."""
        while len(name.labels) > 1:
            yield name, await self._ask(plain(name), "SOA")
            name = name.parent()

    async def _records(self, name: str, kind: str, server: str = "") -> list[Any]:
        """The records at the end of the aliases that start at *name*."""
        from dns.exception import DNSException

        where = name
        for _ in range(_MAX_ALIASES):
            reply = await self._ask(where, kind, server)
            if not reply.answer:
                return []
            try:
                chain = reply.resolve_chaining()
            except DNSException as error:  # aliases in a circle, or an answer that contradicts itself
                raise _failed(name, kind, ["the answer contradicts itself, or its aliases go in a circle"]) from error
            if server or chain.answer is not None or not chain.cnames or _says_none(reply, chain.canonical_name):
                return list(chain.answer or ())
            where = plain(chain.canonical_name)
        raise _failed(name, kind, [f"more than {_MAX_ALIASES} aliases in a row"])

    async def _ask(
        self, name: str, kind: str, server: str = "", *, flags: int = 0, dnssec: bool = False
    ) -> QueryMessage:
        """What a usable answer (NOERROR or NXDOMAIN) says; from *server* without recursion, or the first
        of the resolvers that gives one. Raises `dns`."""
        from dns.flags import RD

        servers = [NameServer.parse(server)] if server else self._servers or configured_servers()
        query = Question(absolute(name), kind, flags | (0 if server else RD), dnssec)
        faults: dict[str, str] = {}
        for _ in range(_ROUNDS):
            for each in servers:
                reply = await query.put_to(each, self._timeout / _ROUNDS)
                if not isinstance(reply, str):
                    return reply
                faults[str(each)] = reply
        raise _failed(name, kind, [f"{server} {fault}" for server, fault in faults.items()])


async def send_message(wire: bytes, server: str, timeout: float) -> bytes:
    """The answer to a whole message (an update of RFC 2136, say), over TCP; both are octets. Raises `dns`.

    Not repeated: whether the server acted on it is unknown where no answer came.
    """
    where = NameServer.parse(server)
    try:
        async with asyncio.timeout(timeout):
            return await ask_over_tcp(where, wire)
    except (OSError, EOFError, TimeoutError) as error:
        raise EvercertError("dns", f"DNS server {where} {fault_of(error, timeout)}", hint=_HINT) from error


def _says_none(reply: QueryMessage, name: Name) -> bool:
    """Whether the reply itself says that there is none (RFC 2308 §2): then its aliases have been followed to an end."""
    from dns.rcode import NXDOMAIN

    return reply.rcode() == NXDOMAIN or _soa_above(reply, name) is not None


def _soa_above(reply: QueryMessage, name: Name) -> Name | None:
    owners = (rrset.name for rrset in reply.authority if rrset.rdtype.name == "SOA")
    return next((owner for owner in owners if name.is_subdomain(owner)), None)


def _rrset(section: Sequence[RRset], name: Name, kind: str) -> RRset | None:
    return next((rrset for rrset in section if rrset.name == name and rrset.rdtype.name == kind), None)


def _failed(name: str, kind: str, faults: Sequence[str]) -> EvercertError:
    return EvercertError("dns", f"no usable answer for {kind} of {one_line(name)}: {'; '.join(faults)}", hint=_HINT)

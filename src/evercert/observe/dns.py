"""Addresses, aliases and DNSSEC of a name."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from evercert.base.errors import EvercertError
from evercert.base.foreign import one_line
from evercert.base.names import Identifier
from evercert.observe.finding import Finding, note, ok, problem, warning
from evercert.observe.lookup import Aliases, Lookup, follow_aliases

__all__ = ["DnsView", "judge_dns", "look_up"]

_CHECK = "dns"
_DNSSEC = "dnssec"
# More than a handful costs a CA's resolver time, and each is another zone that can break.
_MANY_ALIASES = 5


@dataclass(frozen=True, slots=True)
class DnsView:
    """What DNS says of a name. `secure` is None where the signatures do not hold."""

    aliases: Aliases
    addresses: tuple[str, ...] = ()
    failure: str = ""
    secure: bool | None = False


async def look_up(name: Identifier, lookup: Lookup) -> DnsView:
    """Never raises: what went wrong is part of the view."""
    aliases = await follow_aliases(name.base, lookup)
    try:
        secure = await lookup.secure(name.base)
    except EvercertError:
        secure = False
    if aliases.looped or aliases.failure:
        return DnsView(aliases, failure=aliases.failure, secure=secure)
    try:
        return DnsView(aliases, tuple(await lookup.addresses(name.base)), secure=secure)
    except EvercertError as error:
        return DnsView(aliases, failure=error.message, secure=secure)


def judge_dns(name: Identifier, view: DnsView, *, needs_address: bool, public_ca: bool) -> list[Finding]:
    """*needs_address* is whether the name is proved, or served, at its address."""
    return [*_judge_aliases(view), *_judge_addresses(name, view, needs_address, public_ca), *_judge_signatures(view)]


def _judge_aliases(view: DnsView) -> list[Finding]:
    aliases = view.aliases
    if aliases.looped:
        return [
            problem(_CHECK, f"aliases run in a circle: {one_line(str(aliases))}", "break the circle of CNAME records")
        ]
    if len(aliases.names) > _MANY_ALIASES:
        what = f"{len(aliases.names) - 1} aliases in a row: {one_line(str(aliases))}"
        return [warning(_CHECK, what, "shorten the chain; some resolvers give up")]
    if len(aliases.names) > 1:
        return [note(_CHECK, f"{one_line(str(aliases))} is an alias")]
    return []


def _judge_addresses(name: Identifier, view: DnsView, needs_address: bool, public_ca: bool) -> list[Finding]:
    if view.aliases.looped:
        return []
    if view.failure:
        hint = "repair the name servers of its zone" if view.secure is not None else "see dnssec"
        return [problem(_CHECK, f"{name.base} cannot be resolved ({one_line(view.failure)})", hint)]
    if not view.addresses:
        what = f"{view.aliases.target} does not exist, or has no address (A or AAAA)"
        if needs_address:
            return [problem(_CHECK, what, "add an A or AAAA record, or prove the name by DNS: --dns PROVIDER")]
        return [note(_CHECK, what, "none is needed to obtain the certificate")]
    listed = ", ".join(view.addresses[:6])
    if public_ca and needs_address and (private := _not_public(view.addresses)):
        return [_judge_private(name, private, view.addresses)]
    return [ok(_CHECK, f"{name.base} is at {listed}")]


def _not_public(addresses: Sequence[str]) -> list[str]:
    return [address for address in addresses if not ipaddress.ip_address(address).is_global]


def _judge_private(name: Identifier, private: Sequence[str], addresses: Sequence[str]) -> Finding:
    what = f"{name.base} is at {', '.join(private[:6])}, where no public CA can reach it"
    if len(private) < len(addresses):
        return warning(_CHECK, what, "remove that record from public DNS: a CA may pick it")
    return problem(_CHECK, what, "publish a public address, or prove the name by DNS: --dns PROVIDER")


def _judge_signatures(view: DnsView) -> list[Finding]:
    if view.secure is None:
        hint = "renew the zone's signatures, or correct or remove its DS record at the registrar"
        # BR 3.2.2.4, since 2026-03-15: CAs validate to the IANA root, for this and for CAA.
        return [problem(_DNSSEC, "the zone's DNSSEC signatures do not hold, so every CA must refuse", hint)]
    if view.secure:
        return [ok(_DNSSEC, "signed, and the signatures hold")]
    return [note(_DNSSEC, "not signed, or the resolver does not check signatures")]

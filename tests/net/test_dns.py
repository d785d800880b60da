"""The resolver against a real BIND."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.update
import pytest

from evercert.base.errors import EvercertError
from evercert.base.probe import CaaRecord
from evercert.net.dns import DnsResolver, send_message
from tests.net.named import Named

_SOA = "$TTL 60\n@ SOA ns host 1 3600 600 86400 60\n"
_TEST = (
    _SOA
    + """@ NS ns
ns A 127.0.0.1
ns AAAA ::1
example NS ns.example
ns.example A 127.0.0.1
"""
)
_EXAMPLE = (
    _SOA
    + f"""@ NS ns
@ NS ns.elsewhere.test.
@ NS ns.gone.test.
@ CAA 0 issue "ca.test; validationmethods=dns-01"
@ CAA 128 Iodef "mailto:a@example.test"
ns A 127.0.0.1
ns AAAA 2001:db8::53
www A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::1
long TXT "{"a" * 255}" "{"b" * 45}"
two TXT "one"
two TXT "and two"
alias CNAME www
twice CNAME alias
far CNAME txt.elsewhere.test.
circle CNAME back
back CNAME circle
empty.between A 192.0.2.3
*.wild TXT "wild"
"""
    + "".join(f'many TXT "{number:03} {"x" * 200}"\n' for number in range(60))
)
_ELSEWHERE = _SOA + '@ NS ns\nns A 192.0.2.53\ntxt TXT "far"\nsub NS ns.sub\nns.sub A 127.0.0.1\n'
_SUB = _SOA + "@ NS ns\nns A 127.0.0.1\nhost A 192.0.2.9\n"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    zones = {"test": _TEST, "example.test": _EXAMPLE, "elsewhere.test": _ELSEWHERE, "sub.elsewhere.test": _SUB}
    with Named(tmp_path_factory.mktemp("named"), zones, updated=True) as running:
        yield running


@pytest.fixture
def resolver(named: Named) -> DnsResolver:
    return DnsResolver([named.address])


async def test_a_txt_value_of_several_strings_is_one_value(resolver: DnsResolver) -> None:
    assert await resolver.txt("long.example.test") == ["a" * 255 + "b" * 45]


async def test_every_txt_value_is_given(resolver: DnsResolver) -> None:
    assert sorted(await resolver.txt("two.example.test")) == ["and two", "one"]


async def test_an_answer_that_does_not_fit_a_datagram_comes_over_tcp(resolver: DnsResolver) -> None:
    assert len(await resolver.txt("many.example.test")) == 60


async def test_there_is_none_is_an_empty_list(resolver: DnsResolver) -> None:
    assert await resolver.txt("nobody.example.test") == []
    assert await resolver.txt("www.example.test") == []
    assert await resolver.txt("between.example.test") == []
    assert await resolver.cname("www.example.test") == ""
    assert await resolver.addresses("nobody.nowhere") == []


async def test_aliases_are_followed_across_zones(resolver: DnsResolver) -> None:
    assert await resolver.txt("far.example.test") == ["far"]
    assert sorted(await resolver.addresses("twice.example.test")) == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]


async def test_one_alias_is_shown_one_at_a_time(resolver: DnsResolver) -> None:
    assert await resolver.cname("twice.example.test") == "alias.example.test"


async def test_aliases_in_a_circle_are_an_error(resolver: DnsResolver) -> None:
    with pytest.raises(EvercertError) as raised:
        await resolver.txt("circle.example.test")
    assert raised.value.code.name == "dns"
    assert "circle.example.test" in str(raised.value)


async def test_ipv6_addresses_come_last(resolver: DnsResolver) -> None:
    assert (await resolver.addresses("www.example.test"))[-1] == "2001:db8::1"


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("example.test", "example.test"),
        ("www.example.test", "example.test"),
        ("_acme-challenge.deep.down.example.test", "example.test"),
        ("between.example.test", "example.test"),
        ("a.wild.example.test", "example.test"),
        ("host.sub.elsewhere.test", "sub.elsewhere.test"),
        ("sub.elsewhere.test", "sub.elsewhere.test"),
        ("nobody.test", "test"),
        ("WWW.Example.TEST", "example.test"),
    ],
)
async def test_the_zone_cut_is_where_the_soa_says(resolver: DnsResolver, name: str, zone: str) -> None:
    assert await resolver.zone(name) == zone


async def test_an_alias_is_in_its_own_zone_not_its_targets(resolver: DnsResolver) -> None:
    assert await resolver.zone("far.example.test") == "example.test"


async def test_a_name_below_nothing_is_in_the_root_zone(resolver: DnsResolver) -> None:
    assert await resolver.zone("nobody.nowhere") == ""


async def test_every_address_of_every_name_server_is_given_and_one_without_is_passed_over(
    resolver: DnsResolver,
) -> None:
    assert sorted(await resolver.authoritative("example.test")) == ["127.0.0.1", "192.0.2.53", "2001:db8::53"]


async def test_one_server_is_asked_directly_and_does_not_resolve_for_us(named: Named) -> None:
    nobody = DnsResolver(["127.0.0.1:9"], timeout=0.2)
    assert await nobody.txt("two.example.test", server=named.address) != []
    assert await nobody.txt("two.example.test", server=f"[::1]:{named.port}") != []


async def test_caa_records_keep_their_flags_and_their_spelling(resolver: DnsResolver) -> None:
    found = await resolver.caa("example.test")
    assert sorted(found, key=lambda each: each.flags) == [
        CaaRecord(0, "issue", "ca.test; validationmethods=dns-01"),
        CaaRecord(128, "Iodef", "mailto:a@example.test"),
    ]


async def test_any_kind_of_record_can_be_asked_for(resolver: DnsResolver) -> None:
    assert await resolver.query("sub.elsewhere.test", "NS") == ["ns.sub.elsewhere.test."]


async def test_an_answer_that_nobody_vouched_for_is_not_secure(resolver: DnsResolver) -> None:
    assert await resolver.secure("www.example.test") is False


async def test_an_update_sent_as_a_message_changes_the_zone(named: Named, resolver: DnsResolver) -> None:
    update = dns.update.UpdateMessage("example.test")
    update.add("_acme-challenge", 60, "TXT", "proof")
    reply = dns.message.from_wire(await send_message(update.to_wire(), named.address, 5))
    assert reply.rcode() == 0
    assert await resolver.txt("_acme-challenge.example.test") == ["proof"]


async def test_a_name_that_is_too_long_is_told_at_once() -> None:
    with pytest.raises(EvercertError) as raised:
        await DnsResolver(["127.0.0.1:9"]).txt("a." * 130 + "test")
    assert raised.value.code.name == "dns"


def test_what_the_system_is_configured_with_is_asked_in_its_order(tmp_path: Path) -> None:
    from evercert.net.nameserver import NameServer, configured_servers

    file = tmp_path / "resolv.conf"
    file.write_text("search test\nnameserver 192.0.2.1\n# nameserver 192.0.2.9\nnameserver 2001:db8::1\noptions x\n")
    assert configured_servers(file) == [NameServer("192.0.2.1"), NameServer("2001:db8::1")]
    assert configured_servers(tmp_path / "absent") == [NameServer("127.0.0.1")]
    file.write_text("nameserver 192.0.2.7\n")
    assert configured_servers(file) == [NameServer("192.0.2.7")]

"""The network policy: what is special is denied, in whatever form it is written, until somebody names it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.base.errors import EvercertError
from evercert.ca.validation.policy import NetworkPolicy

USUAL = NetworkPolicy()
ipv4 = st.ip_addresses(v=4)
ipv6 = st.ip_addresses(v=6)

DENIED = "".join(
    (
        "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 ",
        "169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 ",
        "192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.175.48.1 198.18.0.1 198.19.255.255 ",
        "198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::2 ::127.0.0.1 ",
        "::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 ",
        "100:0:0:1::1 2001::1 2001:0:808:808::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1 ",
        "2002:808:808::1 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00::1 fd00:ec2::254 fd20:ce::254 fe80::1 ",
        "febf::1 fec0::1 ff02::1 4000::1 8000::1 ",
    )
).split()

PERMITTED = "".join(
    (
        "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 ",
        "169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 192.169.0.0 ",
        "198.17.255.255 198.20.0.0 223.255.255.255 2001:200::1 2001:4860:4860::8888 2606:4700:4700::1111 ",
        "2a00::1 3ffe::1 ",
    )
).split()


@pytest.mark.parametrize("address", DENIED)
def test_special_addresses_are_denied(address: str) -> None:
    assert USUAL.objection(address)
    assert NetworkPolicy(["0.0.0.0/0", "::/0"]).objection(address)


@pytest.mark.parametrize("address", PERMITTED)
def test_addresses_of_the_internet_are_permitted(address: str) -> None:
    assert USUAL.objection(address) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "127.0.0.1 ",
        "fe80::1%eth0",
        "2606:4700::1%1",
        "1.1.1.1%0",
        "a",
    ],
)
def test_what_is_no_address_is_not_connected_to(text: str) -> None:
    assert NetworkPolicy(["127.0.0.0/8", "fe80::/10"]).objection(text) == "no address"


@pytest.mark.parametrize(
    ("allow", "opened", "closed"),
    [
        ("10.0.0.0/8", "10.1.2.3", "192.168.0.1"),
        ("10.1.0.0/16", "10.1.2.3", "10.2.0.1"),
        ("127.0.0.0/8", "127.0.0.1", "::1"),
        ("::1", "::1", "::2"),
        ("fc00::/7", "fd12::1", "fd00:ec2::254"),
        ("fd00:ec2::254", "fd00:ec2::254", "fd00:ec2::253"),
        ("169.254.0.0/16", "169.254.1.1", "169.254.169.254"),
        ("169.254.169.254", "169.254.169.254", "169.254.1.1"),
        ("64:ff9b::/96", "64:ff9b::808:808", "64:ff9b::7f00:1"),
        ("2002::/16", "2002:808:808::1", "2002:a00:1::1"),
        ("2001::/32", "2001:0:808:808:0:0:f7f7:f7f7", "2001:0:808:808:0:0:80ff:fffe"),
        ("::ffff:0:0/96", "::ffff:8.8.8.8", "::ffff:10.0.0.1"),
    ],
)
def test_a_block_opens_what_it_names_and_nothing_beside(allow: str, opened: str, closed: str) -> None:
    policy = NetworkPolicy([allow])
    assert policy.objection(opened) == ""
    assert policy.objection(closed)


def test_a_tunnel_to_an_address_that_was_opened_is_opened_by_both() -> None:
    assert NetworkPolicy(["10.0.0.0/8"]).objection("64:ff9b::a00:1")
    assert NetworkPolicy(["64:ff9b::/96"]).objection("64:ff9b::a00:1")
    assert NetworkPolicy(["64:ff9b::/96", "10.0.0.0/8"]).objection("64:ff9b::a00:1") == ""


def test_deny_wins() -> None:
    policy = NetworkPolicy(["10.0.0.0/8"], deny=["10.0.0.0/24", "8.8.8.0/24"])
    assert policy.objection("10.0.1.1") == ""
    assert "settings" in policy.objection("10.0.0.1")
    assert "settings" in policy.objection("8.8.8.8")
    assert NetworkPolicy(["64:ff9b::/96"], deny=["8.8.8.0/24"]).objection("64:ff9b::808:808")


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "10.0.0.1/8", "ten", "10.0.0.0-10.0.0.9"])
def test_what_is_no_block_is_refused(text: str) -> None:
    with pytest.raises(EvercertError) as raised:
        NetworkPolicy([text])
    assert raised.value.code.name == "bad-input"


@given(ipv4 | ipv6)
def test_nothing_that_the_standard_library_knows_as_special_is_permitted(address: ipaddress.IPv4Address) -> None:
    if not USUAL.objection(str(address)):
        assert address.is_global
        assert not address.is_multicast


@given(ipv4, st.sampled_from(["::ffff:0:0", "::", "64:ff9b::", "64:ff9b:1::"]))
def test_ipv4_at_the_end_of_ipv6_is_judged_as_ipv4(address: ipaddress.IPv4Address, prefix: str) -> None:
    wrapped = str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(address)))
    everything = NetworkPolicy(["::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48"])
    if USUAL.objection(str(address)) and int(address) > 1:
        assert everything.objection(wrapped)
    assert USUAL.objection(wrapped)


@given(ipv4 | ipv6, st.lists(ipv4 | ipv6, max_size=3), st.integers(0, 128))
def test_allow_never_closes_and_deny_never_opens(
    address: ipaddress.IPv4Address, others: list[ipaddress.IPv4Address], length: int
) -> None:
    blocks = [str(ipaddress.ip_network(f"{each}/{min(length, each.max_prefixlen)}", strict=False)) for each in others]
    if not USUAL.objection(str(address)):
        assert NetworkPolicy(allow=blocks).objection(str(address)) == ""
    else:
        assert NetworkPolicy(deny=blocks).objection(str(address))
    assert NetworkPolicy([f"{address}/{address.max_prefixlen}"], deny=[str(address)]).objection(str(address))

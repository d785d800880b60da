"""What holds for every world: whatever DNS and servers show, a validation ends, within its bounds, in silence."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.problem import Problem
from evercert.base.errors import NetworkFailure
from evercert.base.probe import DialFailure, Door, Handshake, Looked, Outcome, Page
from evercert.ca.validation.network import Asked
from evercert.ca.validation.policy import NetworkPolicy
from evercert.ca.validation.validate import CHALLENGES, validate
from tests.ca.validation.given import NOW, THUMBPRINT, TOKEN, claim, reach
from tests.fakes.validated_network import FakeNetwork, no_answer

CANARY = "canary"
PROOF = f"{TOKEN}.{THUMBPRINT}".encode()
HOSTS = ["www.example.com", "a.example.com", "b.example.com", f"{CANARY}.example.com"]

special = st.sampled_from(
    ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fd00::1", "fe80::1%1"]
)
public = st.sampled_from(["198.41.0.4", "193.0.14.129", "2001:503:ba3e::2:30"])
addresses = st.lists(special | public | st.ip_addresses().map(str), max_size=4)
answers = addresses.map(tuple).map(lambda found: Looked(Outcome.FOUND if found else Outcome.NO_DATA, found))
failures = st.sampled_from([each for each in Outcome if not each.is_answer]).map(no_answer)

locations = st.builds(
    lambda scheme, host, port, rest: f"{scheme}{host}{port}{rest}",
    st.sampled_from(["http://", "https://", "//", "", "ftp://", f"http://{CANARY}@"]),
    st.sampled_from(HOSTS) | special | public | st.just("[::1]"),
    st.sampled_from(["", ":80", ":443", ":22", ":5002"]),
    st.sampled_from(["", "/", "/1", "/2", f"/?{CANARY}", "/ x"]),
)
pages = st.one_of(
    st.builds(Page, st.just(302), locations),
    st.builds(Page, st.sampled_from([200, 200, 404]), body=st.sampled_from([PROOF, CANARY.encode()])),
    st.sampled_from([DialFailure("unreachable", "cannot reach it"), NetworkFailure("timeout", "no answer")]),
)
shown = st.builds(
    Handshake,
    st.sampled_from(["", "acme-tls/1", CANARY]),
    st.sampled_from(["TLSv1.3", "SSLv3"]),
    st.binary(max_size=40),
)
texts = st.lists(st.sampled_from([CANARY.encode(), b"\xff", f"ca.example; {CANARY}".encode(), b""]), max_size=3)


class World(FakeNetwork):
    """Draws what it shows as it is looked at, the same for the same place."""

    def __init__(self, draw: Any) -> None:
        super().__init__()
        self._draw = draw
        self._shown: dict[Any, Any] = {}

    async def addresses(self, name: str) -> Looked[str]:
        return self._once(("A", name), answers | failures)

    async def txt(self, name: str) -> Looked[bytes]:
        found = tuple(self._once(("TXT", name), texts))
        return Looked(Outcome.FOUND if found else Outcome.NO_NAME, found)

    async def fetch(self, door: Door, limits: Any) -> Page:
        self.dialled.append(door.address)
        return self._raised(self._once(door, pages))

    async def alpn_certificate(self, address: str, port: int, server_name: str, limits: Any) -> Handshake:
        self.dialled.append(address)
        return self._raised(self._once((address, server_name), shown))

    def _once(self, place: Any, strategy: Any) -> Any:
        if place not in self._shown:
            self._shown[place] = self._draw(strategy)
        return self._shown[place]

    def _raised(self, found: Any) -> Any:
        if isinstance(found, Exception):
            raise found
        return found


@given(
    data=st.data(),
    challenge=st.sampled_from(sorted(CHALLENGES)) | st.just("new-01"),
    name=st.sampled_from([*HOSTS[:3], "*.example.com", "198.41.0.4", "::1"]),
    allow=st.lists(st.sampled_from(["10.0.0.0/8", "127.0.0.1/32", "0.0.0.0/0", "fc00::/7"]), max_size=2),
    deny=st.lists(st.sampled_from(["198.41.0.0/24", "10.0.0.1/32", "::/0"]), max_size=2),
)
async def test_a_validation_ends_within_its_bounds_and_repeats_nothing(
    data: Any, challenge: str, name: str, allow: list[str], deny: list[str]
) -> None:
    world, asked = World(data.draw), list[Asked]()
    wanted = claim(challenge, name, issuer_names=("ca.example",))
    said = ""
    try:
        await validate(wanted, reach(world, *allow, deny=tuple(deny)), now=NOW, asked=asked)
    except Problem as problem:
        said = f"{problem} {problem.detail} {problem.hint}"
    policy = NetworkPolicy(allow, deny)
    assert [address for address in world.dialled if policy.objection(address)] == []
    assert len(world.dialled) <= 2 * 11
    assert len(asked) <= 3 * 11
    assert CANARY not in said
    assert said.isprintable()

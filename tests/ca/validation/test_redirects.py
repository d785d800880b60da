"""Where an http-01 validation lets itself be led."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evercert.acme.problem import Problem, ProblemType
from evercert.base.names import parse_identifier
from evercert.base.probe import Door, Page
from evercert.ca.validation.redirect import Site, led_to
from tests.ca.validation.given import PATH, THUMBPRINT, TOKEN, claim, proved, reach, refused
from tests.fakes.validated_network import FakeNetwork

PROOF = f"{TOKEN}.{THUMBPRINT}".encode()
V4, OTHER = "198.41.0.4", "193.0.14.129"
BASE = Site(parse_identifier("www.example.com"), 80, PATH)


def leading(location: str, then: Page | None = None) -> FakeNetwork:
    """A server that redirects once; `other.example.com` answers with the proof."""

    def answer(door: Door) -> Page:
        return Page(302, location) if (door.address, door.target) == (V4, PATH) and not door.tls else page

    page = then or Page(200, body=PROOF)
    names = {"www.example.com": [V4], "other.example.com": [OTHER], "inside.example.com": ["10.0.0.1"]}
    return FakeNetwork(names=names, pages={V4: answer, OTHER: page, "10.0.0.1": page})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed(status: int) -> None:
    network = leading("http://other.example.com/x")
    network.pages[V4] = Page(status, "http://other.example.com/x")
    await proved(claim("http-01"), reach(network))
    assert network.fetched[-1] == Door(OTHER, 80, "other.example.com", "/x")


@pytest.mark.parametrize(
    ("location", "door"),
    [
        ("https://other.example.com/", Door(OTHER, 443, "other.example.com", "/", True, "other.example.com")),
        ("https://other.example.com", Door(OTHER, 443, "other.example.com", "/", True, "other.example.com")),
        ("http://OTHER.example.com./a?b=c#d", Door(OTHER, 80, "other.example.com", "/a?b=c")),
        ("//other.example.com/a", Door(OTHER, 80, "other.example.com", "/a")),
        ("http://other.example.com:443/", Door(OTHER, 443, "other.example.com:443", "/")),
        ("https://other.example.com:80/", Door(OTHER, 80, "other.example.com:80", "/", True, "other.example.com")),
        ("/elsewhere", Door(V4, 80, "www.example.com", "/elsewhere")),
        ("elsewhere", Door(V4, 80, "www.example.com", "/.well-known/acme-challenge/elsewhere")),
        ("?again", Door(V4, 80, "www.example.com", f"{PATH}?again")),
        ("../up", Door(V4, 80, "www.example.com", "/.well-known/up")),
        (f"https://{OTHER}/x", Door(OTHER, 443, OTHER, "/x", True, "")),
        (f"https://www.example.com{PATH}", Door(V4, 443, "www.example.com", PATH, True, "www.example.com")),
    ],
)
async def test_it_leads_where_it_says(location: str, door: Door) -> None:
    network = leading(location)
    await proved(claim("http-01"), reach(network))
    assert network.fetched[-1] == door


@pytest.mark.parametrize(
    "location",
    [
        "",
        "ftp://other.example.com/",
        "file:///etc/passwd",
        "gopher://other.example.com/",
        "javascript:alert(1)",
        "http://other.example.com:22/",
        "http://other.example.com:0/",
        "http://other.example.com:99999/",
        "http://other.example.com:x/",
        "http://user@other.example.com/",
        "http://user:word@other.example.com/",
        "http://@other.example.com/",
        "http:///path",
        "http://",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[fe80::1%25eth0]/",
        "http://[2606:4700::1%25eth0]/",
        "http://[v1.x]/",
        "http://[::1/",
        "http://127.1/",
        "http://2130706433/",
        "http://x.127.0.0.1/",
        "http://*.example.com/",
        "http://under_score.example.com/",
        "http://-a.example.com/",
        "http://bücher.example.com/",
        "http://other.example.com\\@www.example.com/",
        "http://other.example.com/a b",
        "http://other.example.com/\r\nX: y",
        "http://other.example.com/\x00",
        "http://169.254.169.254/latest/meta-data/",
        "http://inside.example.com/",
        "http://nowhere.example.com/",
        "http://other.example.com/" + "x" * 2000,
        "http://" + "a." * 127 + "com/",
    ],
)
async def test_it_is_not_followed_into_what_is_no_site_for_a_validation(location: str) -> None:
    network = leading(location)
    kind = ProblemType.DNS if "nowhere" in location else ProblemType.CONNECTION
    problem = await refused(claim("http-01"), reach(network), kind)
    assert network.dialled == [V4]
    assert not location or location not in problem.detail


async def test_ports_of_a_lab_take_the_place_of_the_usual_ones() -> None:
    for location, port in (("https://other.example.com/", 5001), ("http://other.example.com:5002/", 5002)):
        network = leading(location)
        network.pages[OTHER] = Page(200, body=PROOF)
        await proved(claim("http-01"), reach(network, http_port=5002, tls_port=5001))
        assert network.fetched[-1].port == port
    await refused(
        claim("http-01"),
        reach(leading("http://other.example.com:80/"), http_port=5002, tls_port=5001),
        ProblemType.CONNECTION,
    )


async def test_ten_redirects_are_followed_and_not_one_more() -> None:
    def onward(end: int) -> FakeNetwork:
        def answer(door: Door) -> Page:
            step = 0 if door.target == PATH else int(door.target[1:])
            return Page(200, body=PROOF) if step == end else Page(302, f"/{step + 1}")

        return FakeNetwork(names={"www.example.com": [V4]}, pages={V4: answer})

    network = onward(10)
    await proved(claim("http-01"), reach(network))
    assert len(network.fetched) == 11
    network = onward(11)
    await refused(claim("http-01"), reach(network), ProblemType.CONNECTION)
    assert len(network.fetched) == 11


@pytest.mark.parametrize("location", [PATH, f"http://www.example.com{PATH}", f"http://WWW.example.com:80{PATH}#x"])
async def test_a_circle_ends_at_once(location: str) -> None:
    network = leading(location)
    await refused(claim("http-01"), reach(network), ProblemType.CONNECTION)
    assert len(network.fetched) == 1


async def test_what_a_redirect_leads_to_is_judged_like_the_first() -> None:
    network = leading("http://other.example.com/", Page(404))
    problem = await refused(claim("http-01"), reach(network), ProblemType.INCORRECT_RESPONSE)
    assert OTHER in problem.detail


@given(st.text(max_size=100) | st.from_regex(r"https?://[!-~]{1,60}", fullmatch=True))
def test_any_location_is_a_site_or_a_problem(location: str) -> None:
    where = reach(FakeNetwork())
    try:
        site = led_to(location, BASE, where)
    except Problem as problem:
        assert problem.type is ProblemType.CONNECTION  # noqa: PT017 - either is right
        return
    door = site.door(V4)
    assert site.port in {80, 443}
    assert door.host.isascii()
    assert door.host.isprintable()
    assert " " not in door.host + door.target
    assert door.target.startswith("/")

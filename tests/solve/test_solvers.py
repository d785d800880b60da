"""Solvers by name: which one is made, what is shared, and that responders listen only as long as they must."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifier
from evercert.model.intent import ChallengeRule
from evercert.pki.cert import read_certificate
from evercert.solve.solvers import SOLVERS, Solvers, check_rule
from tests.fakes.resolver import FakeResolver
from tests.fakes.route import FakeRoute
from tests.peers.ports import free_port
from tests.solve.given import Ledger, item, ports, secrets


@pytest.fixture
async def solvers() -> AsyncIterator[Solvers]:
    made = Solvers(ports(), secrets({}), resolving_through=lambda servers: FakeResolver())
    yield made
    await made.close()


def token(name: str = "token", **other: Any) -> Any:
    given = {"token": name, "identifier": "example.test", "challenge_type": "http-01"} | other
    return item(f"{name}.thumbprint", f"/.well-known/acme-challenge/{name}", **given)


def alpn(name: str, content: str = "keyauth", **other: Any) -> Any:
    place = parse_identifier(name).server_name
    return item(content, place, identifier=name, challenge_type="tls-alpn-01", **other)


async def fetch(port: int, name: str = "token") -> bytes:
    """What a CA gets at the token's path; b"" where nothing listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return b""
    writer.write(f"GET /.well-known/acme-challenge/{name} HTTP/1.0\r\nHost: example.test\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_standalone_listens_from_the_first_answer_to_the_last(solvers: Solvers) -> None:
    port = free_port()
    options = {"port": str(port), "address": "127.0.0.1"}
    solver = solvers.for_item("standalone", options, "http-01")
    one, two = token("one", issuance_id=1), token("two", issuance_id=2)
    assert await fetch(port) == b""
    await solver.present([one], Ledger().keep)
    await solver.present([two], Ledger().keep)
    assert (await fetch(port, "one")).endswith(b"one.thumbprint")
    await solver.clean_up([one])
    assert b"404" in await fetch(port, "one")
    assert (await fetch(port, "two")).endswith(b"two.thumbprint")
    await solver.clean_up([two])
    assert await fetch(port, "two") == b""


async def test_a_token_that_two_orders_need_is_answered_until_both_have_let_go(solvers: Solvers) -> None:
    port = free_port()
    solver = solvers.for_item("proxy", {"port": str(port)}, "http-01")
    first, second = token(issuance_id=1), token(issuance_id=2)
    await solver.present([first], Ledger().keep)
    await solver.present([second], Ledger().keep)
    await solver.clean_up([first])
    await solver.clean_up([first])
    assert (await fetch(port)).endswith(b"token.thumbprint")
    await solver.clean_up([second])
    assert await fetch(port) == b""


async def test_a_port_that_is_taken_is_told_with_what_to_do(solvers: Solvers) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        solver = solvers.for_item("auto", {"port": str(port), "address": "127.0.0.1"}, "http-01")
        with pytest.raises(EvercertError) as caught:
            await solver.present([token()], Ledger().keep)
        assert caught.value.code.name == "port"
        assert "--webroot" in caught.value.hint
        await solver.clean_up([token()])


async def test_auto_answers_itself_where_the_port_is_free_and_leaves_the_server_alone(solvers: Solvers) -> None:
    port, route = free_port(), FakeRoute()
    solver = solvers.for_item("auto", {"port": str(port), "address": "127.0.0.1"}, "http-01", route)
    one = token()
    await solver.present([one], Ledger().keep)
    assert (await fetch(port)).endswith(b"token.thumbprint")
    await solver.clean_up([one])
    assert (route.opened, route.closed) == ([], 0)


async def test_auto_goes_through_the_server_that_has_the_port(solvers: Solvers) -> None:
    route, ledger, one = FakeRoute(), Ledger(), token()
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        options = {"port": str(taken.getsockname()[1]), "address": "127.0.0.1"}
        await solvers.for_item("auto", options, "http-01", route).present([one], ledger.keep)
        assert route.opened == [["example.test"]]
        port = route.port
        assert (await fetch(port)).endswith(b"token.thumbprint")
        gc.collect()
        await solvers.for_item("auto", options, "http-01", route).clean_up([one])
        assert (route.port, route.closed) == (0, 1)
        assert await fetch(port) == b""


async def test_another_process_closes_the_route_that_a_dead_one_opened(solvers: Solvers) -> None:
    ledger, one = Ledger(), token()
    await solvers.for_item("route", {}, "http-01", FakeRoute()).present([one], ledger.keep)
    another, route = Solvers(ports(), secrets({})), FakeRoute(port=1)
    await another.for_item("route", {}, "http-01", route).clean_up(ledger.as_stored(one))
    assert route.closed == 1
    await another.close()


async def test_a_route_is_closed_when_the_last_of_its_names_is_done(solvers: Solvers) -> None:
    route, one, two = FakeRoute(), token("one"), token("two", identifier="other.test")
    solver = solvers.for_item("route", {}, "http-01", route)
    await solver.present([one], Ledger().keep)
    await solver.present([two], Ledger().keep)
    assert route.opened[-1] == ["example.test", "other.test"]
    await solver.clean_up([one])
    assert route.closed == 0
    await solver.clean_up([two])
    assert route.closed == 1


async def test_a_route_that_nothing_offers_is_told_with_what_to_do(solvers: Solvers) -> None:
    with pytest.raises(EvercertError, match="no target") as caught:
        solvers.for_item("route", {}, "http-01")
    assert "--deploy nginx" in caught.value.hint


async def test_an_idle_solver_of_a_route_is_forgotten(solvers: Solvers) -> None:
    for _ in range(100):
        route, one = FakeRoute(), token()
        solver = solvers.for_item("route", {}, "http-01", route)
        await solver.present([one], Ledger().keep)
        await solver.clean_up([one])
    del solver
    gc.collect()
    assert len(solvers._routed) == 0
    assert solvers._busy == set()


@pytest.mark.parametrize("name", ["example.test", "192.0.2.1", "2001:db8::1"])
async def test_tls_alpn_shows_the_proof_to_whoever_asks_for_it(solvers: Solvers, name: str) -> None:
    port = free_port()
    solver = solvers.for_item("standalone", {"port": str(port), "address": "127.0.0.1"}, "tls-alpn-01")
    one = alpn(name)
    await solver.present([one], Ledger().keep)
    served = await validate(port, one.place)
    assert [each.value for each in read_certificate(served).identifiers] == [name]
    await solver.clean_up([one])
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_another_order_for_the_same_name_waits_its_turn(solvers: Solvers) -> None:
    port = free_port()
    solver = solvers.for_item("standalone", {"port": str(port), "address": "127.0.0.1"}, "tls-alpn-01")
    first, second = alpn("example.test", "a"), alpn("example.test", "b", issuance_id=2)
    await solver.present([first], Ledger().keep)
    with pytest.raises(EvercertError, match="another order for it") as caught:
        await solver.present([second], Ledger().keep)
    assert caught.value.code.name == "conflict"
    await solver.clean_up([second])
    assert await validate(port, "example.test")
    await solver.clean_up([first])
    await solver.present([second], Ledger().keep)
    await solver.clean_up([second])


class Live:
    """A server that has been there all along. It says what it was sent first."""

    def __init__(self, expected: int = 5) -> None:
        self._expected = expected

    async def __aenter__(self) -> Live:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"live:" + await reader.readexactly(self._expected))
        writer.close()


def fronting(live: Live, port: int, **other: str) -> ChallengeRule:
    options = {"upstream": f"127.0.0.1:{live.port}", "port": str(port), "address": "127.0.0.1"}
    return ChallengeRule("tls-alpn-01", "front", options | other)


async def greet(port: int) -> bytes:
    """What a client that is no CA gets; b"" where nothing listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return b""
    writer.write(b"hello")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_front_answers_the_ca_and_passes_everybody_else_to_the_live_server(solvers: Solvers) -> None:
    async with Live() as live:
        rule = fronting(live, port := free_port())
        solver, one = solvers.for_item("front", rule.options, "tls-alpn-01"), alpn("example.test")
        await solver.present([one], Ledger().keep)
        assert await validate(port, "example.test")
        assert await greet(port) == b"live:hello"
        await solver.clean_up([one])


async def test_a_front_stays_when_the_last_answer_is_gone(solvers: Solvers) -> None:
    async with Live() as live:
        rule = fronting(live, port := free_port())
        solver, one = solvers.for_item("front", rule.options, "tls-alpn-01"), alpn("example.test")
        await solver.present([one], Ledger().keep)
        await solver.clean_up([one])
        assert await greet(port) == b"live:hello"
        await solvers.close()
        assert await greet(port) == b""


async def test_a_front_can_stand_before_anything_is_due_and_answers_when_it_is(solvers: Solvers) -> None:
    async with Live() as live:
        rule = fronting(live, port := free_port())
        for _ in range(2):
            await solvers.stand(rule)
        assert await greet(port) == b"live:hello"
        one = alpn("example.test")
        await solvers.for_item("front", rule.options, "tls-alpn-01").present([one], Ledger().keep)
        assert await validate(port, "example.test")
        assert await greet(port) == b"live:hello"


async def test_a_front_whose_port_is_taken_says_so_and_stands_when_it_is_free(solvers: Solvers) -> None:
    async with Live() as live:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            rule = fronting(live, port := taken.getsockname()[1])
            with pytest.raises(EvercertError, match="cannot listen") as caught:
                await solvers.stand(rule)
            assert "evercert run" in caught.value.hint
        await solvers.stand(rule)
        assert await greet(port) == b"live:hello"


async def test_only_a_front_stands(solvers: Solvers) -> None:
    port = str(free_port())
    await solvers.stand(ChallengeRule("tls-alpn-01", "standalone", {"port": port, "address": "127.0.0.1"}))
    await solvers.stand(ChallengeRule("http-01", "proxy", {"port": port}))
    assert await greet(int(port)) == b""


async def test_a_front_names_the_client_to_a_server_that_wants_to_know(solvers: Solvers) -> None:
    header = 28  # PROXY protocol version 2, TCP over IPv4
    async with Live(expected=header + 5) as live:
        await solvers.stand(fronting(live, port := free_port(), proxy_protocol="yes"))
        answer = await greet(port)
    assert answer.startswith(b"live:\r\n\r\n\0\r\nQUIT\n\x21\x11")
    assert answer.endswith(b"hello")


async def validate(port: int, server_name: str) -> bytes:
    """The certificate (DER) that a CA's tls-alpn-01 validation is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["acme-tls/1"])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=server_name)
    session = writer.get_extra_info("ssl_object")
    assert session.selected_alpn_protocol() == "acme-tls/1"
    certificate = session.getpeercert(binary_form=True)
    writer.close()
    return bytes(certificate)


async def test_equal_arguments_give_the_same_solver_and_different_ones_do_not(solvers: Solvers, tmp_path: Path) -> None:
    root, other = {"root": str(tmp_path)}, {"root": str(tmp_path / "other")}
    assert solvers.for_item("webroot", root, "http-01") is solvers.for_item("webroot", dict(root), "http-01")
    assert solvers.for_item("webroot", root, "http-01") is not solvers.for_item("webroot", other, "http-01")
    hook = {"program": "/opt/hook"}
    assert solvers.for_item("exec", hook, "dns-01") is solvers.for_item("exec", hook, "dns-01")


async def test_a_token_that_was_changed_while_we_run_is_used_from_then_on(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    file.chmod(0o600)
    made = Solvers(ports(), secrets({}))
    options = {"api_token": f"file:{file}"}
    solver = made.for_item("cloudflare", options, "dns-01")
    records = next(iter(made._accounts.values()))[1]
    before = records.provider
    assert made.for_item("cloudflare", options, "dns-01") is solver
    assert records.provider is before
    file.write_text("new\n")
    assert made.for_item("cloudflare", options, "dns-01") is solver
    assert records.provider is not before


@pytest.mark.parametrize(
    ("rule", "words", "hint"),
    [
        (ChallengeRule("http-01", "standalon"), "no http-01 solver 'standalon'", "standalone"),
        (ChallengeRule("http-01", "nginx"), "no http-01 solver 'nginx'", "standalone, webroot"),
        (ChallengeRule("http-02", "auto"), "no challenge 'http-02'", "'http-01'"),
        (ChallengeRule("carrier-pigeon", "auto"), "no challenge 'carrier-pigeon'", "dns-persist-01"),
        (ChallengeRule("dns-01", "cloudfare"), "no DNS provider 'cloudfare'", "'cloudflare'"),
        (ChallengeRule("dns-01", "cloudflare"), "needs its api_token", "EVERCERT_CLOUDFLARE_API_TOKEN"),
        (ChallengeRule("dns-01", "cloudflare", {"api_token": "hunter2"}), "by reference", "env:NAME"),
        (ChallengeRule("dns-01", "exec", {"program": "/x", "tll": "5"}), "no field 'tll'", "'ttl'"),
        (ChallengeRule("dns-01", "exec", {"program": "/x", "keep": "no"}), "no field 'keep'", ""),
        (ChallengeRule("dns-01", "exec", {"program": "/x", "changes_per_minute": "few"}), "a whole number", "minute"),
        (ChallengeRule("http-01", "webroot"), "needs its root", "/var/www/html"),
        (ChallengeRule("http-01", "webroot", {"root": "/nowhere"}), "no folder '/nowhere'", "/var/www/html"),
        (ChallengeRule("tls-alpn-01", "front", {"upstream": "8443"}), "host:port", ""),
    ],
)
def test_a_rule_is_checked_before_anything_is_ordered(rule: ChallengeRule, words: str, hint: str) -> None:
    with pytest.raises(EvercertError, match=words) as caught:
        check_rule(rule, secrets({}))
    assert hint in caught.value.hint
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"


def test_persist_has_fields_of_its_own() -> None:
    check_rule(ChallengeRule("dns-persist-01", "exec", {"program": "/x", "keep": "no"}), secrets({}))


@pytest.mark.parametrize("key", SOLVERS)
def test_every_solver_and_field_is_described(key: tuple[str, str]) -> None:
    info = SOLVERS[key]
    assert info.name == key[1]
    assert info.summary
    assert all(field.help for field in info.fields)

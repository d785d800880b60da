from __future__ import annotations

import asyncio
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from evercert.base.errors import EvercertError
from evercert.base.names import parse_identifiers
from evercert.deploy.generations import Generations
from evercert.deploy.targets.nginx import Nginx as NginxTarget
from evercert.model.fact import DeployStatus
from evercert.pki.cert import read_certificate
from evercert.plugins.contracts import Bundle, Ports
from tests.deploy.conftest import Responder, error_of, options_for, run_apply, told_before
from tests.fakes.bundles import Issuer
from tests.peers.handshake import leaf_at
from tests.peers.nginx import Nginx

WWW = "www.example.test"
CHALLENGE = "/.well-known/acme-challenge/"
PLAIN = """# the user's own words
server {
    listen 127.0.0.1:{http};  # plain
    server_name www.example.test example.test;
    location / { return 200 "plain $scheme"; }
}
"""


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    server = Nginx(tmp_path / "nginx", {"www.conf": PLAIN})
    yield server
    server.end()


def target_of(nginx: Nginx, ports: Ports, state: Path, **more: str) -> NginxTarget:
    return NginxTarget(options_for(NginxTarget.info, **nginx.options, **more), ports, state)


async def test_a_block_that_is_plain_gets_tls_and_serves_the_certificate(
    nginx: Nginx, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx.start()
    bundle = issuer.bundle(WWW, "example.test")
    outcome = await run_apply(target_of(nginx, ports, state), bundle)
    assert outcome.failure is None
    assert outcome.status is DeployStatus.SERVED
    assert leaf_at("127.0.0.1", nginx.https, WWW) == bundle.leaf_der
    text = nginx.site("www.conf")
    assert text.startswith("# the user's own words\nserver {\n")
    assert f"listen 127.0.0.1:{nginx.https} ssl;" in text
    assert '    location / { return 200 "plain $scheme"; }\n}\n' in text


async def test_a_renewal_changes_one_link_and_no_configuration(
    nginx: Nginx, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx.start()
    await run_apply(target_of(nginx, ports, state), issuer.bundle(WWW))
    before = nginx.site("www.conf")
    renewed = issuer.bundle(WWW)
    outcome = await run_apply(target_of(nginx, ports, state), renewed)
    assert outcome.status is DeployStatus.SERVED
    assert leaf_at("127.0.0.1", nginx.https, WWW) == renewed.leaf_der
    assert nginx.site("www.conf") == before


def get(nginx: Nginx, host: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", nginx.http, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


REDIRECTING = """
server {
    listen 127.0.0.1:{http};
    server_name www.example.test;
    auth_basic "members"; auth_basic_user_file /nowhere;
    return 301 https://$host$request_uri;
}
"""


async def test_a_route_leads_challenges_past_redirects_and_passwords_and_leaves_no_trace(
    tmp_path: Path, ports: Ports, state: Path, responder: Callable[..., Responder]
) -> None:
    with Nginx(tmp_path / "nginx", {"www.conf": REDIRECTING}) as nginx:
        before = nginx.site("www.conf")
        target = target_of(nginx, ports, state)
        await target.open_route(parse_identifiers([WWW]), responder("token-1").port)
        assert get(nginx, WWW, CHALLENGE + "token-1") == (200, "token-1.thumbprint")
        assert get(nginx, WWW, CHALLENGE + "unknown")[0] == 404
        assert get(nginx, WWW, "/")[0] == 301
        await target.close_route()
        assert nginx.site("www.conf") == before
        assert names_in(state) == []


async def test_a_route_does_not_mind_the_users_own_challenge_location(
    tmp_path: Path, ports: Ports, state: Path, responder: Callable[..., Responder]
) -> None:
    own = "server { listen 127.0.0.1:{http}; location ^~ /.well-known/acme-challenge/ { return 200 own; } }"
    with Nginx(tmp_path / "nginx", {"www.conf": own}) as nginx:
        target = target_of(nginx, ports, state)
        await target.open_route(parse_identifiers([WWW]), responder("token-1").port)
        assert get(nginx, WWW, CHALLENGE + "token-1") == (200, "token-1.thumbprint")
        await target.close_route()
        assert await eventually(lambda: get(nginx, WWW, CHALLENGE + "token-1") == (200, "own"))
        assert "evercert" not in nginx.site("www.conf")


async def test_a_route_makes_its_own_block_where_nothing_listens_on_port_80(
    tmp_path: Path, ports: Ports, state: Path, responder: Callable[..., Responder]
) -> None:
    with Nginx(tmp_path / "nginx", {}) as nginx:
        before = nginx.conf.read_bytes()
        target = target_of(nginx, ports, state)
        await target.open_route(parse_identifiers([WWW, "*.example.test"]), responder("token-1").port)
        assert get(nginx, WWW, CHALLENGE + "token-1") == (200, "token-1.thumbprint")
        await target.close_route()
        assert nginx.conf.read_bytes() == before


async def test_two_routes_through_one_block_serve_both_and_close_in_any_order(
    nginx: Nginx, ports: Ports, tmp_path: Path, responder: Callable[..., Responder]
) -> None:
    nginx.start()
    before = nginx.site("www.conf")
    first, second = (target_of(nginx, ports, made(tmp_path / name)) for name in ("first", "second"))
    await first.open_route(parse_identifiers([WWW]), responder("token-1").port)
    await second.open_route(parse_identifiers([WWW]), responder("token-2").port)
    assert get(nginx, WWW, CHALLENGE + "token-1") == (200, "token-1.thumbprint")
    assert get(nginx, WWW, CHALLENGE + "token-2") == (200, "token-2.thumbprint")
    assert get(nginx, WWW, CHALLENGE + "token-3")[0] == 404
    await first.close_route()
    assert await eventually(lambda: get(nginx, WWW, CHALLENGE + "token-2") == (200, "token-2.thumbprint"))
    await second.close_route()
    assert nginx.site("www.conf") == before


async def test_a_route_of_a_dead_process_is_closed_by_the_next_even_after_the_user_edited_the_file(
    nginx: Nginx, ports: Ports, state: Path, responder: Callable[..., Responder]
) -> None:
    nginx.start()
    before = nginx.site("www.conf")
    await target_of(nginx, ports, state).open_route(parse_identifiers([WWW]), responder().port)
    nginx.write_site("www.conf", nginx.site("www.conf").replace("own words", "new words"))
    await target_of(nginx, ports, state).close_route()
    assert nginx.site("www.conf") == before.replace("own words", "new words")


async def test_a_route_moves_to_the_responder_of_the_next_process(
    nginx: Nginx, ports: Ports, state: Path, responder: Callable[..., Responder]
) -> None:
    nginx.start()
    before = nginx.site("www.conf")
    await target_of(nginx, ports, state).open_route(parse_identifiers([WWW]), responder("old").port)
    target = target_of(nginx, ports, state)
    await target.open_route(parse_identifiers([WWW]), responder("new").port)
    assert get(nginx, WWW, CHALLENGE + "new") == (200, "new.thumbprint")
    await target.close_route()
    assert nginx.site("www.conf") == before


WITH_TLS = """
server { listen 127.0.0.1:{https} ssl; server_name other.example.test; ssl_certificate snake.pem; \
ssl_certificate_key snake.key; }
server {
    listen 127.0.0.1:{https} ssl; server_name www.example.test; # both
    ssl_certificate snake.pem; ssl_certificate_key snake.key;
    ssl_certificate "other.pem"; ssl_certificate_key other.key;
}
"""


def with_tls(nginx: Nginx, issuer: Issuer) -> Bundle:
    """The user's own certificates, of two kinds, in a server that has TLS already."""
    snake, other = issuer.bundle(WWW, number=1), issuer.bundle(WWW, key=rsa.generate_private_key(65537, 2048), number=2)
    for name, bundle in (("snake", snake), ("other", other)):
        (nginx.folder / f"{name}.pem").write_text(bundle.fullchain_pem)
        assert bundle.private_key is not None
        (nginx.folder / f"{name}.key").write_bytes(bundle.private_key.reveal())
    return snake


async def test_only_the_block_of_the_name_changes_and_no_old_certificate_of_another_kind_stays(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx = Nginx(tmp_path / "nginx", {"tls.conf": WITH_TLS})
    snake = with_tls(nginx, issuer)
    other_block = nginx.site("tls.conf").splitlines()[1]
    with nginx:
        bundle = issuer.bundle(WWW)
        outcome = await run_apply(target_of(nginx, ports, state), bundle)
        assert outcome.status is DeployStatus.SERVED
        assert leaf_at("127.0.0.1", nginx.https, "other.example.test") == snake.leaf_der
        assert nginx.site("tls.conf").splitlines()[1] == other_block
        assert "snake" not in nginx.site("tls.conf").replace(other_block, "")
        assert "other.pem" not in nginx.site("tls.conf")


async def test_a_server_that_keeps_the_old_certificate_is_found_out_and_all_is_put_back(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx = Nginx(tmp_path / "nginx", {"tls.conf": WITH_TLS})
    snake = with_tls(nginx, issuer)
    before = nginx.site("tls.conf")
    with nginx:
        # As `nginx -s reload` when the master refuses: it says nothing and ends with 0.
        deaf = tmp_path / "deaf"
        deaf.write_text(f'#!/bin/sh\nfor word; do [ "$word" = -s ] && exit 0; done\nexec {nginx.binary} "$@"\n')
        deaf.chmod(0o755)
        options = options_for(NginxTarget.info, **(nginx.options | {"binary": str(deaf)}))
        outcome = await run_apply(NginxTarget(options, ports, state), issuer.bundle(WWW))
        assert outcome.status is DeployStatus.FAILED
        assert outcome.rolled_back
        assert error_of(outcome).code.name == "not-served"
        serial = read_certificate(snake.leaf_der).serial
        assert f"still serves serial {serial}" in error_of(outcome).message
    assert nginx.site("tls.conf") == before
    assert not (state / "live" / WWW).is_symlink()


async def test_a_fault_elsewhere_in_the_users_configuration_is_told_and_nothing_is_changed(
    nginx: Nginx, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx.start()
    nginx.write_site("broken.conf", "server { listen 127.0.0.1:{http}; no_such_thing on; }")
    before = nginx.site("www.conf")
    outcome = await run_apply(target_of(nginx, ports, state), issuer.bundle(WWW))
    assert outcome.status is DeployStatus.FAILED
    assert 'unknown directive "no_such_thing"' in error_of(outcome).message
    assert "broken.conf:1" in error_of(outcome).message
    assert nginx.site("www.conf") == before
    with pytest.raises(EvercertError, match="broken before anything was changed"):
        await target_of(nginx, ports, state).open_route(parse_identifiers([WWW]), 1)
    assert nginx.site("www.conf") == before


async def test_a_server_that_is_not_running_is_told_of_and_its_files_are_as_before(
    nginx: Nginx, ports: Ports, state: Path, issuer: Issuer
) -> None:
    before = nginx.site("www.conf")
    outcome = await run_apply(target_of(nginx, ports, state), issuer.bundle(WWW))
    assert error_of(outcome).hint == "is nginx running? start it, then try again"
    assert nginx.site("www.conf") == before


async def test_a_name_without_a_block_is_refused_with_what_to_write(
    nginx: Nginx, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx.start()
    outcome = await run_apply(target_of(nginx, ports, state), issuer.bundle("mail.example.test"))
    assert error_of(outcome).message == "no server block of nginx answers for mail.example.test"
    assert "server_name mail.example.test;" in error_of(outcome).hint


async def test_many_certificates_deployed_at_once_into_one_file_are_all_served(
    tmp_path: Path, ports: Ports, issuer: Issuer
) -> None:
    names = [f"n{number}.example.test" for number in range(5)]
    sites = "".join(f"server {{ listen 127.0.0.1:{{http}}; server_name {name}; }}\n" for name in names)
    with Nginx(tmp_path / "nginx", {"all.conf": sites}) as nginx:
        bundles = [issuer.bundle(name) for name in names]
        targets = [target_of(nginx, ports, made(tmp_path / name)) for name in names]
        outcomes = await asyncio.gather(*map(run_apply, targets, bundles))
        assert {outcome.status for outcome in outcomes} == {DeployStatus.SERVED}
        for name, bundle in zip(names, bundles, strict=True):
            assert leaf_at("127.0.0.1", nginx.https, name) == bundle.leaf_der


async def test_no_connection_fails_while_certificates_are_swapped(
    nginx: Nginx, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx.start()
    await run_apply(target_of(nginx, ports, state), issuer.bundle(WWW))
    load = Load(nginx)
    for _ in range(4):
        outcome = await run_apply(target_of(nginx, ports, state), issuer.bundle(WWW))
        assert outcome.status is DeployStatus.SERVED
    done, failures = await asyncio.to_thread(load.end)
    assert failures == []
    assert done > 20


class Load:
    """New TLS connections with a request on each, and one kept alive in each of two threads.

    A server may close a connection that is idle whenever it likes (RFC 9112 §9.3.1): the kept one
    is then opened again, and only a new connection that fails is a failure.
    """

    def __init__(self, nginx: Nginx) -> None:
        self.port, self.done, self.failures, self.over = nginx.https, 0, list[str](), threading.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.threads = [threading.Thread(target=self.run) for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def run(self) -> None:
        kept = self.connection()
        while not self.over.is_set():
            fresh = self.connection()
            try:
                self.ask(fresh)
                self.done += 1
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.failures.append(repr(error))
            fresh.close()
            try:
                self.ask(kept)
            except (OSError, http.client.HTTPException):
                kept.close()
        kept.close()

    def connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=self.context)

    def ask(self, connection: http.client.HTTPSConnection) -> None:
        connection.request("GET", "/", headers={"Host": WWW})
        assert connection.getresponse().read() == b"plain https"

    def end(self) -> tuple[int, list[str]]:
        self.over.set()
        for thread in self.threads:
            thread.join()
        return self.done, self.failures


async def eventually(holds: Callable[[], bool], patience: float = 5.0) -> bool:
    for _ in range(int(patience / 0.05)):
        if holds():
            return True
        await asyncio.sleep(0.05)
    return holds()


def made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_certificates_may_be_kept_in_nginxs_own_folder(
    nginx: Nginx, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx.start()
    outcome = await run_apply(target_of(nginx, ports, state, dir=str(nginx.folder)), issuer.bundle(WWW))
    assert outcome.status is DeployStatus.SERVED
    assert (nginx.folder / "live" / WWW / "privkey.pem").exists()


async def test_a_configuration_that_names_the_files_already_is_left_alone(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    files = f"ssl_certificate {state}/live/{WWW}/fullchain.pem; ssl_certificate_key {state}/live/{WWW}/privkey.pem;"
    site = f"server {{ listen 127.0.0.1:{{https}} ssl; server_name {WWW}; {files} }}"
    nginx = Nginx(tmp_path / "nginx", {"tls.conf": site})
    first = issuer.bundle(WWW)
    generations = Generations(state, WWW)
    generations.stage(first, issuer.now)
    generations.swap(first)
    generations.settle()
    before = nginx.site("tls.conf")
    with nginx:
        bundle = issuer.bundle(WWW)
        outcome = await run_apply(target_of(nginx, ports, state, edit="no"), bundle)
        assert outcome.status is DeployStatus.SERVED
        assert leaf_at("127.0.0.1", nginx.https, WWW) == bundle.leaf_der
    assert nginx.site("tls.conf") == before


async def test_a_rehearsal_changes_nothing_and_tells_what_nginx_would_refuse(
    nginx: Nginx, ports: Ports, state: Path, issuer: Issuer
) -> None:
    nginx.start()
    target, bundle, sites = target_of(nginx, ports, state), issuer.bundle(WWW), nginx.folder / "sites"
    assert await told_before(target, bundle, state, sites) == ""
    assert "no server block" in await told_before(target, issuer.bundle("unknown.test"), state, sites)
    nginx.write_site("www.conf", "server { nonsense; }\n")
    assert "unknown directive" in await told_before(target, bundle, state, sites)

from __future__ import annotations

from pathlib import Path

from evercert.deploy.targets.haproxy import HAProxy as HAProxyTarget
from evercert.model.fact import DeployStatus
from evercert.plugins.contracts import Bundle, Ports
from tests.deploy.conftest import error_of, options_for, run_apply, told_before
from tests.fakes.bundles import Issuer
from tests.peers.handshake import leaf_at
from tests.peers.haproxy import HAProxy

WWW = "www.example.test"


def write_pem(path: Path, bundle: Bundle) -> None:
    assert bundle.private_key is not None
    path.write_bytes(bundle.fullchain_pem.encode() + bundle.private_key.reveal())


def target_of(haproxy: HAProxy, ports: Ports, state: Path, **more: str) -> HAProxyTarget:
    options = {"conf": str(haproxy.conf), "socket": str(haproxy.socket), "binary": haproxy.binary} | more
    return HAProxyTarget(options_for(HAProxyTarget.info, **options), ports, state)


async def test_a_certificate_is_exchanged_in_memory_and_in_its_file(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    haproxy = HAProxy(tmp_path / "haproxy", "crt {folder}/www.pem")
    pem = haproxy.folder / "www.pem"
    write_pem(pem, issuer.bundle(WWW))
    with haproxy:
        pid = haproxy.pid
        for bundle in (issuer.bundle(WWW), issuer.bundle(WWW)):
            outcome = await run_apply(target_of(haproxy, ports, state, crt=str(pem)), bundle)
            assert outcome.failure is None
            assert outcome.status is DeployStatus.SERVED
            assert leaf_at("127.0.0.1", haproxy.port, WWW) == bundle.leaf_der
            assert pem.read_text().startswith(bundle.leaf_pem)
        assert haproxy.pid == pid


async def test_a_new_certificate_joins_the_crt_list(tmp_path: Path, ports: Ports, state: Path, issuer: Issuer) -> None:
    haproxy = HAProxy(tmp_path / "haproxy", "crt-list {folder}/list")
    old = issuer.bundle("old.example.test")
    write_pem(haproxy.folder / "old.pem", old)
    crt_list = haproxy.folder / "list"
    crt_list.write_text(f"{haproxy.folder}/old.pem\n")
    with haproxy:
        bundle = issuer.bundle(WWW)
        outcome = await run_apply(target_of(haproxy, ports, state, crt_list=str(crt_list)), bundle)
        assert outcome.failure is None
        assert outcome.status is DeployStatus.SERVED
        assert leaf_at("127.0.0.1", haproxy.port, WWW) == bundle.leaf_der
        assert leaf_at("127.0.0.1", haproxy.port, "old.example.test") == old.leaf_der
        assert crt_list.read_text().splitlines()[1] == str(state / "live" / WWW / "combined.pem")


async def test_a_folder_of_certificates_gets_one_more(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    haproxy = HAProxy(tmp_path / "haproxy", "crt {folder}/certs")
    folder = haproxy.folder / "certs"
    folder.mkdir()
    write_pem(folder / "old.pem", issuer.bundle("old.example.test"))
    with haproxy:
        bundle = issuer.bundle(WWW)
        outcome = await run_apply(target_of(haproxy, ports, state, crt=str(folder)), bundle)
        assert outcome.failure is None
        assert outcome.status is DeployStatus.SERVED
        assert sorted(each.name for each in folder.iterdir()) == ["old.pem", f"{WWW}.pem"]


async def test_without_a_socket_a_program_reloads_it(tmp_path: Path, ports: Ports, state: Path, issuer: Issuer) -> None:
    haproxy = HAProxy(tmp_path / "haproxy", "crt {folder}/www.pem", socket=False)
    pem = haproxy.folder / "www.pem"
    write_pem(pem, issuer.bundle(WWW))
    with haproxy:
        bundle = issuer.bundle(WWW)
        target = target_of(haproxy, ports, state, crt=str(pem), socket="", reload=f"kill -USR2 {haproxy.pid}")
        outcome = await run_apply(target, bundle)
        assert outcome.failure is None
        assert outcome.status is DeployStatus.SERVED


async def test_what_no_bind_line_names_is_put_back_and_told(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    haproxy = HAProxy(tmp_path / "haproxy", "crt {folder}/www.pem")
    write_pem(haproxy.folder / "www.pem", issuer.bundle(WWW))
    with haproxy:
        other = haproxy.folder / "other.pem"
        other.write_text("precious")
        outcome = await run_apply(target_of(haproxy, ports, state, crt=str(other)), issuer.bundle(WWW))
        assert outcome.rolled_back
        assert f"HAProxy does not know {other}" in error_of(outcome).message
        assert other.read_text() == "precious"


async def test_a_certificate_that_is_not_served_goes_out_of_memory_and_file_again(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    haproxy = HAProxy(tmp_path / "haproxy", "crt {folder}/www.pem")
    pem = haproxy.folder / "www.pem"
    old = issuer.bundle(WWW)
    write_pem(pem, old)
    before = pem.read_bytes()
    with haproxy:
        target = target_of(haproxy, ports, state, crt=str(pem), endpoint="127.0.0.1:1")
        outcome = await run_apply(target, issuer.bundle(WWW))
        assert outcome.status is DeployStatus.FAILED
        assert outcome.rolled_back
        assert leaf_at("127.0.0.1", haproxy.port, WWW) == old.leaf_der
        assert pem.read_bytes() == before
        assert not (state / "crt.before").exists()


async def test_a_socket_without_admin_is_told_before_anything_changes(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    haproxy = HAProxy(tmp_path / "haproxy", "crt {folder}/www.pem")
    haproxy.conf.write_text(haproxy.conf.read_text().replace("level admin", "level user"))
    write_pem(haproxy.folder / "www.pem", issuer.bundle(WWW))
    before = (haproxy.folder / "www.pem").read_bytes()
    with haproxy:
        target = target_of(haproxy, ports, state, crt=str(haproxy.folder / "www.pem"))
        outcome = await run_apply(target, issuer.bundle(WWW))
        assert "level admin" in error_of(outcome).hint
        assert (haproxy.folder / "www.pem").read_bytes() == before


async def test_a_rehearsal_changes_nothing_and_tells_that_the_socket_is_silent(
    tmp_path: Path, ports: Ports, state: Path, issuer: Issuer
) -> None:
    haproxy = HAProxy(tmp_path / "haproxy", "crt {folder}/www.pem")
    pem, old = haproxy.folder / "www.pem", issuer.bundle(WWW)
    write_pem(pem, old)
    target = target_of(haproxy, ports, state, crt=str(pem))
    with haproxy:
        assert await told_before(target, issuer.bundle(WWW), state) == ""
        assert leaf_at("127.0.0.1", haproxy.port, WWW) == old.leaf_der
        assert pem.read_text().startswith(old.leaf_pem)
    assert str(haproxy.socket) in await told_before(target, issuer.bundle(WWW), state)

"""Killed at every point where something outside the process changes, and then run again.

The points are not picked: Python's audit events name each file that is written, renamed, linked,
removed, and each program that is run, so a new one is met the day it is written.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evercert.base.names import parse_identifiers
from evercert.deploy.apply import Outcome, Prove
from evercert.deploy.proof import Proof, Sight
from evercert.deploy.targets.files import Files
from evercert.deploy.targets.nginx import Nginx as NginxTarget
from evercert.model.fact import DeployStatus
from evercert.plugins.contracts import Bundle, Endpoint, Ports
from tests.deploy.conftest import Responder, options_for, prove_soon, run_apply
from tests.fakes.bundles import Issuer
from tests.peers.handshake import leaf_at
from tests.peers.nginx import Nginx

WWW = "www.example.test"
_CHANGES = {"os.rename", "os.remove", "os.symlink", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "subprocess.Popen"}
_WRITES = os.O_WRONLY | os.O_RDWR


def killed_at(point: int, work: Callable[[], object]) -> bool:
    """Do the work in a process of its own that is killed before its *point*-th change; whether it came so far."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _kill_at(point)
            work()
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert ended in {0, signal.SIGKILL}
    return ended == signal.SIGKILL


def _kill_at(point: int) -> None:
    left = itertools.count(point, -1)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        is_write = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & _WRITES)
        if (is_write or event in _CHANGES) and next(left) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


async def proved(endpoints: Sequence[Endpoint], bundle: Bundle) -> Proof:
    return Proof((Sight("somewhere"),))


async def refuted(endpoints: Sequence[Endpoint], bundle: Bundle) -> Proof:
    return Proof((Sight("somewhere", "serves something else"),))


def files_target(ports: Ports, state: Path) -> Files:
    return Files(options_for(Files.info, endpoint="127.0.0.1:1"), ports, state)


def deploy(ports: Ports, state: Path, bundle: Bundle, prover: Prove) -> Outcome:
    return asyncio.run(run_apply(files_target(ports, state), bundle, prover))


def serves(state: Path, bundle: Bundle) -> bool:
    """Whether exactly this bundle is in place, whole."""
    live = state / "live" / WWW
    assert bundle.private_key is not None
    return (live / "fullchain.pem").read_text() == bundle.fullchain_pem and (
        (live / "privkey.pem").read_bytes() == bundle.private_key.reveal()
    )


def leftovers(state: Path) -> list[str]:
    return [str(path) for path in state.rglob(".*")] + [str(path) for path in state.glob("*.json")]


def test_a_deploy_that_is_killed_anywhere_leaves_the_old_or_the_new_one_and_goes_on(
    ports: Ports, tmp_path: Path, issuer: Issuer
) -> None:
    old, new = issuer.bundle(WWW), issuer.bundle(WWW)
    points = 0
    for point in itertools.count(1):
        state = tmp_path / str(point)
        state.mkdir()
        assert deploy(ports, state, old, proved).status is DeployStatus.SERVED
        was_killed = killed_at(point, lambda state=state: deploy(ports, state, new, proved))
        assert serves(state, old) or serves(state, new)
        assert deploy(ports, state, new, proved).status is DeployStatus.SERVED
        assert serves(state, new)
        assert leftovers(state) == []
        points = point
        if not was_killed:
            break
    assert points > 15


def test_a_roll_back_that_is_killed_anywhere_is_finished_by_the_next_run(
    ports: Ports, tmp_path: Path, issuer: Issuer
) -> None:
    old, new = issuer.bundle(WWW), issuer.bundle(WWW)
    for point in itertools.count(1):
        state = tmp_path / str(point)
        state.mkdir()
        deploy(ports, state, old, proved)
        was_killed = killed_at(point, lambda state=state: deploy(ports, state, new, refuted))
        assert serves(state, old) or serves(state, new)
        assert deploy(ports, state, new, refuted).rolled_back
        assert serves(state, old)
        assert leftovers(state) == []
        if not was_killed:
            break


def test_a_first_deploy_to_nginx_that_is_killed_anywhere_never_breaks_its_configuration(
    ports: Ports, tmp_path: Path, issuer: Issuer
) -> None:
    plain = "server {\n    listen 127.0.0.1:{http};\n    server_name www.example.test;\n}\n"
    bundle, state = issuer.bundle(WWW), tmp_path / "state"
    with Nginx(tmp_path / "nginx", {"www.conf": plain}) as nginx:

        def deploy_nginx() -> Outcome:
            target = NginxTarget(options_for(NginxTarget.info, **nginx.options), ports, state)
            return asyncio.run(run_apply(target, bundle, prove_soon))

        wanted = ""
        for point in itertools.count(1):
            shutil.rmtree(state, ignore_errors=True)
            state.mkdir()
            nginx.write_site("www.conf", plain)
            was_killed = killed_at(point, deploy_nginx)
            subprocess.run([nginx.binary, "-t", "-q", "-c", nginx.conf], check=True, timeout=30)
            if point % 4 == 0 or not was_killed:
                assert deploy_nginx().status is DeployStatus.SERVED
                assert leaf_at("127.0.0.1", nginx.https, WWW) == bundle.leaf_der
                wanted = wanted or nginx.site("www.conf")
                assert nginx.site("www.conf") == wanted
                assert leftovers(state) == []
                assert list((nginx.folder / "sites").iterdir()) == [nginx.folder / "sites" / "www.conf"]
            if not was_killed:
                break


def test_a_way_for_challenges_whose_opener_is_killed_anywhere_is_closed_by_the_next_process(
    ports: Ports, tmp_path: Path, responder: Callable[..., Responder]
) -> None:
    plain = "server {\n    listen 127.0.0.1:{http};\n    server_name www.example.test;\n}\n"
    state, port = tmp_path / "state", responder("token").port
    state.mkdir()
    with Nginx(tmp_path / "nginx", {"www.conf": plain}) as nginx:
        before = nginx.site("www.conf")

        def target() -> NginxTarget:
            return NginxTarget(options_for(NginxTarget.info, **nginx.options), ports, state)

        for point in itertools.count(1):
            was_killed = killed_at(point, lambda: asyncio.run(target().open_route(parse_identifiers([WWW]), port)))
            asyncio.run(target().close_route())
            assert nginx.site("www.conf") == before
            assert leftovers(state) == []
            assert [each.name for each in (nginx.folder / "sites").iterdir()] == ["www.conf"]
            if not was_killed:
                break

"""Told to end in the middle: what was put out for the CA is taken away, and the next call goes on from there."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.peers.pebble import Pebble


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_obtain_leaves_nothing_behind_and_is_gone_on_with(
    tmp_path: Path, start_pebble: Callable[..., Pebble], number: signal.Signals
) -> None:
    pebble = start_pebble()
    evercert = Shell(tmp_path / "home", pebble)
    root = tmp_path / "www"
    root.mkdir()
    with socket.socket() as silent:  # accepts what the CA sends and never answers, so that it waits
        silent.bind(("127.0.0.1", pebble.http_port))
        silent.listen()
        asked = ["obtain", "stopped.test", *evercert.to_ca, "--webroot", str(root)]
        with evercert.start(*asked, log=tmp_path / "log") as running:
            running.wait_until(lambda: "Attempting to validate" in pebble.log(), "being looked at by the CA")
            assert _files(root) != []
            running.signal(number)
            assert running.wait() == 130
        assert _files(root) == []
    assert "evercert: warning: interrupted; what was begun is kept, and gone on with next time" in running.text()
    assert "Traceback" not in running.text()
    pebble.wait_for("set INVALID by invalid authz")
    # The CA got no answer and gave that order up; the next call finds that out, and places another at once.
    again = evercert("obtain", "stopped.test", *evercert.at)
    assert (again.status, "beginning another" in again.err) == (0, True)
    assert pebble.order_count() == 2


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]

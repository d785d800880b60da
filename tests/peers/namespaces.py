"""A network of a test's own: only its loopback, with real ports and a private resolver, hosts file and trust bundle.

It is made by a process that does nothing but hold it (no name in /run/netns, no file under /etc). When that process and
the programs inside are gone, the kernel removes it. Works as root, and without root where the kernel lets users make
namespaces; a machine that allows neither is a failure that says so.
"""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.program import ROOT, PeerFailure, Program, installed, without_trust_overrides

__all__ = ["Namespace"]

_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_HOW = "run `make peers`"

# The mounts are private to the namespace; each file is bound over the machine's one of the same name.
_HOLD = """
set -e
ip link set lo up
for address in $ADDRESSES; do ip addr add "$address" dev lo nodad; done
mount --bind "$FILES/resolv.conf" /etc/resolv.conf
mount --bind "$FILES/hosts" /etc/hosts
if [ -e "$FILES/bundle.pem" ]; then mount --bind "$FILES/bundle.pem" /etc/ssl/certs/ca-certificates.crt; fi
echo held
exec sleep infinity
"""

_FETCH = """
import base64, pathlib, sys
from tests.peers.place import fetch
url, authority, body = sys.argv[1:]
print(base64.b64encode(fetch(url, body.encode() or None, pathlib.Path(authority) if authority else None)).decode())
"""


class Namespace:
    """A held network namespace. *folder* keeps its files and is still readable after the end.

    *addresses* (with prefix length) are added to its loopback beside 127/8 and ::1; *roots* are PEM files that every
    program inside trusts besides the machine's own roots.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nameserver: str = "127.0.0.1",
        addresses: Sequence[str] = (),
        hosts: Mapping[str, str] | None = None,
        roots: Sequence[Path] = (),
    ) -> None:
        self.folder = folder
        self._started: list[Program] = []
        self._inner = folder / "etc"
        self._inner.mkdir()
        (self._inner / "resolv.conf").write_text(f"nameserver {nameserver}\noptions timeout:1 attempts:2\n")
        names = {"localhost": "127.0.0.1"} | dict(hosts or {})
        (self._inner / "hosts").write_text("".join(f"{address} {name}\n" for name, address in names.items()))
        if _BUNDLE.exists():
            self.trust(*roots)
        argv = [installed("unshare", _HOW), *_own_user(), "--net", "--mount", "sh", "-c", _HOLD]
        environment = os.environ | {"ADDRESSES": " ".join(addresses), "FILES": str(self._inner)}
        self._holder = Program(argv, folder / "namespace.log", env=environment)
        try:
            self._holder.wait_until(lambda: "held" in self._holder.text(), "holding a namespace of its own")
        except PeerFailure as failure:
            raise PeerFailure(
                f"no network namespace can be made here (run as root, or allow user namespaces): {failure}"
            ) from None

    def trust(self, *roots: Path) -> None:
        """From now on every program inside that reads the machine's bundle also trusts these PEM files."""
        # Written in place, not renamed: a bind mount holds on to the file, not to its name.
        (self._inner / "bundle.pem").write_bytes(b"".join(path.read_bytes() for path in (_BUNDLE, *roots)))

    def start(self, argv: Sequence[str | Path], name: str, *, env: Mapping[str, str] | None = None) -> Program:
        """Run a program inside; its log is `<name>.log` in the folder, its pid its own and no wrapper's."""
        program = Program([*self._enter(), *argv], self.folder / f"{name}.log", env=env or without_trust_overrides())
        self._started.append(program)
        return program

    def argv(self, argv: Sequence[str | Path]) -> list[str]:
        """The same command, as it is run from outside to be inside."""
        return [*self._enter(), *map(str, argv)]

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        seconds: float = 60,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside until it ends, at most *seconds*; with *check*, another status than 0 is a failure."""
        command = [*self._enter(), *(str(part) for part in argv)]
        done = subprocess.run(
            command,
            env=env or without_trust_overrides(),
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode:
            raise PeerFailure(f"{argv[0]} ended with status {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
        return done

    def accepts(self, port: int, address: str = "127.0.0.1") -> bool:
        """Whether something inside accepts TCP connections there."""
        found = self.run(["ss", "-Hltn", f"sport = :{port}"], check=False, seconds=10).stdout.split()
        return any(local in {f"{address}:{port}", f"0.0.0.0:{port}", f"*:{port}", f"[::]:{port}"} for local in found)

    def fetch(self, url: str, body: bytes | None = None, authority: Path | None = None) -> bytes:
        """The body of a 2xx answer, asked for inside (see `Place.fetch`)."""
        command = [sys.executable, "-c", _FETCH, url, str(authority or ""), "" if body is None else body.decode()]
        return base64.b64decode(self.run(command, env={"PYTHONPATH": str(ROOT)}).stdout)

    def answers(self, url: str, authority: Path | None = None) -> bool:
        """Whether *url*, asked for inside, is answered with a 2xx."""
        try:
            self.fetch(url, authority=authority)
        except PeerFailure:
            return False
        return True

    def inhabitants(self) -> list[int]:
        """Every process inside but the holder, as `ip netns pids` would find them."""
        if not self._holder.is_running:
            return []
        ours = Path(f"/proc/{self._holder.pid}/ns/net").readlink()
        return [pid for pid in _processes() if pid != self._holder.pid and _network_of(pid) == ours]

    def end(self) -> None:
        """Afterwards nothing runs inside and the namespace is gone. Idempotent."""
        for pid in self.inhabitants():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for program in (*self._started, self._holder):
            program.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _enter(self) -> list[str]:
        user = ["--user", "--preserve-credentials"] if _own_user() else []
        return [installed("nsenter", _HOW), "--target", str(self._holder.pid), *user, "--net", "--mount", "--"]


def _own_user() -> list[str]:
    return [] if os.geteuid() == 0 else ["--user", "--map-root-user"]


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _network_of(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/ns/net").readlink()
    except OSError:
        return None  # gone since we looked, or another user's

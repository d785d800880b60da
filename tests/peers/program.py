"""A real program that runs beside a test: started from an argument list, watched until ready, ended by its pid."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["ROOT", "PeerFailure", "Program", "installed", "without_trust_overrides"]

ROOT = Path(__file__).parents[2]
_PATH = os.pathsep.join(
    (str(ROOT / ".tools/bin"), str(ROOT / ".venv/bin"), os.environ.get("PATH", ""), "/usr/sbin", "/sbin")
)

# They send every client to the machine's own trust store, where no test CA stands.
_TRUST_OVERRIDES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


class PeerFailure(AssertionError):
    """A real program is missing, ended early, or was not ready in time; with the end of its log."""


def installed(name: str, how: str) -> str:
    """The path of a program, or a failure that says how it is installed."""
    path = shutil.which(name, path=_PATH)
    if path is None:
        raise PeerFailure(f"{name} is not installed; {how}")
    return path


def without_trust_overrides(**more: str) -> dict[str, str]:
    """This process's environment without its pointers at a trust store, plus *more*."""
    return {key: value for key, value in os.environ.items() if key not in _TRUST_OVERRIDES} | more


class Program:
    """One process of ours. Its output goes to a log file; leaving the `with` ends it, however the test went."""

    def __init__(self, argv: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None) -> None:
        self.argv = [str(part) for part in argv]
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def cost(self) -> tuple[float, int]:
        """Seconds of processor that it has used so far, and octets of memory that it has now."""
        process = Path("/proc") / str(self._process.pid)
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        pages = int((process / "statm").read_text().split()[1])
        ticks = int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE")

    def text(self) -> str:
        """Everything it has printed so far."""
        return self.log.read_text(errors="replace")

    def wait_until(self, ready: Callable[[], bool], what: str, patience: float = 20.0) -> Self:
        """Return when *ready* holds; a failure with the log when the program ends or *patience* seconds pass."""
        deadline = time.monotonic() + patience
        while not ready():
            if not self.is_running:
                raise self._failure(f"ended with status {self._process.returncode} before {what}")
            if time.monotonic() > deadline:
                self.end()
                raise self._failure(f"was not at '{what}' within {patience:g} s")
            time.sleep(0.02)
        return self

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def wait(self, patience: float = 20.0) -> int:
        """Its exit status, once it has ended of its own accord; `subprocess.TimeoutExpired` if it does not."""
        return self._process.wait(patience)

    def end(self, patience: float = 5.0) -> None:
        """Afterwards it is gone: asked first, killed when it does not go. Idempotent."""
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End it without a chance to tidy up, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _failure(self, what: str) -> PeerFailure:
        return PeerFailure(f"{Path(self.argv[0]).name} {what}; the end of its log:\n{self.text()[-2000:]}")

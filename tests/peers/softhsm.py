"""SoftHSM: a PKCS #11 token in files, through the same library interface as a real one."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pkcs11
from pkcs11.exceptions import PKCS11Error

from tests.peers.program import PeerFailure, installed

__all__ = ["SoftHsm"]

_HOW = "run `make peers`"


class SoftHsm:
    """One token in a folder of its own. The library finds it by SOFTHSM2_CONF in the environment of whoever uses it,
    so a process has one at a time: `environ` says which."""

    label = "evercert test"
    pin = "correct horse"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._config = folder / "softhsm2.conf"
        (folder / "tokens").mkdir()
        self._config.write_text(
            f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        self.initialize("--free")

    @property
    def module(self) -> str:
        for path in sorted(Path("/usr/lib").glob("**/softhsm/libsofthsm2.so")):
            return str(path)
        raise PeerFailure(f"SoftHSM is not installed; {_HOW}")

    @property
    def environ(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self._config)}

    def uri(self, label: str, pin_source: str = "env:PIN", token: str = "evercert test") -> str:
        token = token.replace(" ", "%20")
        return f"pkcs11:token={token};object={label}?module-path={self.module}&pin-source={pin_source}"

    def initialize(self, *where: str) -> None:
        """Make the token anew: what was in it is gone."""
        self._run("--init-token", *where, "--label", self.label, "--pin", self.pin, "--so-pin", "so pin 4321")

    def release(self) -> None:
        """Let the library in this process go of everything, as when a driver is restarted: no session survives."""
        with contextlib.suppress(PKCS11Error):
            pkcs11.lib(self.module).finalize()

    def _run(self, *arguments: str) -> None:
        command = [installed("softhsm2-util", _HOW), *arguments]
        subprocess.run(command, env=self.environ, check=True, capture_output=True, timeout=30)

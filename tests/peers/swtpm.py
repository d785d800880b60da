"""swtpm: a TPM 2.0 in software, driven by tpm2-tools, and by one command of our own where they lack it."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.ports import free_pair
from tests.peers.program import Program, installed, without_trust_overrides

__all__ = ["AK_HANDLE", "KEY_HANDLE", "Swtpm"]

_HOW = "run `make peers`"
AK_HANDLE, KEY_HANDLE = 0x81010001, 0x81010002

# TPM 2.0 Part 3 §18.2 (TPM2_Certify), Part 2 §6.5.2, §6.9, §7.4: commands, tags and the password session.
_SESSIONS, _CERTIFY, _PASSWORD, _NULL = 0x8002, 0x148, 0x40000009, 0x0010
_KEY = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign"


class Swtpm:
    """A new TPM, running for as long as the `with` lasts. Without a resource manager it holds three objects at once, so
    each step ends with a flush."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "state").mkdir()
        self._port = free_pair()  # tpm2-tss looks for the control channel on the next one
        server, control = (f"type=tcp,port={self._port + step},bindaddr=127.0.0.1" for step in (0, 1))
        arguments = ("--tpm2", "--tpmstate", f"dir={folder / 'state'}", "--server", server, "--ctrl", control)
        flags = ("--flags", "not-need-init,startup-clear")
        self._program = Program([installed("swtpm", _HOW), "socket", *arguments, *flags], folder / "swtpm.log")

    def __enter__(self) -> Self:
        self._program.wait_until(self._answers, "answering", 20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._program.end()

    def make_attestation_key(self, kind: str) -> bytes:
        """An endorsement key and, below it, an attestation key ("ecc", "rsa") at `AK_HANDLE`; the public half, PEM."""
        scheme = {"ecc": "ecdsa", "rsa": "rsassa"}[kind]
        self._tool("createek", "-c", "ek.ctx", "-G", kind, "-u", "ek.pub")
        arguments = ("-C", "ek.ctx", "-c", "ak.ctx", "-G", kind, "-g", "sha256", "-s", scheme)
        self._tool("createak", *arguments, "-u", "ak.pem", "-f", "pem")
        self._keep("ak.ctx", AK_HANDLE)
        return (self.folder / "ak.pem").read_bytes()

    def make_key(self, kind: str, attributes: str = _KEY) -> bytes:
        """A key to be certified ("ecc:ecdsa", "rsa2048", ...) at `KEY_HANDLE`; its public area (TPMT_PUBLIC)."""
        self._tool("createprimary", "-C", "o", "-g", "sha256", "-G", "ecc", "-c", "parent.ctx")
        self._tool("create", "-C", "parent.ctx", "-G", kind, "-a", attributes, "-u", "key.pub", "-r", "key.priv")
        self._tool("load", "-C", "parent.ctx", "-u", "key.pub", "-r", "key.priv", "-c", "key.ctx")
        self._keep("key.ctx", KEY_HANDLE)
        return (self.folder / "key.pub").read_bytes()[2:]

    def public_key(self) -> bytes:
        """The public half of the key at `KEY_HANDLE`, PEM."""
        self._tool("readpublic", "-c", hex(KEY_HANDLE), "-f", "pem", "-o", "key.pem")
        return (self.folder / "key.pem").read_bytes()

    def certify(self, qualifying: bytes, handle: int = KEY_HANDLE) -> tuple[bytes, bytes]:
        """TPM2_Certify of the key with the attestation key: TPMS_ATTEST and TPMT_SIGNATURE. (tpm2_certify takes no
        qualifying data of one's own.)"""
        session = struct.pack(">IHBH", _PASSWORD, 0, 0, 0)
        body = struct.pack(">III", handle, AK_HANDLE, 2 * len(session)) + 2 * session
        body += struct.pack(">H", len(qualifying)) + qualifying + struct.pack(">H", _NULL)
        answer = self._tool("send", given=struct.pack(">HII", _SESSIONS, 10 + len(body), _CERTIFY) + body)
        _, _, code, length = struct.unpack(">HIII", answer[:14])
        assert code == 0, hex(code)
        parameters = answer[14 : 14 + length]
        end = 2 + int.from_bytes(parameters[:2])
        return parameters[2:end], parameters[end:]

    def _keep(self, context: str, handle: int) -> None:
        self._tool("evictcontrol", "-C", "o", "-c", context, hex(handle))

    def _answers(self) -> bool:
        try:
            self._tool("getrandom", "4", "--hex")
        except subprocess.CalledProcessError:
            return False
        return True

    def _tool(self, name: str, *arguments: str, given: bytes = b"") -> bytes:
        tcti = f"swtpm:host=127.0.0.1,port={self._port}"
        environ = without_trust_overrides(TPM2TOOLS_TCTI=tcti, TSS2_LOG="all+none")
        done = subprocess.run(
            [installed(f"tpm2_{name}", _HOW), *arguments],
            input=given,
            cwd=self.folder,
            env=environ,
            capture_output=True,
            check=True,
            timeout=60,
        )
        if name not in {"send", "getrandom"}:
            subprocess.run(
                [installed("tpm2_flushcontext", _HOW), "-t"], cwd=self.folder, env=environ, check=True, timeout=60
            )
        return done.stdout

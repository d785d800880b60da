"""acme-tiny, 200 lines of Python that turn a request into a certificate and keep nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

from tests.peers.program import installed
from tests.strangers.client import HTTP, Client
from tests.strangers.version import package_version

__all__ = ["AcmeTiny"]


class AcmeTiny(Client):
    name = "acme-tiny"
    source = "Debian"
    challenges = (HTTP,)
    unable = MappingProxyType({"revoke": "has no word for it"})

    @classmethod
    def version(cls) -> str:
        return package_version("acme-tiny")

    def obtain(self, names: Sequence[str]) -> Path:
        self._answers = self.serve(self.home / "www")
        openssl = installed("openssl", "run `make peers`")
        # It signs with RSA keys only; what is certified may be any.
        self.run(openssl, "genrsa", "-out", self.home / "account.key", "2048")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.home / "it.key"]
        shown = ["-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)]
        self.run(openssl, "req", "-new", *key, "-subj", f"/CN={names[0]}", *shown, "-out", self.home / "it.csr")
        return self.renew()

    def renew(self) -> Path:
        program = installed("acme-tiny", "run `make peers`")
        files = ["--account-key", self.home / "account.key", "--csr", self.home / "it.csr", "--acme-dir", self._answers]
        chain = self.home / "it.pem"
        chain.write_text(self.run(program, *files, "--directory-url", self.ca.directory))
        return chain

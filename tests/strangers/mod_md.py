"""mod_md, with which Apache gets the certificates of its own sites."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import MappingProxyType

from tests.peers.program import Program, installed
from tests.strangers.client import DNS, HTTP, MAIL, TLS, Client

__all__ = ["ModMd"]

_MODULES = "/usr/lib/apache2/modules"
_LOADED = ("mpm_event", "authz_core", "socache_shmcb", "ssl", "md")
_KEYS = {"ec256": "secp256r1", "ec384": "secp384r1", "rsa2048": "RSA 2048"}

# After an error, be it of a machine that is busy, it waits for some 20 seconds.
_PATIENCE = 60

_CONFIG = """
ServerRoot {home}
ServerName localhost
PidFile {home}/apache.pid
ErrorLog /dev/stderr
LogLevel md:info
DefaultRuntimeDir {home}
Mutex file:{home} default
{modules}
User www-data
Group www-data
Listen 127.0.0.1:80
Listen 127.0.0.1:443
Protocols http/1.1 acme-tls/1
MDStoreDir {home}/md
MDCertificateAuthority {directory}
MDCACertificateFile {trust}
MDCertificateAgreement accepted
MDContactEmail {mail}
MDCAChallenges {challenge}
MDPrivateKeys {key}
MDRenewWindow {window}
MDInitialDelay 0s
{more}
MDomain {names}
<VirtualHost 127.0.0.1:443>
    ServerName {name}
    ServerAlias {others}
    SSLEngine on
</VirtualHost>
"""

_HOOK = """
case "$1" in
  setup) exec "{txt}" add "$2" "$3" ;;
  teardown) exec "{txt}" delete "$2" "$3" ;;
esac
"""


class ModMd(Client):
    name = "mod_md (Apache)"
    source = "Debian"
    challenges = (HTTP, DNS, TLS)
    beyond = frozenset({"eab", "profile", "ari"})
    unable = MappingProxyType({"revoke": "has no word for it"})

    @classmethod
    def version(cls) -> str:
        """Where it would say it in its log, it stands in the module."""
        found = re.search(rb"(\d+\.\d+)\.\d+\0%s mod_md/%s", Path(_MODULES, "mod_md.so").read_bytes())
        assert found, "mod_md tells no version"
        return found[1].decode()

    def obtain(self, names: Sequence[str]) -> Path:
        self._names = names
        self._running = self._serve("33%")
        # A certificate is put aside when it is there, and taken into use when the server starts the next time.
        self._running.wait_until(self._is_staged, "having a certificate", patience=_PATIENCE)
        return self._restarted("33%")

    def renew(self) -> Path:
        # All of a life that is shorter than ten years.
        self._restarted("3650d")
        self._running.wait_until(self._is_staged, "having another one", patience=_PATIENCE)
        return self._restarted("33%")

    def renew_when_told(self) -> Path:
        """It asks when it starts, and once a day."""
        self._restarted("33%")
        self._running.wait_until(self._is_staged, "having another one", patience=_PATIENCE)
        return self._restarted("33%")

    def _restarted(self, window: str) -> Path:
        self._running.end()
        self._running = self._serve(window)
        # It listens a moment before it has looked at what was put aside.
        self._running.wait_until(lambda: not self._job.parent.exists(), "taking it into use")
        return next(self.home.glob(f"md/domains/{self._names[0]}/pubcert*"))

    @property
    def _job(self) -> Path:
        return self.home / f"md/staging/{self._names[0]}/job.json"

    def _is_staged(self) -> bool:
        """Its job says that it is done, and from when on a start takes into use what came of it."""
        if not self._job.exists():
            return False
        told = json.loads(self._job.read_text())
        return bool(told.get("finished")) and parsedate_to_datetime(told["valid-from"]) <= datetime.now(UTC)

    def _serve(self, window: str) -> Program:
        more = []
        if self.wish.challenge == DNS:
            more.append(f"MDChallengeDns01 {self.script('hook', _HOOK.format(txt=self.ca.network.txt))}")
        if self.wish.profile:
            more.append(f"MDProfile {self.wish.profile}\nMDProfileMandatory on")
        if self.ca.eab:
            more.append(f"MDExternalAccountBinding {self.ca.eab.key_id} {self.ca.eab.mac_key}")
        file = self.home / "apache.conf"
        file.write_text(
            _CONFIG.format(
                home=self.home,
                modules="\n".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in _LOADED),
                directory=self.ca.directory,
                trust=self.ca.trust,
                mail=MAIL,
                challenge=self.wish.challenge,
                key=_KEYS[self.wish.key],
                window=window,
                more="\n".join(more),
                names=" ".join(self._names),
                name=self._names[0],
                others=" ".join(self._names[1:]),
            )
        )
        return self.start([installed("apache2", "run `make peers`"), "-f", file, "-D", "FOREGROUND"], "apache2", 443)

"""A real Apache with a configuration of the test's own, in a folder, on free ports."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from tests.peers.place import Machine
from tests.peers.ports import free_port
from tests.peers.program import Program, installed

__all__ = ["Apache"]

_MODULES = "/usr/lib/apache2/modules"
_MAIN = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
Mutex file:{folder} default
{modules}
User www-data
Group www-data
DocumentRoot {folder}/htdocs
<Directory {folder}/htdocs>
    Require all granted
</Directory>
Listen 127.0.0.1:{http}
IncludeOptional sites/*.conf
"""


class Apache:
    """`sites` are files by name; `{http}` and `{https}` in them are its two ports."""

    def __init__(self, folder: Path, sites: dict[str, str], modules: tuple[str, ...] = ("ssl",)) -> None:
        self.folder = folder
        self.binary = installed("apache2", "run `make peers`")
        self.http, self.https = free_port(), free_port()
        self.conf = folder / "apache.conf"
        (folder / "sites").mkdir(parents=True)
        (folder / "htdocs").mkdir()
        (folder / "htdocs" / "index.html").write_text("apache")
        # Its workers are another user, who must come through to the pages.
        for above in (folder, *folder.parents[:3]):
            above.chmod(above.stat().st_mode | 0o011)
        always = ("mpm_event", "authz_core", "authn_core", "dir", "alias", "rewrite", "socache_shmcb")
        loads = "\n".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in (*always, *modules))
        self.conf.write_text(_MAIN.format(folder=folder, http=self.http, modules=loads))
        for name, text in sites.items():
            self.write_site(name, text)
        self._program: Program | None = None

    def write_site(self, name: str, text: str) -> Path:
        path = self.folder / "sites" / name
        path.write_text(text.replace("{http}", str(self.http)).replace("{https}", str(self.https)))
        return path

    def site(self, name: str) -> str:
        return (self.folder / "sites" / name).read_text()

    @property
    def options(self) -> dict[str, str]:
        """What a user would set for the apache target, to reach this one."""
        return {
            "binary": self.binary,
            "conf": str(self.conf),
            "http_port": str(self.http),
            "https_port": str(self.https),
        }

    def start(self) -> Self:
        argv: list[str | Path] = [self.binary, "-f", self.conf, "-D", "FOREGROUND"]
        place = Machine(self.folder)
        self._program = place.start(argv, "apache")
        self._program.wait_until(lambda: place.accepts(self.http), "accepting connections")
        return self

    def end(self) -> None:
        if self._program is not None:
            self._program.end()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.end()

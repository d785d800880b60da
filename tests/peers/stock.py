"""Web servers as Debian installs them: a copy of their folder under /etc, bound over the real one in a namespace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.peers.namespaces import Namespace
from tests.peers.program import Program, installed

__all__ = ["served_folder", "stock_apache", "stock_nginx"]


def served_folder(folder: Path) -> Path:
    """The folder, made, and such that a web server's workers, who are another user, come through to it: pytest's own
    folders above it are closed to all but ours."""
    folder.mkdir()
    for above in folder.parents:
        if above.stat().st_mode & 0o011 != 0o011:
            above.chmod(above.stat().st_mode | 0o011)
    return folder


@contextmanager
def stock_nginx(namespace: Namespace, folder: Path, sites: Mapping[str, str]) -> Iterator[Path]:
    """A running nginx with *sites* beside Debian's default one; the folder that is its /etc/nginx."""
    etc = _own(namespace, folder, "nginx", ("/run", "/var/log/nginx", "/var/lib/nginx"))
    for name, text in sites.items():
        (etc / "sites-enabled" / name).write_text(text)
    nginx = namespace.start([installed("nginx", "run `make peers`"), "-g", "daemon off;"], "nginx")
    with _up(namespace, nginx):
        yield etc


@contextmanager
def stock_apache(
    namespace: Namespace, folder: Path, sites: Mapping[str, str], modules: Sequence[str] = ()
) -> Iterator[Path]:
    """A running Apache with *sites* beside Debian's default one, and *modules* enabled as `a2enmod` does it;
    the folder that is its /etc/apache2."""
    etc = _own(namespace, folder, "apache2", ("/run", "/var/log/apache2"))
    for module in modules:
        namespace.run([installed("a2enmod", "run `make peers`"), "--quiet", module])
    for name, text in sites.items():
        (etc / "sites-enabled" / f"{name}.conf").write_text(text)
    apache = namespace.start([installed("apache2ctl", "run `make peers`"), "-D", "FOREGROUND"], "apache2")
    with _up(namespace, apache):
        yield etc


def _own(namespace: Namespace, folder: Path, name: str, volatile: tuple[str, ...]) -> Path:
    etc = folder / f"etc-{name}"
    shutil.copytree(f"/etc/{name}", etc, symlinks=True)
    namespace.run(["mount", "--bind", etc, f"/etc/{name}"])
    for path in volatile:
        namespace.run(["mount", "-t", "tmpfs", "none", path])
    namespace.run(["mkdir", "--mode=1777", "/run/lock"])
    return etc


@contextmanager
def _up(namespace: Namespace, server: Program) -> Iterator[None]:
    with server:
        server.wait_until(lambda: namespace.accepts(80), "accepting connections")
        yield

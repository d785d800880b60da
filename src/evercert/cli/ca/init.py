"""`evercert ca init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import urlsplit

import click

from evercert.cli.ca.folder import dir_option
from evercert.cli.frame import framed
from evercert.cli.output import Output
from evercert.config.settings import Settings
from evercert.pki.key_type import KeyType

__all__ = ["command"]

_KEYS = click.Choice([each.value for each in KeyType])


@click.command("init")
@dir_option
@click.option("--name", default="Evercert", show_default=True, help="The CA's name, in its certificates.")
@click.option("--url", help="Where clients will reach it (default: https://localhost:8443).")
@click.option("--listen", multiple=True, metavar="ADDRESS:PORT", help="Where it listens (default: 127.0.0.1:8443).")
@click.option("--allow", multiple=True, metavar="CIDR", help="Private addresses that it may connect to to validate.")
@click.option("--root-key", type=_KEYS, default="ec384", show_default=True, help="The root's key.")
@click.option("--issuer-key", type=_KEYS, default="ec256", show_default=True, help="The issuer's key.")
@click.option("--issuer-token", default="", metavar="URI", help="Make the issuer's key in that token (pkcs11:...).")
@click.option("--permit", multiple=True, metavar="NAME", help="Name constraint, such as dns:example.test.")
@click.option("--root-passphrase", metavar="REF", help="The root key's passphrase: env:NAME, file:PATH or cred:NAME.")
@framed
def command(
    output: Output,
    settings: Settings,
    directory: Path | None,
    name: str,
    url: str | None,
    listen: tuple[str, ...],
    allow: tuple[str, ...],
    root_key: str,
    issuer_key: str,
    issuer_token: str,
    permit: tuple[str, ...],
    root_passphrase: str | None,
) -> int:
    """Make a CA: its root, its first issuer, its settings.

    The root's key is written apart and encrypted; no server ever needs it, so take it away from this machine.

    \b
    evercert ca init --name "Example Corp" --url https://ca.corp.test --listen 0.0.0.0:443 --allow 10.0.0.0/8
    evercert ca serve
    """
    from contextlib import closing
    from functools import partial
    from random import SystemRandom

    from evercert.base.clock import SystemClock
    from evercert.ca.setup.founding import Founding, found
    from evercert.ca.setup.settings import first_file
    from evercert.config.references import resolve
    from evercert.host.files import make_private_dir, write_durably
    from evercert.pki.cert import read_certificate
    from evercert.pki.hsm.opening import Tokens

    folder = (directory or settings.home / "ca").expanduser().absolute()
    founding = Founding(
        name,
        root_key=KeyType(root_key),
        issuer_key=KeyType(issuer_key),
        issuer_token=issuer_token,
        permitted=permit,
        root_passphrase=resolve(root_passphrase, settings.environ) if root_passphrase else None,
    )
    places = listen or ("127.0.0.1:8443",)
    text = first_file(url or "https://localhost:8443", places, allow)
    if not (folder / "root.pem").exists():
        # Before the root, whose being there says that the rest is.
        make_private_dir(folder)
        write_durably(folder / "ca.toml", text.encode(), 0o600)
    with closing(Tokens(partial(resolve, environ=settings.environ))) as tokens:
        founded = found(folder, founding, tokens.create, SystemClock().now(), SystemRandom())
    _lint_ahead(output, settings, folder)
    fingerprint = read_certificate(founded.root).fingerprint
    told = {"folder": str(folder), "root": fingerprint, "issuer": founded.issuer, "offline": str(founded.offline)}
    output.result(
        told,
        f"a CA is in {folder}",
        f"  root         {folder / 'root.pem'}",
        f"  fingerprint  {fingerprint}",
        f"  offline      {founded.offline}: the root's key; take it away from this machine, no server needs it",
        f"next: evercert ca serve{f' --dir {shlex.quote(str(folder))}' if directory else ''}",
    )
    if url and not listen and not _is_here(url):
        output.warn(f"clients shall reach it at {url}, and it listens on {places[0]} alone: see `listen` in ca.toml")
    return 0


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _lint_ahead(output: Output, settings: Settings, folder: Path) -> None:
    """What it finds is said again by `serve`, which does not serve then."""
    from evercert.base.errors import EvercertError
    from evercert.ca.node.opening import lint_ahead
    from evercert.ca.setup.settings import load_ca_settings
    from evercert.cli.frame import in_loop

    try:
        in_loop(lint_ahead(folder, load_ca_settings(folder / "ca.toml"), settings.environ))
    except EvercertError as error:
        output.warn(f"the CA is made, and cannot be served yet: {error.message}")

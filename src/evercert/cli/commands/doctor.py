"""`evercert doctor`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from evercert.cli import completing
from evercert.cli.frame import configured, framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]


@click.command("doctor")
@click.argument("names", nargs=-1, required=True)
@click.option(
    "--ca",
    metavar="CA",
    shell_complete=completing.known_cas,
    default="",
    help="A [cas.NAME] of the declaration, an id from `evercert ca list --known`, or a directory URL (default: the "
    "certificate's, all of them).",
)
@click.option(
    "--account",
    default="",
    help="Which account at the CA (default: the one that its [cas.*] says, or the certificate's).",
)
@click.option(
    "--http-port", type=click.IntRange(1, 65535), default=80, show_default=True, help="Where the CA looks for http-01."
)
@click.option(
    "--tls-port",
    type=click.IntRange(1, 65535),
    default=443,
    show_default=True,
    help="Where the CA looks for tls-alpn-01.",
)
@click.option(
    "--dns",
    metavar="PROVIDER",
    shell_complete=completing.dns_providers,
    default="",
    help="Examine for a proof by DNS through PROVIDER.",
)
@click.option("--tls-alpn-01", "tls_alpn01", is_flag=True, help="Examine for a proof by TLS.")
@click.option(
    "--ca-roots",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    help="Trust anchors for the CA's own TLS.",
)
@framed
@configured
def command(
    output: Output,
    settings: Settings,
    names: Sequence[str],
    ca: str,
    account: str,
    http_port: int,
    tls_port: int,
    dns: str,
    tls_alpn01: bool,
    ca_roots: str | None,
) -> int:
    """Find out what would stop a certificate for NAMES, before a CA is asked; change nothing.

    NAMES are names that a certificate may carry, or certificates, which are examined as they are wanted,
    at each of their CAs."""
    from evercert.cli.examining import Examination, examine_all

    asked = Examination(names, ca, account, http_port, tls_port, dns, tls_alpn01, ca_roots or "")
    return in_loop(examine_all(output, settings, asked))

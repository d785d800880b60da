"""`evercert revoke`."""

from __future__ import annotations

import click

from evercert.cli import completing
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.cli.reasons import reason_option
from evercert.config.settings import Settings
from evercert.pki.reasons import SUBSCRIBERS

__all__ = ["command"]


@click.command("revoke")
@click.argument("name", shell_complete=completing.certificate_names)
@reason_option(SUBSCRIBERS)
@click.option(
    "--by-certificate-key", is_flag=True, help="Sign with the certificate's own key instead of the account's."
)
@click.option("--serial", default="", help="An earlier certificate of that name instead of the current one.")
@click.option("--no-replacement", is_flag=True, help="Issue no other in its place, and forget the certificate.")
@framed
def command(
    output: Output,
    settings: Settings,
    name: str,
    reason: str,
    by_certificate_key: bool,
    serial: str,
    no_replacement: bool,
) -> int:
    """Revoke a certificate at its CA, and replace it at once unless told otherwise."""
    from evercert.cli.revoking import Revocation, revoke

    asked = Revocation(name, SUBSCRIBERS[reason], serial, by_certificate_key, replace=not no_replacement)
    return in_loop(revoke(output, settings, asked))

"""`evercert revoke`."""

from __future__ import annotations

import click

from evercert.cli import completing
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]

# RFC 5280 §5.3.1, those that an ACME client may ask for.
_REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
}


@click.command("revoke")
@click.argument("name", shell_complete=completing.certificate_names)
@click.option(
    "--reason",
    type=click.Choice(list(_REASONS), case_sensitive=False),
    metavar=f"[{'|'.join(_REASONS)}]",
    default="unspecified",
    show_default=True,
)
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

    asked = Revocation(name, _REASONS[reason], serial, by_certificate_key, replace=not no_replacement)
    return in_loop(revoke(output, settings, asked))

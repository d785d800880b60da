"""`evercert ca show`."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import click

from evercert.base.errors import EvercertError
from evercert.cli import completing
from evercert.cli.ca.folder import dir_option, has_ca
from evercert.cli.display import when
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

__all__ = ["command"]

# No id of a known CA looks like a serial number.
_SERIAL = re.compile(r"[0-9a-fA-F]{6,40}")


@click.command("show")
@click.argument("what", metavar="SERIAL|CA", shell_complete=completing.known_cas)
@dir_option
@framed
def command(output: Output, settings: Settings, directory: Path | None, what: str) -> int:
    """A certificate of this machine's CA by its serial number (or its beginning); or what is known of a public CA."""
    if _SERIAL.fullmatch(what) and has_ca(settings, directory):
        return in_loop(_certificate(output, settings, directory, what))
    from evercert.acme.cas import known_ca
    from evercert.cli.ca.known_lines import ca_lines

    try:
        known = known_ca(what)
    except EvercertError as error:
        if not has_ca(settings, directory):
            raise
        message = f"{what[:80]!r} is neither a serial number, of which six hex digits are enough, nor a known CA"
        raise EvercertError("not-found", message, hint="see `evercert ca list`, or with --known") from error
    output.result(known, *ca_lines(known))
    return 0


async def _certificate(output: Output, settings: Settings, directory: Path | None, serial: str) -> int:
    from evercert.ca.store import certificates
    from evercert.cli.ca.office import open_office_of, told
    from evercert.pki.cert import certificate_pem

    async with open_office_of(settings, directory) as office:
        found = await office.certificate(serial)
        document = told(found, office.clock.now()) | {
            "pem": certificate_pem(await certificates.body(office.db, found.serial))
        }
    lines = (f"{name:<10}  {_shown(value)}" for name, value in document.items() if name != "pem")
    output.result(document, *lines, str(document["pem"]).rstrip())
    return 0


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return when(value) if isinstance(value, datetime) else "-" if value is None else str(value)

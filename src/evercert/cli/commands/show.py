"""`evercert show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evercert.cli import completing
from evercert.cli.frame import framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings

if TYPE_CHECKING:
    from evercert.db.protocol import Database
    from evercert.model.fact import CertificateFact

__all__ = ["command"]


@click.command("show")
@click.argument("name", shell_complete=completing.certificate_names)
@click.option("--pem", is_flag=True, help="Print the certificate and its chain instead.")
@framed
def command(output: Output, settings: Settings, name: str, pem: bool) -> int:
    """Everything about one certificate: issued, installed, served, and what happens next."""
    return in_loop(_show(output, settings, name, pem))


async def _show(output: Output, settings: Settings, name: str, pem: bool) -> int:
    from evercert.base.clock import SystemClock
    from evercert.cli.display import certificate_document, certificate_lines
    from evercert.cli.outcome import planned, renewal
    from evercert.cli.store import existing, reading
    from evercert.store import issued

    now = SystemClock().now()
    async with reading(settings) as db:
        fact = await existing(db, name)
        if pem:
            text = await _pem(db, fact)
            output.result({"pem": text}, text.rstrip("\n"))
        else:
            at = await issued.ca_of(db, fact.current.id) if fact.current else ""
            lines = certificate_lines(fact, now, renewal(fact), planned(fact, now), at)
            output.result(certificate_document(fact, now, at), *lines)
    return 0


async def _pem(db: Database, fact: CertificateFact) -> str:
    from evercert.base.errors import EvercertError
    from evercert.pki.cert import certificate_pem
    from evercert.store import issued

    if fact.current is None:
        raise EvercertError("not-found", "nothing was issued for it yet", name=fact.intent.name)
    leaf, chain = await issued.body(db, fact.current.id)
    return "".join(map(certificate_pem, (leaf, *chain)))

"""`evercert account`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from evercert.cli import completing
from evercert.cli.frame import configured, confirm, framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings
from evercert.pki.key_type import ACCOUNT_KEYS

__all__ = ["command"]


def _at(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which account is meant."""
    words = "Which account at the CA (default: the one that its [cas.*] says, or default)."
    function = click.option("--account", help=words)(function)
    return click.option(
        "--ca",
        metavar="CA",
        shell_complete=completing.known_cas,
        help="The account's CA: a [cas.NAME] of the declaration, an id, or a directory URL.",
    )(function)


@click.group("account")
def command() -> None:
    """Accounts at CAs."""


@command.command("show")
@framed
def show(output: Output, settings: Settings) -> int:
    """Every account, as the store knows it."""
    from evercert.cli import accounts

    return in_loop(accounts.show(output, settings))


@command.command("update")
@_at
@click.option("--contact", multiple=True, metavar="MAIL", help="Where the CA may write to; none: nowhere.")
@framed
@configured
def update(output: Output, settings: Settings, ca: str | None, account: str | None, contact: Sequence[str]) -> int:
    """Tell the CA new contacts."""
    from evercert.cli import accounts

    return in_loop(accounts.update(output, settings, accounts.named(output, settings, ca, account), contact))


@command.command("rollover")
@_at
@click.option(
    "--key-type", type=click.Choice(ACCOUNT_KEYS), default="ec256", show_default=True, help="What the new key is."
)
@framed
@configured
def rollover(output: Output, settings: Settings, ca: str | None, account: str | None, key_type: str) -> int:
    """Give the account a new key; the old one is useless afterwards (RFC 8555 §7.3.5)."""
    from evercert.cli import accounts

    return in_loop(accounts.rollover(output, settings, accounts.named(output, settings, ca, account), key_type))


@command.command("deactivate")
@_at
@click.option("--yes", is_flag=True, help="Do not ask.")
@framed
@configured
def deactivate(output: Output, settings: Settings, ca: str | None, account: str | None, yes: bool) -> int:
    """End the account at its CA. This cannot be undone (RFC 8555 §7.3.6)."""
    from evercert.cli import accounts

    confirm(yes, "End the account for ever?")
    return in_loop(accounts.deactivate(output, settings, accounts.named(output, settings, ca, account)))


@command.command("import")
@_at
@click.option(
    "--ca-roots",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    help="Further trust anchors for the CA's own TLS.",
)
@click.option("--allow-http", is_flag=True, help="Accept a CA without TLS.")
@click.argument("key", type=click.Path(exists=True, dir_okay=False))
@framed
@configured
def import_(
    output: Output,
    settings: Settings,
    ca: str | None,
    account: str | None,
    ca_roots: str | None,
    allow_http: bool,
    key: str,
) -> int:
    """Take over an account by its private KEY (PEM)."""
    from evercert.cli import accounts

    which = accounts.named(output, settings, ca, account)
    return in_loop(accounts.import_key(output, settings, which, key, roots=ca_roots, allow_http=allow_http))


@command.command("export")
@_at
@click.argument("key", type=click.Path(dir_okay=False))
@framed
@configured
def export(output: Output, settings: Settings, ca: str | None, account: str | None, key: str) -> int:
    """Write the account's private key to the file KEY (PEM, 0600)."""
    from evercert.cli import accounts

    return in_loop(accounts.export_key(output, settings, accounts.named(output, settings, ca, account), key))

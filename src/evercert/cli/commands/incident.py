"""`evercert incident`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from evercert.cli import completing
from evercert.cli.frame import configured, framed, in_loop
from evercert.cli.output import Output
from evercert.config.settings import Settings
from evercert.pki.key_type import KeyType
from evercert.pki.reasons import SUBSCRIBERS

__all__ = ["command"]

# The largest number that the store has for anything.
_MOST = (1 << 63) - 1


def _said(context: click.Context, parameter: click.Parameter, written: str | None) -> str:
    """An empty text is a script's variable that was not set: without what it would have said, more would be meant."""
    if written == "":
        raise click.BadParameter("it is empty; leave the option out where it should narrow nothing")
    return written or ""


_MEANT = (
    click.option(
        "--ca",
        callback=_said,
        metavar="CA",
        shell_complete=completing.known_cas,
        help="Issued by that CA: a [cas.NAME] of the declaration, an id, or a directory URL.",
    ),
    click.option(
        "--issuer", callback=_said, metavar="PATTERN", help="Whose issuer is called like that, such as 'R1*'."
    ),
    click.option("--serial-from", callback=_said, metavar="HEX", help="Whose serial number is that or greater."),
    click.option("--serial-to", callback=_said, metavar="HEX", help="Whose serial number is that or less."),
    click.option(
        "--serials", type=click.Path(path_type=Path), metavar="FILE", help="Whose serial number is in that file."
    ),
    click.option("--key", callback=_said, metavar="SHA256", help="For that public key (SHA-256 of its SPKI, hex)."),
    click.option("--key-type", type=click.Choice([each.value for each in KeyType]), help="For keys of that type."),
    click.option("--profile", callback=_said, help="Of that profile."),
    click.option("--issued-from", callback=_said, metavar="WHEN", help="Issued then or later (a moment, or 3d: ago)."),
    click.option("--issued-until", callback=_said, metavar="WHEN", help="Issued before that."),
    click.option(
        "--expires-before", callback=_said, metavar="WHEN", help="Whose end is before that (or 30d: from now)."
    ),
    click.option("--owner", callback=_said, help="Of that owner (as declared)."),
    click.option("--tag", callback=_said, help="With that tag (as declared)."),
    click.option("--match", callback=_said, metavar="PATTERN", help="One of whose names is like that."),
)

_DONE = (
    click.option(
        "--revoke", type=click.Choice(list(SUBSCRIBERS)), help="Revoke each, once its replacement is installed."
    ),
    click.option("--revoke-first", is_flag=True, help="Revoke before replacing: what is in use fails until then."),
    click.option("--wave-size", type=click.IntRange(1), default=100, show_default=True, help="Of the first wave."),
    click.option(
        "--wave-growth", type=click.IntRange(1), default=2, show_default=True, help="How much larger each next is."
    ),
    click.option("--no-wait", is_flag=True, help="Release each wave without waiting for the one before."),
    click.option(
        "--most-failing",
        type=click.IntRange(0, 100),
        default=20,
        show_default=True,
        metavar="PERCENT",
        help="Release no further wave while more of the released ones fail.",
    ),
    click.option(
        "--to-ca",
        callback=_said,
        metavar="CA",
        shell_complete=completing.known_cas,
        help="Ask that CA first, whatever is declared, as where the usual one is distrusted.",
    ),
    click.option(
        "--to-account", default="", help="By that account there (default: the one that its [cas.*] says, or `default`)."
    ),
    click.option(
        "--deadline", callback=_said, metavar="WHEN", help="When it must be over, such as 24h; only compared."
    ),
)
_number = click.argument("number", type=click.IntRange(1, _MOST))


def _with(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@click.group("incident")
def command() -> None:
    """Replace many certificates before their time, in waves, and revoke them where asked.

    \b
    evercert incident plan --issuer 'R1*' --issued-from 2026-11-01 --deadline 24h
    evercert incident open --serials their-list.txt --reason "CA notice 42" --yes
    evercert incident open --key 5f1c… --revoke keyCompromise --drill
    """


@command.command("plan")
@_with(*_MEANT, *_DONE)
@framed
@configured
def plan(output: Output, settings: Settings, **given: Any) -> int:
    """How many certificates are meant, and how long the CAs' limits allow to take. Changes nothing."""
    from evercert.cli import incidents

    return in_loop(incidents.plan(output, settings, given))


@command.command("open")
@_with(*_MEANT, *_DONE)
@click.option("--reason", default="", metavar="TEXT", help="What happened, for those who look later.")
@click.option("--drill", is_flag=True, help="Find out what would fail, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@framed
@configured
def open_(output: Output, settings: Settings, reason: str, drill: bool, yes: bool, **given: Any) -> int:
    """Open an incident: what is meant now is replaced from now on, by whoever runs `evercert run`."""
    from evercert.cli import incidents

    if drill:
        return in_loop(incidents.drill(output, settings, given))
    return in_loop(incidents.open_(output, settings, given, reason, yes))


@command.command("list")
@framed
def list_(output: Output, settings: Settings) -> int:
    """Every incident, newest first."""
    from evercert.cli import incidents

    return in_loop(incidents.list_(output, settings))


@command.command("show")
@_number
@framed
def show(output: Output, settings: Settings, number: int) -> int:
    """How far an incident is, wave by wave, what fails, and when it will be over at this pace."""
    from evercert.cli import incidents

    return in_loop(incidents.show(output, settings, number))


@command.command("run")
@_number
@framed
def run(output: Output, settings: Settings, number: int) -> int:
    """Carry an incident through here, until it is over or only what fails is left. Others may do the same meanwhile."""
    from evercert.cli import incidents

    return in_loop(incidents.run(output, settings, number))


@command.command("pause")
@_number
@framed
def pause(output: Output, settings: Settings, number: int) -> int:
    """Begin nothing more of it until it is resumed; orders that were begun are finished."""
    from evercert.cli import incidents

    return in_loop(incidents.pause(output, settings, number))


@command.command("resume")
@_number
@framed
def resume(output: Output, settings: Settings, number: int) -> int:
    """Go on with what is paused, or held up because too many fail: those that fail now are taken as they are."""
    from evercert.cli import incidents

    return in_loop(incidents.resume(output, settings, number))


@command.command("cancel")
@_number
@click.option("--yes", is_flag=True, help="Do not ask.")
@framed
def cancel(output: Output, settings: Settings, number: int, yes: bool) -> int:
    """Give up what is left of it: what is not replaced stays in use until its usual renewal."""
    from evercert.cli import incidents

    return in_loop(incidents.cancel(output, settings, number, yes))
